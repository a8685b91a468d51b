"""Whether a trial's reports meet its early stopping rules. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from katib.api.experiment import ObjectiveSpec
from katib.api.numbers import parse_number
from katib.api.suggestion import EarlyStoppingRule
from katib.collectors.judges import Judge, judge_of
from katib.ports.observation_log import MetricEntry


class RuleWatch:
    """Looks at every report of a trial, in order, until all of its rules are met.

    What a rule looks at, its comparison says; see ``katib.collectors.judges``. A rule that was met
    stays met. A report that is no number is none; ``nan`` is one.

    Args:
        rules: of one trial; without any, nothing is ever met.
        objective: of the trial.
    """

    def __init__(self, rules: Iterable[EarlyStoppingRule], objective: ObjectiveSpec) -> None:
        self._rules = [_Watched(rule, judge_of(rule, objective)) for rule in rules]

    @property
    def metrics(self) -> frozenset[str]:
        """The metrics that the rules are about."""
        return frozenset(one.rule.name for one in self._rules)

    @property
    def unreadable(self) -> Sequence[EarlyStoppingRule]:
        """The rules whose value cannot be read: they are never met."""
        return [one.rule for one in self._rules if one.judge is None]

    @property
    def verdict(self) -> str:
        """Why the trial is to be stopped; empty until every rule is met."""
        if not all(one.finding for one in self._rules):
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
        for one in self._rules:
            if one.rule.name == metric and one.judge is not None and not one.finding:
                one.finding = one.judge.note(number)


@dataclass(slots=True)
class _Watched:
    """One rule, who judges by it, and what met it."""

    rule: EarlyStoppingRule
    judge: Judge | None
    finding: str = ""
