"""Thresholds: a trial with a value that cannot be right, or never will be, is stopped."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from katib.api.experiment import Experiment
from katib.api.stopping import OUTSIDE, write_numbers
from katib.api.suggestion import EarlyStoppingRule
from katib.api.trial import Trial
from katib.search.stopping.reports import objective_of
from katib.search.stopping.rule import ReadReports, read_start_step, settings_of


class Threshold:
    """Stops a trial that reports a value beyond two bounds, or one that is not finite.

    Looked at is each report itself and not the best so far, from ``start_step`` on. No other trial
    has a say in it, so there is no paper either.
    """

    is_live: ClassVar[bool] = False

    def __init__(self, experiment: Experiment) -> None:
        self._settings = _read(experiment)
        self._metric, _ = objective_of(experiment)

    @staticmethod
    def validate(experiment: Experiment) -> None:
        """Any bounds, the lower not above the upper."""
        _read(experiment)

    def tell(self, trial: Trial, read: ReadReports) -> None:
        """Other trials mean nothing here."""

    def rules(self) -> tuple[EarlyStoppingRule, ...]:
        """One, about the objective metric, from the first trial on."""
        settings = self._settings
        rule = EarlyStoppingRule(
            name=self._metric,
            value=write_numbers((settings.lower, settings.upper)),
            comparison=OUTSIDE,
            start_step=settings.start_step,
        )
        return (rule,)


@dataclass(frozen=True, slots=True)
class _Settings:
    lower: float
    upper: float
    start_step: int


def _read(experiment: Experiment) -> _Settings:
    reader = settings_of(experiment)
    settings = _Settings(
        reader.number("lower", -math.inf, _is_bound, "lower must be a number"),
        reader.number("upper", math.inf, _is_bound, "upper must be a number"),
        read_start_step(reader, 1),
    )
    if settings.lower > settings.upper:
        reader.refuse(f"lower {settings.lower:g} is above upper {settings.upper:g}")
    reader.check()
    return settings


def _is_bound(number: float) -> bool:
    return not math.isnan(number)
