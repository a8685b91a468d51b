"""When one early stopping rule is met: a judge for each comparison, told every report. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Protocol

from katib.api import names
from katib.api.experiment import ObjectiveSpec
from katib.api.stopping import (
    EQUAL,
    GREATER,
    LESS,
    OUTSIDE,
    STALLED,
    WORSE,
    read_numbers,
    read_steps,
)
from katib.api.suggestion import EarlyStoppingRule
from katib.collectors.signed_rank import p_value


class Judge(Protocol):
    """Judges the reports of one metric of one trial by one rule."""

    def note(self, number: float) -> str:
        """What was found at this report, the next one; empty when the rule is not met by it."""
        ...


def judge_of(rule: EarlyStoppingRule, objective: ObjectiveSpec) -> Judge | None:
    """Who judges by a rule; nobody when its value cannot be read.

    Args:
        rule: a comparison of another name means ``equal``.
        objective: says what is better, for rules of other metrics too.
    """
    make = _JUDGES.get(rule.comparison, _Compared)
    try:
        return make(rule, objective)
    except ValueError:
        return None


class _Best:
    """The best finite number so far; until there is one, the latest that is not ``nan``."""

    def __init__(self, objective: ObjectiveSpec) -> None:
        self._choose = max if objective.type == names.MAXIMIZE else min
        self._number = math.nan

    def note(self, number: float) -> float:
        if not math.isfinite(self._number):
            self._number = self._number if math.isnan(number) else number
        elif math.isfinite(number):
            self._number = self._choose(self._number, number)
        return self._number


class _Compared:
    """Katib's comparisons, of the best so far of the objective metric or the report of another.

    With one number in its value a rule with a start step is looked at once, at that report, and one
    without at every report. A value with steps says itself at which reports, and for what.
    """

    def __init__(self, rule: EarlyStoppingRule, objective: ObjectiveSpec) -> None:
        self._rule, self._report = rule, 0
        is_objective = rule.name == objective.objective_metric_name
        self._best = _Best(objective) if is_objective else None
        self._how, self._is_so = _WORDS.get(rule.comparison, _WORDS[EQUAL])
        self._steps: Mapping[int, float] = {}
        if ":" in rule.value:
            self._steps = read_steps(rule.value)
            _require(bool(self._steps))
        else:
            self._threshold = _numbers(rule, 1)[0]

    def note(self, number: float) -> str:
        self._report += 1
        if self._best is not None:
            number = self._best.note(number)
        threshold = self._threshold_now()
        if threshold is None or not self._is_so(number, threshold):
            return ""
        when = "at" if self._best is None else "the best by"
        than = threshold if self._steps else self._rule.value
        return f"{self._rule.name}={number}, {when} report {self._report}, is {self._how} {than}"

    def _threshold_now(self) -> float | None:
        if self._steps:
            return self._steps.get(self._report)
        return self._threshold if self._rule.start_step in (0, self._report) else None


class _Outside:
    """From the start step on, a report that is beyond the bounds or not finite meets the rule."""

    def __init__(self, rule: EarlyStoppingRule, _: ObjectiveSpec) -> None:
        self._rule, self._report = rule, 0
        self._lower, self._upper = _numbers(rule, 2)

    def note(self, number: float) -> str:
        self._report += 1
        if self._report < self._rule.start_step:
            return ""
        found = f"{self._rule.name}={number}, at report {self._report}, is"
        if not math.isfinite(number):
            return f"{found} not finite"
        is_within = self._lower <= number <= self._upper
        return "" if is_within else f"{found} outside {self._lower} to {self._upper}"


class _Stalled:
    """From the start step on, so many reports without an improvement meet the rule.

    An improvement is better, by more than the value says, than the last one; the first finite
    number is one, and what is not finite is none.
    """

    def __init__(self, rule: EarlyStoppingRule, objective: ObjectiveSpec) -> None:
        self._rule, self._report = rule, 0
        self._patience, self._least = _numbers(rule, 2)
        _require(self._patience >= 1 and self._least >= 0)
        self._sign = _sign(objective)
        self._last, self._at = math.nan, 0

    def note(self, number: float) -> str:
        self._report += 1
        is_better = math.isnan(self._last) or self._sign * (self._last - number) > self._least
        if is_better and math.isfinite(number):
            self._last, self._at = number, self._report
        waited = self._report - self._at
        if waited < self._patience or self._report < self._rule.start_step:
            return ""
        found = f"{self._rule.name}={self._last}, of report {self._at}, was not improved"
        return f"{found} by more than {self._least:g} in {self._patience:g} reports"


class _Worse:
    """From the start step on, reports that are significantly worse than others meet the rule.

    Compared are the first report with the first, and so on, by the signed-rank test; reports that
    are not finite are left out. Who is not worse on average is not worse.
    """

    def __init__(self, rule: EarlyStoppingRule, objective: ObjectiveSpec) -> None:
        self._rule, self._report = rule, 0
        self._least, *self._others = _numbers(rule)
        _require(0 < self._least < 1 and bool(self._others))
        self._sign = _sign(objective)
        self._pairs: list[tuple[float, float]] = []

    def note(self, number: float) -> str:
        self._report += 1
        if self._report > len(self._others) or not math.isfinite(number):
            return ""
        self._pairs.append((number, self._others[self._report - 1]))
        worse_by = [self._sign * (mine - other) for mine, other in self._pairs]
        if self._report < self._rule.start_step or sum(worse_by) <= 0:
            return ""
        found = p_value(worse_by)
        if found >= self._least:
            return ""
        mine, other = (math.fsum(side) / len(worse_by) for side in zip(*self._pairs, strict=True))
        average = f"{self._rule.name}={mine:g} on average by report {self._report}"
        return f"{average} is worse than {other:g}: p={found:g} is less than {self._least:g}"


def _sign(objective: ObjectiveSpec) -> float:
    """What a difference is multiplied with so that worse is larger."""
    return -1.0 if objective.type == names.MAXIMIZE else 1.0


def _numbers(rule: EarlyStoppingRule, count: int = 0) -> tuple[float, ...]:
    """The numbers of its value, so many if that is said."""
    numbers = read_numbers(rule.value)
    _require(bool(numbers) and count in (0, len(numbers)))
    return numbers


def _require(is_right: bool) -> None:
    if not is_right:
        raise ValueError("the value does not fit the comparison")


_WORDS: Mapping[str, tuple[str, Callable[[float, float], bool]]] = {
    LESS: ("less than", lambda number, threshold: number < threshold),
    GREATER: ("greater than", lambda number, threshold: number > threshold),
    EQUAL: ("equal to", lambda number, threshold: number == threshold),
}

_JUDGES: Mapping[str, Callable[[EarlyStoppingRule, ObjectiveSpec], Judge]] = {
    OUTSIDE: _Outside,
    STALLED: _Stalled,
    WORSE: _Worse,
}
