from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from random import Random

import pytest
from scipy.stats import wilcoxon

from katib.api import names
from katib.api.experiment import ObjectiveSpec
from katib.api.suggestion import EarlyStoppingRule
from katib.collectors.signed_rank import p_value
from katib.collectors.stopping import RuleWatch
from katib.ports.observation_log import NO_TIME, MetricEntry

FIVE = "0.1,1,1,1,1,1"


@dataclass(frozen=True)
class Case:
    """A rule, reports, and the number of the report that meets it."""

    comparison: str
    value: str
    reports: Sequence[float | str]
    met_at: int | None
    step: int = 0
    type: str = names.MINIMIZE
    metric: str = "loss"


CASES: Mapping[str, Case] = {
    "A value with steps is looked at at those reports, each with its own threshold": Case(
        "greater", "2:5,4:1", [9, 5, 9, 9], 4
    ),
    "and nowhere else": Case("greater", "2:5,4:1", [9, 5, 9, 0.5, 9], None),
    "its first threshold": Case("greater", "2:5,4:1", [9, 9, 9], 2),
    "of the best so far": Case("greater", "3:5", [4, 9, 9], None),
    "of another metric the report": Case("greater", "3:5", [4, 4, 9], 3, metric="accuracy"),
    "of a maximised objective": Case("less", "2:5", [6, 1], None, type=names.MAXIMIZE),
    "Infinity that compares best is not the best, once there is a finite number": Case(
        "less", "2:5", ["inf", 1], 2, type=names.MAXIMIZE
    ),
    "until then it is compared": Case("greater", "1:5", ["inf"], 1),
    "but `nan` is not": Case("greater", "2:5", ["inf", "nan"], 2),
    "`outside` looks at each report from its start step on, and not at the best so far": Case(
        "outside", "0,1", [7, 0.5, 7], 3, step=2
    ),
    "below the lower bound": Case("outside", "0,1", [0.5, -0.1], 2),
    "What lies on a bound is not `outside`": Case("outside", "0,1", [0, 1, 1.01], 3),
    "What is not finite is `outside` all bounds": Case("outside", "-inf,inf", [1e9, "inf"], 2),
    "and `nan` as well": Case("outside", "-inf,inf", [1e9, "nan"], 2),
    "`stalled` is met after so many reports without an improvement": Case(
        "stalled", "2,0", [5, 4, 4, 3, 3, 3], 6
    ),
    "An improvement that is not above the least one is none": Case(
        "stalled", "2,0.5", [5, 4.5, 4.6], 3
    ),
    "slow improvements add up": Case("stalled", "2,0.5", [5, 4.6, 4.4, 4.2, 3.8, 3.8], None),
    "of a maximised objective nothing that falls": Case(
        "stalled", "3,0", [1, 2, 1, 1, 1], 5, type=names.MAXIMIZE
    ),
    "`nan` is no improvement": Case("stalled", "2,0", ["nan", "nan"], 2),
    "and the first number is one": Case("stalled", "2,0", ["nan", 7, 7, 7], 4),
    "Infinity is no improvement": Case("stalled", "2,0", ["-inf", 9, 8, 7, 7, 7], 6),
    "`stalled` is met at its start step at the earliest": Case(
        "stalled", "1,0", [5, 5, 5, 5], 4, step=4
    ),
    "`worse` is met when the signed-rank test of the pairs says so": Case(
        "worse", FIVE, [2, 2, 2, 2], 4
    ),
    "at its start step at the earliest": Case("worse", FIVE, [2, 2, 2, 2, 2], 5, step=5),
    "a probability that is just that of its value is not below it": Case(
        "worse", "0.0625,1,1,1,1,1", [2, 2, 2, 2, 2], 5
    ),
    "lower is better when it is minimised": Case("worse", FIVE, [0, 0, 0, 0, 0], None),
    "lower is worse when it is maximised": Case(
        "worse", FIVE, [0, 0, 0, 0], 4, type=names.MAXIMIZE
    ),
    "A trial that is not worse on average is not `worse`": Case(
        "worse", FIVE, [2, 2.1, 2.2, -20], None
    ),
    "though all ranks but one say so": Case("worse", "0.3" + ",1" * 8, [-90] + [2] * 7, None),
    "A pair with a report that is not finite is not compared": Case(
        "worse", FIVE, [2, "nan", 2, 2, 2], 5
    ),
    "Reports without a partner are not compared": Case("worse", "0.1,1,1,1", [2, 2, 2, 2, 2], None),
}


def watch(case: Case) -> RuleWatch:
    rule = EarlyStoppingRule(
        name=case.metric, value=case.value, comparison=case.comparison, start_step=case.step
    )
    return RuleWatch([rule], ObjectiveSpec(type=case.type, objective_metric_name="loss"))


@pytest.mark.parametrize("sentence", CASES)
def test_when_a_rule_is_met(sentence: str) -> None:
    case = CASES[sentence]
    watching = watch(case)
    assert not watching.unreadable
    met_at = None
    for number, report in enumerate(case.reports, start=1):
        watching.note([MetricEntry(NO_TIME, case.metric, str(report))])
        if watching.verdict and met_at is None:
            met_at = number
    assert met_at == case.met_at


FINDINGS: Mapping[str, Case] = {
    "loss=9.0, the best by report 2, is greater than 5.0": Case("greater", "2:5", [9, 9], 2),
    "loss=7.0, at report 1, is outside 0.0 to 1.0": Case("outside", "0,1", [7], 1),
    "loss=nan, at report 1, is not finite": Case("outside", "0,1", ["nan"], 1),
    "loss=5.0, of report 1, was not improved by more than 0.5 in 2 reports": Case(
        "stalled", "2,0.5", [5, 4.75, 4.9], 3
    ),
    "loss=2 on average by report 4 is worse than 1: p=0.0625 is less than 0.1": Case(
        "worse", FIVE, [2, 2, 2, 2], 4
    ),
}


@pytest.mark.parametrize("finding", FINDINGS)
def test_a_finding_names_value_and_threshold(finding: str) -> None:
    case = FINDINGS[finding]
    watching = watch(case)
    watching.note([MetricEntry(NO_TIME, "loss", str(report)) for report in case.reports])
    assert watching.verdict == finding


@pytest.mark.rule("A rule whose value does not fit its comparison is never met")
@pytest.mark.parametrize(
    ("comparison", "value"),
    [
        ("greater", "1,2"),
        ("greater", "1:2,much"),
        ("greater", "1:nan"),
        ("outside", "1"),
        ("outside", "0,1,2"),
        ("stalled", "0,1"),
        ("stalled", "2,-1"),
        ("stalled", "nan,0"),
        ("worse", "0.1"),
        ("worse", "0,1,1"),
        ("worse", "1,1,1"),
        ("worse", ""),
    ],
)
def test_a_value_that_does_not_fit(comparison: str, value: str) -> None:
    watching = watch(Case(comparison, value, [], None))
    assert [rule.value for rule in watching.unreadable] == [value]
    watching.note([MetricEntry(NO_TIME, "loss", text) for text in ("inf", "9", "9", "9", "9")])
    assert watching.verdict == ""


@pytest.mark.rule(
    "Pairs that are equal are left out of the signed-rank test, and equal differences share a rank"
)
def test_the_signed_rank_test_is_that_of_all_signs() -> None:
    random = Random(3)
    for count in range(1, 11):
        for _ in range(10):
            differences = [float(random.randint(-3, 4)) for _ in range(count)]
            kept = [one for one in differences if one]
            sizes = sorted(map(abs, kept))
            rank = {
                size: sum(n for n, one in enumerate(sizes, 1) if one == size) / sizes.count(size)
                for size in sizes
            }
            found = sum(rank[one] for one in kept if one > 0)
            sums = [
                sum(rank[abs(one)] for one, sign in zip(kept, signs, strict=True) if sign)
                for signs in product((0, 1), repeat=len(kept))
            ]
            assert p_value(differences) == sum(one >= found for one in sums) / len(sums)


@pytest.mark.parametrize("count", [1, 5, 25, 50])
def test_the_signed_rank_test_agrees_with_scipy(count: int) -> None:
    random = Random(count)
    differences = [random.gauss(0.2, 1) for _ in range(count)]
    expected = wilcoxon(differences, alternative="greater", method="exact").pvalue
    assert p_value(differences) == pytest.approx(expected, rel=1e-9)


def test_nothing_differs() -> None:
    assert p_value([]) == p_value([0.0, 0.0]) == 1
