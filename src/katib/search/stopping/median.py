"""Median stopping: trials that begin worse than most others are not run to their end."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from statistics import median
from typing import ClassVar

from katib.api import names
from katib.api.experiment import Experiment, ObjectiveSpec
from katib.api.numbers import parse_number
from katib.api.suggestion import EarlyStoppingRule
from katib.api.trial import Trial
from katib.ports.observation_log import MetricEntry
from katib.search.span import at_least
from katib.search.stopping.rule import ReadReports, read_start_step, settings_of


class MedianStop:
    """Stops a trial whose best value is worse than the median of the others' averages.

    Compared is the best of its first ``start_step`` reports with the averages of theirs, over the
    trials that have succeeded. See Golovin et al., "Google Vizier: A Service for Black-Box
    Optimization" (2017), section 3.2. Katib takes the mean of the averages under this name; the
    setting ``statistic`` gives that back.

    A trial of which one of the first reports is no finite number, or that has none, is not counted.
    """

    is_live: ClassVar[bool] = False

    def __init__(self, experiment: Experiment) -> None:
        self._settings = _read(experiment)
        self._objective = experiment.spec.objective or ObjectiveSpec()
        # By uid: a trial that succeeded reports no more.
        self._averages: dict[str, float] = {}

    @staticmethod
    def validate(experiment: Experiment) -> None:
        """Any number of trials may be required, from one on, and any step from the first."""
        _read(experiment)

    def tell(self, trial: Trial, read: ReadReports) -> None:
        """Only the averages of trials that succeeded are kept."""
        uid = trial.metadata.uid
        if uid in self._averages or not trial.has(names.SUCCEEDED):
            return
        average = _average(read()[: self._settings.start_step])
        if average is not None:
            self._averages[uid] = average

    def rules(self) -> tuple[EarlyStoppingRule, ...]:
        """One, about the objective metric, once enough trials are counted."""
        settings = self._settings
        if len(self._averages) < settings.min_trials_required:
            return ()
        rule = EarlyStoppingRule(
            name=self._objective.objective_metric_name,
            value=str(_STATISTICS[settings.statistic](self._averages.values())),
            comparison="less" if self._objective.type == names.MAXIMIZE else "greater",
            start_step=settings.start_step,
        )
        return (rule,)


@dataclass(frozen=True, slots=True)
class _Settings:
    min_trials_required: int
    start_step: int
    statistic: str


def _read(experiment: Experiment) -> _Settings:
    reader = settings_of(experiment)
    settings = _Settings(
        reader.integer(
            "min_trials_required",
            3,
            at_least(1),
            "min_trials_required must be greater than zero (>0)",
        ),
        read_start_step(reader, 4),
        reader.choice(
            "statistic",
            "median",
            tuple(_STATISTICS),
            "statistic must be median or mean, not {value}",
        ),
    )
    reader.check()
    return settings


def _average(entries: Sequence[MetricEntry]) -> float | None:
    numbers = [number for one in entries if (number := parse_number(one.value)) is not None]
    if not entries or len(numbers) < len(entries):
        return None
    average = _mean(numbers)
    return average if math.isfinite(average) else None


def _mean(numbers: Collection[float]) -> float:
    return sum(numbers) / len(numbers)


_STATISTICS: dict[str, Callable[[Collection[float]], float]] = {"median": median, "mean": _mean}
