"""Patience: a trial that no longer improves is stopped."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from katib.api.experiment import Experiment
from katib.api.stopping import STALLED, write_numbers
from katib.api.suggestion import EarlyStoppingRule
from katib.api.trial import Trial
from katib.search.stopping.reports import objective_of
from katib.search.stopping.rule import ReadReports, read_start_step, settings_of


class Patience:
    """Stops a trial after ``patience`` reports that do not improve on what was best before.

    An improvement is better by more than ``min_delta`` than the last one. The simplest of the
    criteria that Prechelt compares, "Early Stopping - But When?" (1998), section 2.2, as it is
    used everywhere: strips of one report.
    """

    is_live: ClassVar[bool] = False

    def __init__(self, experiment: Experiment) -> None:
        self._settings = _read(experiment)
        self._metric, _ = objective_of(experiment)

    @staticmethod
    def validate(experiment: Experiment) -> None:
        """Any number of reports from one on, and any least improvement from zero on."""
        _read(experiment)

    def tell(self, trial: Trial, read: ReadReports) -> None:
        """Other trials mean nothing here."""

    def rules(self) -> tuple[EarlyStoppingRule, ...]:
        """One, about the objective metric, from the first trial on."""
        settings = self._settings
        rule = EarlyStoppingRule(
            name=self._metric,
            value=write_numbers((settings.patience, settings.min_delta)),
            comparison=STALLED,
            start_step=settings.start_step,
        )
        return (rule,)


@dataclass(frozen=True, slots=True)
class _Settings:
    patience: int
    min_delta: float
    start_step: int


def _read(experiment: Experiment) -> _Settings:
    reader = settings_of(experiment)
    settings = _Settings(
        reader.integer(
            "patience",
            5,
            lambda reports: reports >= 1,
            "patience must be greater or equal than one (>=1)",
        ),
        reader.number(
            "min_delta",
            0.0,
            lambda number: 0 <= number < math.inf,
            "min_delta must be a number greater or equal than zero (>=0)",
        ),
        read_start_step(reader, 1),
    )
    reader.check()
    return settings
