"""Median stopping as published: judged at every report, by the running averages of the others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import accumulate
from statistics import median
from typing import ClassVar

from katib.api.experiment import Experiment
from katib.api.suggestion import EarlyStoppingRule
from katib.api.trial import Trial
from katib.search.stopping.curves import Curves, CurveSettings
from katib.search.stopping.rule import ReadReports, settings_of


class RunningMedianStop:
    """Stops a trial whose best so far is worse than the median of the others' running averages.

    At each report ``s`` compared are the best of its first ``s`` reports with the averages of
    theirs, over the trials that have succeeded and come to ``s``. See Golovin et al., "Google
    Vizier: A Service for Black-Box Optimization" (2017), section 3.2.2. A trial is not counted from
    a report on that is no finite number.
    """

    is_live: ClassVar[bool] = True

    def __init__(self, experiment: Experiment) -> None:
        self._curves = Curves(experiment, _read(experiment), _averages)

    @staticmethod
    def validate(experiment: Experiment) -> None:
        """Any number of trials, any report to begin with, any interval, each from one on."""
        _read(experiment)

    def tell(self, trial: Trial, read: ReadReports) -> None:
        """Only the averages of trials that succeeded are kept."""
        self._curves.tell(trial, read)

    def rules(self) -> tuple[EarlyStoppingRule, ...]:
        """One, about the objective metric, once enough trials have come far enough."""
        return self._curves.rules(median)


def _read(experiment: Experiment) -> CurveSettings:
    reader = settings_of(experiment)
    settings = CurveSettings.read(reader)
    reader.check()
    return settings


def _averages(numbers: Iterable[float]) -> Iterator[float]:
    return (total / count for count, total in enumerate(accumulate(numbers), start=1))
