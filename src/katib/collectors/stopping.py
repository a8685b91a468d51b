"""Whether a trial's reports meet its early stopping rules. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from katib.api import names
from katib.api.experiment import ObjectiveSpec
from katib.api.numbers import parse_number
from katib.api.suggestion import EarlyStoppingRule
from katib.ports.observation_log import MetricEntry


class RuleWatch:
    """Looks at every report of a trial, in order, until all of its rules are met.

    Of the objective metric the best value so far is compared, by the objective's type; of others
    the reported one. A rule with a start step is looked at once, at that report of its metric; one
    without at every report. A rule that was met stays met. A report that is no number is none;
    ``nan`` is one, meets nothing and is never the best.

    Args:
        rules: of one trial; without any, nothing is ever met.
        objective: of the trial.
    """

    def __init__(self, rules: Iterable[EarlyStoppingRule], objective: ObjectiveSpec) -> None:
        self._rules = [_Pending(rule, parse_number(rule.value)) for rule in rules]
        self._metric = objective.objective_metric_name
        self._choose = max if objective.type == names.MAXIMIZE else min
        self._best = math.nan

    @property
    def metrics(self) -> frozenset[str]:
        """The metrics that the rules are about."""
        return frozenset(one.rule.name for one in self._rules)

    @property
    def unreadable(self) -> Sequence[EarlyStoppingRule]:
        """The rules whose value is no number: they are never met."""
        return [one.rule for one in self._rules if one.threshold is None]

    @property
    def verdict(self) -> str:
        """Why the trial is to be stopped; empty until every rule is met."""
        if not all(one.is_met for one in self._rules):
            return ""
        return "; ".join(one.finding for one in self._rules)

    def note(self, entries: Iterable[MetricEntry]) -> None:
        """Take in reports, the oldest first."""
        if not self._rules:
            return
        for entry in entries:
            number = parse_number(entry.value)
            if number is not None:
                self._note(entry.name, number)

    def _note(self, metric: str, number: float) -> None:
        is_best = metric == self._metric
        if is_best:
            number = self._best = self._better(number)
        for one in self._rules:
            if one.rule.name == metric:
                one.note(number, is_best)

    def _better(self, number: float) -> float:
        if math.isnan(self._best) or math.isnan(number):
            return self._best if math.isnan(number) else number
        return self._choose(self._best, number)


@dataclass(slots=True)
class _Pending:
    """One rule, how many reports of its metric there were, and what met it."""

    rule: EarlyStoppingRule
    threshold: float | None
    reports: int = 0
    finding: str = ""

    @property
    def is_met(self) -> bool:
        return bool(self.finding)

    def note(self, number: float, is_best: bool) -> None:
        self.reports += 1
        step = self.rule.start_step
        if self.is_met or self.threshold is None or (step != 0 and step != self.reports):
            return
        how, is_so = _compare(self.rule.comparison, number, self.threshold)
        if is_so:
            when = f"{'the best by' if is_best else 'at'} report {self.reports}"
            self.finding = f"{self.rule.name}={number}, {when}, is {how} {self.rule.value}"


def _compare(comparison: str, number: float, threshold: float) -> tuple[str, bool]:
    if comparison == "less":
        return "less than", number < threshold
    if comparison == "greater":
        return "greater than", number > threshold
    return "equal to", number == threshold
