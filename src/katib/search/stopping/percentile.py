"""Percentile stopping: only trials that are among the best at a report go on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from math import floor
from typing import ClassVar

from katib.api.experiment import Experiment
from katib.api.suggestion import EarlyStoppingRule
from katib.api.trial import Trial
from katib.search.span import between
from katib.search.stopping.curves import Curves, CurveSettings
from katib.search.stopping.reports import bests, objective_of
from katib.search.stopping.rule import ReadReports, settings_of


class PercentileStop:
    """Stops a trial whose best so far is not among the best ``percentile`` per cent of the others'.

    Compared is the best of its first ``s`` reports with a percentile of the best of theirs, over
    the trials that have succeeded and come to report ``s``. With 50 that is the rule that Golovin
    et al. (2017) give for medians, of bests instead of averages. Between two numbers a percentile
    is interpolated, by definition 7 of Hyndman and Fan, "Sample Quantiles in Statistical Packages"
    (1996). A trial is not counted before its first finite report.
    """

    is_live: ClassVar[bool] = True

    def __init__(self, experiment: Experiment) -> None:
        settings, percentile = _read(experiment)
        _, is_maximised = objective_of(experiment)
        self._share = (100 - percentile if is_maximised else percentile) / 100
        better = max if is_maximised else min

        def bests_of(numbers: Iterable[float]) -> Iterator[float]:
            return bests(numbers, better)

        self._curves = Curves(experiment, settings, bests_of)

    @staticmethod
    def validate(experiment: Experiment) -> None:
        """As of the running median, and a percentile from 0 to 100."""
        _read(experiment)

    def tell(self, trial: Trial, read: ReadReports) -> None:
        """Only the bests of trials that succeeded are kept."""
        self._curves.tell(trial, read)

    def rules(self) -> tuple[EarlyStoppingRule, ...]:
        """One, about the objective metric, once enough trials have come far enough."""
        return self._curves.rules(partial(_quantile, share=self._share))


def _read(experiment: Experiment) -> tuple[CurveSettings, float]:
    reader = settings_of(experiment)
    settings = CurveSettings.read(reader)
    percentile = reader.number(
        "percentile",
        25.0,
        between(0, 100),
        "percentile must be between 0 and 100",
    )
    reader.check()
    return settings, percentile


def _quantile(numbers: Sequence[float], share: float) -> float:
    order = sorted(numbers)
    place = share * (len(order) - 1)
    below = floor(place)
    above = min(below + 1, len(order) - 1)
    return order[below] + (place - below) * (order[above] - order[below])
