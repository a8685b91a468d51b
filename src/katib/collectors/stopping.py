"""Whether a trial's reports meet its early stopping rules. Pure."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from katib.api.experiment import ObjectiveSpec
from katib.api.numbers import parse_number
from katib.api.suggestion import EarlyStoppingRule
from katib.collectors.judges import Judge, judge_of
from katib.ports.early_stopper import RulesNow
from katib.ports.observation_log import MetricEntry


class RuleWatch:
    """Looks at every report of a trial, in order, until all of its rules are met.

    What a rule looks at, its comparison says; see ``katib.collectors.judges``. A rule that was met
    stays met. A report that is no number is none; ``nan`` is one.

    Args:
        rules: that the trial was made with; without any, nothing is ever met.
        objective: of the trial.
        live: other rules that hold from now on. New ones judge no report that was judged before.
    """

    def __init__(
        self,
        rules: Iterable[EarlyStoppingRule],
        objective: ObjectiveSpec,
        live: LiveRules | None = None,
    ) -> None:
        self._objective, self._live = objective, live
        self._rules = [_Watched(rule, judge_of(rule, objective)) for rule in rules]
        # By metric, every number so far: rules that come later count from the first one on.
        self._past: defaultdict[str, array[float]] = defaultdict(lambda: array("d"))

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
        if not self._rules and self._live is None:
            return
        reports = [
            (entry.name, number)
            for entry in entries
            if (number := parse_number(entry.value)) is not None
        ]
        if self._live is not None:
            self._renew(self._live, [name for name, _ in reports])
        for metric, number in reports:
            self._note(metric, number)

    def _note(self, metric: str, number: float) -> None:
        for one in self._rules:
            if one.rule.name == metric and one.judge is not None and not one.finding:
                one.finding = one.judge.note(number)
        if self._live is not None:
            self._past[metric].append(number)

    def _renew(self, live: LiveRules, reported: Sequence[str]) -> None:
        metric = self._objective.objective_metric_name
        if metric not in reported or len(self._past[metric]) < live.judged:
            return
        known = {one.rule: one for one in self._rules}
        self._rules = [known.get(rule) or self._begin(rule) for rule in live.now()]

    def _begin(self, rule: EarlyStoppingRule) -> _Watched:
        judge = judge_of(rule, self._objective)
        if judge is not None:
            for number in self._past[rule.name]:
                judge.note(number)
        return _Watched(rule, judge)


@dataclass(frozen=True, slots=True)
class LiveRules:
    """Rules that change while a trial runs, by what other trials report.

    Attributes:
        now: gives those that hold at this moment.
        judged: how many reports of the objective metric an earlier watch has judged by what was
            known then; they are not judged again by what is known now.
    """

    now: RulesNow
    judged: int = 0


@dataclass(slots=True)
class _Watched:
    """One rule, who judges by it, and what met it."""

    rule: EarlyStoppingRule
    judge: Judge | None
    finding: str = ""
