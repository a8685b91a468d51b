"""The metrics of a function that is called: kept and judged as they come."""

from __future__ import annotations

import math
from collections.abc import Sequence

from katib.api.experiment import ObjectiveSpec
from katib.api.numbers import parse_number
from katib.api.values import Key
from katib.collectors.following import Reports
from katib.collectors.stopping import RuleWatch
from katib.ports.observation_log import MetricEntry

#: How many names of metrics are told.
TOLD_NAMES = 10


class Called:
    """Beside a function of a trial.

    Args:
        trial: whose function it is.
        reports: where its metrics go.
        watch: the rules by which it is ended early.
        objective: of the trial.
    """

    def __init__(
        self, trial: Key, reports: Reports, watch: RuleWatch, objective: ObjectiveSpec
    ) -> None:
        self.trial = trial
        self._reports, self._watch = reports, watch
        self._metric = objective.objective_metric_name
        self._names: dict[str, None] = {}
        self._has_number = False

    def take(self, entries: Sequence[MetricEntry]) -> str:
        self._reports.keep(entries)
        self._watch.note(entries)
        if not self._has_number:
            self._look(entries)
        return self._watch.verdict

    def conclude(self) -> str:
        metric = self._metric
        if self._has_number:
            return ""
        if metric in self._names:
            note = (
                f'No value of metric "{metric}" was a finite number: the trial cannot be compared'
            )
            self._reports.warn("MetricNotANumber", note)
            return note
        found = f"only {', '.join(list(self._names)[:TOLD_NAMES])}" if self._names else "nothing"
        note = (
            f'The function neither returned nor reported metric "{metric}", the objective; it gave '
            f"{found}"
        )
        self._reports.warn("MetricNotFound", note)
        return note

    def note_stop(self, reason: str) -> None:
        self._reports.stop(reason)

    def _look(self, entries: Sequence[MetricEntry]) -> None:
        for entry in entries:
            self._names[entry.name] = None
            if entry.name == self._metric:
                number = parse_number(entry.value)
                if number is not None and math.isfinite(number):
                    self._has_number = True
