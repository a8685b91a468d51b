"""Wilcoxon stopping, for trials that report the same test many times: folds, seeds, data sets."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from katib.api import names
from katib.api.experiment import Experiment
from katib.api.stopping import MOST_NUMBERS, WORSE, write_numbers
from katib.api.suggestion import EarlyStoppingRule
from katib.api.trial import Trial
from katib.search.span import inside
from katib.search.stopping.reports import objective_of, read_reports
from katib.search.stopping.rule import ReadReports, read_start_step, settings_of


class WilcoxonStop:
    """Stops a trial whose reports are significantly worse than those of the best trial.

    Report number ``n`` of every trial is of the same fold. The best trial is the one of those that
    succeeded whose reports are the best on average; the next trials' are compared with its, pair by
    pair, by the one-sided signed-rank test: Wilcoxon, "Individual Comparisons by Ranking Methods"
    (1945). A trial with a report that is not finite is not the best. At most the first
    ``MOST_NUMBERS`` reports are compared.
    """

    is_live: ClassVar[bool] = True

    def __init__(self, experiment: Experiment) -> None:
        self._settings = _read(experiment)
        self._metric, self._is_maximised = objective_of(experiment)
        # By uid, as a trial that succeeded reports no more: its average, and its first reports.
        self._succeeded: dict[str, tuple[float, tuple[float, ...]]] = {}

    @staticmethod
    def validate(experiment: Experiment) -> None:
        """Any probability between zero and one, and any first report."""
        _read(experiment)

    def tell(self, trial: Trial, read: ReadReports) -> None:
        """Only the reports of trials that succeeded are looked at."""
        uid = trial.metadata.uid
        if uid in self._succeeded or not trial.has(names.SUCCEEDED):
            return
        numbers = tuple(read_reports(read()))
        if numbers and all(map(math.isfinite, numbers)):
            self._succeeded[uid] = (sum(numbers) / len(numbers), numbers[:MOST_NUMBERS])

    def rules(self) -> tuple[EarlyStoppingRule, ...]:
        """One, about the objective metric, once a trial has succeeded."""
        if not self._succeeded:
            return ()
        # Of equal ones it must not matter which was told first.
        choose = max if self._is_maximised else min
        _, best = choose(self._succeeded.values())
        rule = EarlyStoppingRule(
            name=self._metric,
            value=write_numbers((self._settings.p_threshold, *best)),
            comparison=WORSE,
            start_step=self._settings.start_step,
        )
        return (rule,)


@dataclass(frozen=True, slots=True)
class _Settings:
    p_threshold: float
    start_step: int


def _read(experiment: Experiment) -> _Settings:
    reader = settings_of(experiment)
    settings = _Settings(
        reader.number(
            "p_threshold",
            0.1,
            inside(0, 1),
            "p_threshold must be between 0 and 1",
        ),
        read_start_step(reader, 2),
    )
    reader.check()
    return settings
