from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import pytest
from msgspec.structs import replace

from katib.api import told
from katib.api.experiment import EXPERIMENTS, Experiment
from katib.api.suggestion import EarlyStoppingRule, TrialAssignment
from katib.api.trial import TRIALS, Trial
from katib.api.values import Key, Resource, Unstructured
from katib.collectors.told import FindRules, ToldReports
from katib.controllers.trial.gjson import Match, find_match
from katib.observations.memory import MemoryObservationLog
from katib.stores.memory import MemoryStore
from katib.testing.builders import a_running_trial, an_experiment
from katib.testing.clocks import FakeClock

RULE = EarlyStoppingRule(name="loss", value="1.0", comparison="greater", start_step=2)


class Stage:
    """A trial that is told of."""

    def __init__(
        self, rules: Sequence[EarlyStoppingRule] = (), find: FindRules | None = None
    ) -> None:
        self.store, self.log = MemoryStore(FakeClock()), MemoryObservationLog()
        self.warnings: list[tuple[str, str]] = []
        experiment = self.store.create(EXPERIMENTS, an_experiment().build())
        assignment = TrialAssignment(name="trial-a")
        trial = a_running_trial(experiment, assignment.name, assignment)
        spec = replace(trial.spec, early_stopping_rules=tuple(rules))
        self.trial: Trial = self.store.create(TRIALS, replace(trial, spec=spec))
        make = partial(ToldReports, self.store, self.log, self)
        self.told = make() if find is None else make(find)

    def collect(self, data: Mapping[str, str], kind: str = "ConfigMap") -> str:
        run = Unstructured(api_version="v1", kind=kind, body={"data": dict(data)})
        return self.told.collect(self.trial, run)

    @property
    def entries(self) -> list[tuple[str, str]]:
        return [(entry.name, entry.value) for entry in self.log.read(self.trial.key)]

    def record(self, resource: Resource, reason: str, message: str, warning: bool = False) -> None:
        assert warning
        self.warnings.append((reason, message))


def reports(*texts: str) -> dict[str, str]:
    return {told.report_key(number): text for number, text in enumerate(texts)}


def test_reports_are_copied_in_their_order_and_once() -> None:
    stage = Stage()
    texts = [f"loss={number}" for number in range(12)]
    for count in (3, 3, 12):
        assert stage.collect(reports(*texts[:count])) == ""
    assert stage.entries == [("loss", str(number)) for number in range(12)]


def test_another_engine_goes_on_where_the_first_ended() -> None:
    stage = Stage()
    stage.collect(reports("loss=1", "loss=2"))
    stage.told = ToldReports(stage.store, stage.log, stage)
    stage.collect(reports("loss=1", "loss=2", "loss=3"))
    assert stage.entries == [("loss", "1"), ("loss", "2"), ("loss", "3")]


def test_a_report_may_be_json_with_a_time_and_several_metrics() -> None:
    stage = Stage()
    stage.collect(reports('{"timestamp": "2026-01-31T12:00:00Z", "loss": "0.5", "f1": 0.25}'))
    assert stage.entries == [("loss", "0.5"), ("f1", "0.25")]
    assert stage.log.read(stage.trial.key)[0].time.isoformat() == "2026-01-31T12:00:00+00:00"


def test_a_report_that_cannot_be_read_is_told_and_left_out() -> None:
    stage = Stage()
    stage.collect(reports("loss=1", "what is this", "loss=2"))
    assert stage.entries == [("loss", "1"), ("loss", "2")]
    reason, message = stage.warnings[0]
    assert reason == "ReportRefused"
    assert message.startswith("Report 1 was left out: ")


def test_other_kinds_and_other_keys_are_none_of_its_business() -> None:
    stage = Stage()
    assert stage.collect(reports("loss=1"), kind="Pod") == ""
    assert stage.collect({"p0": "0.05", "report-": "loss=1", "report-x": "loss=2"}) == ""
    assert stage.entries == []


def test_a_rule_that_is_met_stops_the_trial() -> None:
    stage = Stage([RULE])
    assert stage.collect(reports("loss=3")) == ""
    found = stage.collect(reports("loss=3", "loss=2"))
    assert found == "loss=2.0, the best by report 2, is greater than 1.0"


def test_an_end_is_not_judged_any_more() -> None:
    stage = Stage([RULE])
    assert stage.collect({**reports("loss=3", "loss=2"), told.STATE: told.COMPLETE}) == ""


@pytest.mark.parametrize(
    ("message", "why"), [("pruned", "pruned"), ("", "whoever carries it out has stopped it")]
)
def test_whoever_carries_a_trial_out_may_stop_it(message: str, why: str) -> None:
    stage = Stage()
    data = {**reports("loss=3"), told.STATE: told.STOPPED, told.MESSAGE: message}
    assert stage.collect(data) == why
    assert stage.entries == [("loss", "3")]


def test_rules_that_change_judge_new_reports_alone() -> None:
    rules = [replace(RULE, start_step=0, value="5")]

    def find(trial: Trial, experiment: Experiment) -> object:
        assert experiment.key == Key("default", "an-experiment")
        return lambda: tuple(rules)

    stage = Stage(find=find)  # type: ignore[arg-type]  # as a plain function
    assert stage.collect(reports("loss=4")) == ""
    rules[:] = [replace(RULE, start_step=0, value="3")]
    assert stage.collect(reports("loss=4")) == ""
    assert "is greater than 3" in stage.collect(reports("loss=4", "loss=6"))


STATES = {
    told.ASKED: (None, None),
    told.COMPLETE: (Match("", ""), None),
    told.FAILED: (None, Match("GivenUp", "no time")),
    told.STOPPED: (None, None),
}


@pytest.mark.parametrize("state", STATES)
def test_the_conditions_of_a_template_see_the_end(state: str) -> None:
    data = {told.STATE: state, "p0": "0.1"}
    if state == told.FAILED:
        data |= {told.REASON: "GivenUp", told.MESSAGE: "no time"}
    run = told.run_of(data)
    both = told.SUCCESS_CONDITION, told.FAILURE_CONDITION
    assert tuple(find_match(condition, run) for condition in both) == STATES[state]
