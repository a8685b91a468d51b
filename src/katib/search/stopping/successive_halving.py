"""Successive halving without waiting: at each rung only trials among the best go on."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar

from katib.api.experiment import Experiment
from katib.api.stopping import GREATER, LESS, write_steps
from katib.api.suggestion import EarlyStoppingRule
from katib.api.trial import Trial
from katib.ports.observation_log import MetricEntry
from katib.search.span import at_least
from katib.search.stopping.reports import bests, objective_of, read_reports
from katib.search.stopping.rule import ReadReports, settings_of


class SuccessiveHalvingStop:
    """Stops a trial that is not among the best of every ``eta`` that came to a rung.

    Rungs are the reports ``min_resource * eta ** k``. At each, the best of a trial's reports so far
    goes on if it is among the best ``floor(n / eta)`` of the ``n`` values recorded there, its own
    included, and as long as ``n`` is less than ``eta``. This is the stopping variant of ASHA: Li et
    al., "A System for Massively Parallel Hyperparameter Tuning" (2020). Every trial that came to a
    rung by then is counted, whether it runs, was stopped or has ended.
    """

    is_live: ClassVar[bool] = True

    def __init__(self, experiment: Experiment) -> None:
        self._settings = _read(experiment)
        self._metric, self._is_maximised = objective_of(experiment)
        # By uid: what trials that ended had at each rung, and how those that have not are read.
        self._ended: dict[str, list[float]] = {}
        self._running: dict[str, ReadReports] = {}

    @staticmethod
    def validate(experiment: Experiment) -> None:
        """Any first rung, and any whole factor from two on."""
        _read(experiment)

    def tell(self, trial: Trial, read: ReadReports) -> None:
        """A trial that ended is read now, one that has not when rules are asked for."""
        uid = trial.metadata.uid
        if uid in self._ended:
            return
        if trial.is_completed:
            self._ended[uid] = self._rungs_of(read())
            self._running.pop(uid, None)
        else:
            self._running[uid] = read

    def rules(self) -> tuple[EarlyStoppingRule, ...]:
        """One, about the objective metric, with a threshold for each rung that enough came to."""
        climbed = [*self._ended.values(), *(self._rungs_of(r()) for r in self._running.values())]
        thresholds: dict[int, float] = {}
        for rung in range(max(map(len, climbed), default=0)):
            values = [values[rung] for values in climbed if len(values) > rung]
            numbers = sorted(number for number in values if not math.isnan(number))
            if self._is_maximised:
                numbers.reverse()
            # The one more is the trial that is going to be judged.
            if going_on := (len(numbers) + 1) // self._settings.eta:
                thresholds[self._settings.step(rung)] = numbers[going_on - 1]
        if not thresholds:
            return ()
        comparison = LESS if self._is_maximised else GREATER
        value = write_steps(thresholds)
        return (EarlyStoppingRule(name=self._metric, value=value, comparison=comparison),)

    def _rungs_of(self, entries: Iterable[MetricEntry]) -> list[float]:
        """(n_rungs,), the best until each rung that the reports come to."""
        best = list(bests(read_reports(entries), max if self._is_maximised else min))
        return [best[step - 1] for step in self._settings.steps(len(best))]


@dataclass(frozen=True, slots=True)
class _Settings:
    min_resource: int
    eta: int

    def step(self, rung: int) -> int:
        """The report at which a rung is."""
        step: int = self.min_resource * self.eta**rung
        return step

    def steps(self, reports: int) -> Iterator[int]:
        """The reports at which rungs are, as far as there are reports."""
        step = self.min_resource
        while step <= reports:
            yield step
            step *= self.eta


def _read(experiment: Experiment) -> _Settings:
    reader = settings_of(experiment)
    settings = _Settings(
        reader.integer(
            "min_resource",
            1,
            at_least(1),
            "min_resource must be greater or equal than one (>=1)",
        ),
        reader.integer("eta", 3, at_least(2), "eta must be greater or equal than two (>=2)"),
    )
    reader.check()
    return settings
