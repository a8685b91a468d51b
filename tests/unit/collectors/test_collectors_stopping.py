from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pytest

from katib.api import names
from katib.api.experiment import ObjectiveSpec
from katib.api.suggestion import EarlyStoppingRule
from katib.collectors.stopping import LiveRules, RuleWatch
from katib.ports.observation_log import NO_TIME, MetricEntry

Report = tuple[str, str]


def rule(comparison: str, value: str, step: int = 0, metric: str = "loss") -> EarlyStoppingRule:
    return EarlyStoppingRule(name=metric, value=value, comparison=comparison, start_step=step)


def of(metric: str, *values: str) -> list[Report]:
    return [(metric, value) for value in values]


def loss(*values: str) -> list[Report]:
    return of("loss", *values)


@dataclass(frozen=True)
class Case:
    """Rules, reports, and the number of the report after which the trial is to be stopped."""

    rules: Sequence[EarlyStoppingRule]
    reports: Sequence[Report]
    stopped_at: int | None
    type: str = names.MINIMIZE


CASES: Mapping[str, Case] = {
    "A trial without rules is never stopped": Case([], loss("1", "2"), None),
    "A rule with a start step is looked at once, at that report": Case(
        [rule("greater", "1", 2)], loss("5", "5", "5"), 2
    ),
    "and not before it": Case([rule("greater", "1", 3)], loss("5", "5"), None),
    "A best value that was good enough at the start step saves the trial for good": Case(
        [rule("less", "0.5", 2)], loss("0.6", "0.4", "0.3", "0.1"), None, names.MAXIMIZE
    ),
    "and not after it, though the metric of another rule comes late": Case(
        [rule("less", "1", 1, "accuracy")], of("accuracy", "2", "0.5"), None
    ),
    "A rule without a start step is looked at at every report": Case(
        [rule("less", "1", 0, "accuracy")], of("accuracy", "3", "2", "1", "0.5"), 4
    ),
    "Of the objective metric the best value so far is compared": Case(
        [rule("greater", "2", 3)], loss("1", "9", "9"), None
    ),
    "and so a bad report after a good one stops nothing": Case(
        [rule("greater", "2")], loss("1", "9", "9"), None
    ),
    "The best value of a maximised objective is the largest": Case(
        [rule("greater", "8", 3)], loss("1", "9", "2"), 3, names.MAXIMIZE
    ),
    "Of another metric the reported value is compared": Case(
        [rule("greater", "2", 2, "accuracy")], of("accuracy", "1", "9"), 2
    ),
    "`less` does not mean equal": Case([rule("less", "1")], loss("1", "1.0", "0.99"), 3),
    "`greater` does not mean equal": Case(
        [rule("greater", "1", 0, "accuracy")], of("accuracy", "1", "1.0", "1.01"), 3
    ),
    "`equal` compares numbers and not texts": Case([rule("equal", "1")], loss("2", "1.00"), 2),
    "A comparison of another name means `equal`": Case([rule("", "1")], loss("2", "1"), 2),
    "Only when all of its rules are met is a trial stopped": Case(
        [rule("greater", "1", 1), rule("less", "0.5", 1, "accuracy")],
        [*loss("2"), *of("accuracy", "0.4")],
        2,
    ),
    "and never when one of them is not": Case(
        [rule("greater", "1", 1), rule("less", "0.5", 1, "accuracy")],
        [*loss("2"), *of("accuracy", "0.6", "0.4")],
        None,
    ),
    "A rule that was met stays met": Case(
        [rule("less", "0.5", 0, "accuracy"), rule("greater", "1", 2)],
        [*of("accuracy", "0.4", "0.9"), *loss("3"), *of("accuracy", "0.9"), *loss("2")],
        5,
    ),
    "The reports of each metric are counted for themselves": Case(
        [rule("greater", "1", 2)], [*of("accuracy", "9", "9", "9"), *loss("2", "2")], 5
    ),
    "two rules of one metric have their own steps": Case(
        [rule("greater", "1", 1), rule("greater", "2", 3)], loss("4", "4", "4"), 3
    ),
    "A report that is no number does not count": Case(
        [rule("greater", "1", 2)], loss("5", "low", "", names.UNAVAILABLE, " 5", "5"), 6
    ),
    "`nan` counts as a report, meets no rule and is never the best": Case(
        [rule("greater", "1", 3)], loss("nan", "2", "nan"), 3
    ),
    "and nothing is met by `nan` alone": Case(
        [rule("greater", "1"), rule("less", "1"), rule("equal", "nan")], loss("nan", "nan"), None
    ),
    "infinity is a number": Case([rule("greater", "1", 1)], loss("inf"), 1),
    "a rule whose value is no number is never met": Case(
        [rule("greater", "much")], loss("5", "inf"), None
    ),
    "a rule of a metric that is never reported is never met": Case(
        [rule("greater", "1"), rule("less", "1", 0, "accuracy")], loss("5", "5"), None
    ),
}


@pytest.mark.parametrize("sentence", CASES)
def test_when_a_trial_is_to_be_stopped(sentence: str) -> None:
    case = CASES[sentence]
    objective = ObjectiveSpec(
        type=case.type, objective_metric_name="loss", additional_metric_names=("accuracy",)
    )
    watch = RuleWatch(case.rules, objective)
    stopped: list[str] = []
    for metric, value in case.reports:
        watch.note([MetricEntry(NO_TIME, metric, value)])
        if watch.verdict:
            stopped.append(watch.verdict)
    first = len(case.reports) - len(stopped) + 1 if stopped else None
    assert first == case.stopped_at
    assert len(set(stopped)) <= 1, "a verdict is final"
    at_once = RuleWatch(case.rules, objective)
    at_once.note([MetricEntry(NO_TIME, *report) for report in case.reports])
    assert at_once.verdict == watch.verdict


def test_a_verdict_names_rule_value_and_threshold() -> None:
    rules = [rule("greater", "0.50", 2), rule("less", "0.5", 0, "accuracy"), rule("", "3", 1, "f")]
    watch = RuleWatch(rules, ObjectiveSpec(type="minimize", objective_metric_name="loss"))
    assert watch.metrics == {"loss", "accuracy", "f"}
    for metric, value in [*loss("0.75", "0.9"), *of("accuracy", "0.6", "0.4"), *of("f", "3")]:
        watch.note([MetricEntry(NO_TIME, metric, value)])
    assert watch.verdict == (
        "loss=0.75, the best by report 2, is greater than 0.50; "
        "accuracy=0.4, at report 2, is less than 0.5; "
        "f=3.0, at report 1, is equal to 3"
    )


def test_rules_that_can_never_be_met_are_known() -> None:
    rules = [rule("greater", "much"), rule("less", ""), rule("less", "1e999"), rule("less", "1")]
    watch = RuleWatch(rules, ObjectiveSpec(objective_metric_name="loss"))
    assert watch.unreadable == rules[:3]


def report(watch: RuleWatch, *values: str) -> str:
    watch.note([MetricEntry(NO_TIME, metric, value) for metric, value in loss(*values)])
    return watch.verdict


def test_a_trial_is_judged_by_the_rules_of_now() -> None:
    given = [rule("greater", "9")]
    watch = RuleWatch(given, ObjectiveSpec(objective_metric_name="loss"), LiveRules(lambda: given))
    assert report(watch, "5") == ""
    given[:] = [rule("greater", "2:4,3:1")]
    assert report(watch, "4.5") == "loss=4.5, the best by report 2, is greater than 4.0"


@pytest.mark.rule("Each report is judged once, by the rules of its moment")
def test_what_was_judged_is_not_judged_again_by_what_is_known_later() -> None:
    given: list[EarlyStoppingRule] = []
    watch = RuleWatch(given, ObjectiveSpec(objective_metric_name="loss"), LiveRules(lambda: given))
    assert report(watch, "5", "nothing", "4") == ""
    given[:] = [rule("greater", "1:0,2:0,3:3,4:1")]
    assert report(watch, "6") == "loss=4.0, the best by report 3, is greater than 3.0"


def test_after_a_restart_old_reports_meet_only_the_rules_of_the_trial() -> None:
    own, live = [rule("greater", "2:4")], LiveRules(lambda: [rule("greater", "3:1,4:1")], judged=3)
    objective = ObjectiveSpec(objective_metric_name="loss")
    watch = RuleWatch(own, objective, live)
    assert report(watch, "5", "3", "2") == ""
    assert report(watch, "2") == "loss=2.0, the best by report 4, is greater than 1.0"
    assert report(RuleWatch(own, objective, live), "5", "5") != ""


def test_a_rule_that_stays_keeps_what_it_found() -> None:
    stays, goes, comes = (rule("greater", value) for value in ("1", "9", "2"))
    given = [stays, goes]
    watch = RuleWatch((), ObjectiveSpec(objective_metric_name="loss"), LiveRules(lambda: given))
    assert report(watch, "3") == ""
    given[:] = [stays, comes]
    assert report(watch, "2.5").startswith("loss=3.0, the best by report 1, is greater than 1; ")


def test_other_metrics_ask_for_no_new_rules() -> None:
    asked: list[str] = []
    live = LiveRules(lambda: asked.append("now") or ())  # type: ignore[func-returns-value]
    watch = RuleWatch((), ObjectiveSpec(objective_metric_name="loss"), live)
    watch.note([MetricEntry(NO_TIME, "accuracy", "1"), MetricEntry(NO_TIME, "loss", "text")])
    assert asked == []
    watch.note([MetricEntry(NO_TIME, "loss", "1")])
    assert asked == ["now"]
