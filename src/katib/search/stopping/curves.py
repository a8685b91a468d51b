"""Learning curves of the trials that succeeded, and thresholds made of them report by report."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from katib.api import names
from katib.api.experiment import Experiment
from katib.api.stopping import GREATER, LESS, MOST_NUMBERS, write_steps
from katib.api.suggestion import EarlyStoppingRule
from katib.api.trial import Trial
from katib.search.settings import SettingsReader
from katib.search.span import at_least
from katib.search.stopping.reports import objective_of, read_reports
from katib.search.stopping.rule import ReadReports, read_start_step


@dataclass(frozen=True, slots=True)
class CurveSettings:
    """With how many curves a trial is compared, and when.

    Attributes:
        min_trials_required: how many must have come to a report for it to be judged.
        start_step: the first report that is judged.
        interval: every which one is from there on.
    """

    min_trials_required: int
    start_step: int
    interval: int

    @classmethod
    def read(cls, reader: SettingsReader) -> Self:
        """Read them, and leave what is wrong with them to ``reader.check()``."""
        return cls(
            reader.integer(
                "min_trials_required",
                3,
                at_least(1),
                "min_trials_required must be greater than zero (>0)",
            ),
            read_start_step(reader, 4),
            reader.integer(
                "interval",
                1,
                at_least(1),
                "interval must be greater or equal than one (>=1)",
            ),
        )


class Curves:
    """Keeps a number for each report of each trial that succeeded.

    A trial whose best so far is beyond a statistic of them, at one of the judged reports, is
    stopped. At most ``MOST_NUMBERS`` are judged: of longer curves the interval grows with them, to
    a multiple of the one that is set.

    Args:
        experiment: whose trials.
        settings: when they are judged.
        summarise: (n_reports,) → as many, each made of the reports until there.
    """

    def __init__(
        self,
        experiment: Experiment,
        settings: CurveSettings,
        summarise: Callable[[Iterable[float]], Iterable[float]],
    ) -> None:
        self._metric, self._is_maximised = objective_of(experiment)
        self._settings, self._summarise = settings, summarise
        # By uid: a trial that succeeded reports no more.
        self._curves: dict[str, array[float]] = {}

    def tell(self, trial: Trial, read: ReadReports) -> None:
        """Read a trial that succeeded, once."""
        uid = trial.metadata.uid
        if uid not in self._curves and trial.has(names.SUCCEEDED):
            self._curves[uid] = array("d", self._summarise(read_reports(read())))

    def rules(self, statistic: Callable[[Sequence[float]], float]) -> tuple[EarlyStoppingRule, ...]:
        """One, with a threshold for each judged report that enough trials have come to."""
        thresholds: dict[int, float] = {}
        for step in self._steps():
            reached = (curve[step - 1] for curve in self._curves.values() if len(curve) >= step)
            numbers = [number for number in reached if math.isfinite(number)]
            if len(numbers) >= self._settings.min_trials_required:
                thresholds[step] = statistic(numbers)
        if not thresholds:
            return ()
        comparison = LESS if self._is_maximised else GREATER
        value = write_steps(thresholds)
        return (EarlyStoppingRule(name=self._metric, value=value, comparison=comparison),)

    def _steps(self) -> range:
        settings = self._settings
        lengths = sorted(map(len, self._curves.values()), reverse=True)
        if len(lengths) < settings.min_trials_required:
            return range(0)
        last = lengths[settings.min_trials_required - 1]
        judged = len(range(settings.start_step, last + 1, settings.interval))
        stride = settings.interval * max(1, math.ceil(judged / MOST_NUMBERS))
        return range(settings.start_step, last + 1, stride)
