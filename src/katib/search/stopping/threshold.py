"""Thresholds: a trial with a value that cannot be right, or never will be, is stopped."""

from __future__ import annotations

import math

from katib.api.experiment import Experiment
from katib.api.stopping import OUTSIDE, write_numbers
from katib.api.suggestion import EarlyStoppingRule
from katib.search.span import ANY
from katib.search.stopping.fixed import FixedRule
from katib.search.stopping.reports import objective_of
from katib.search.stopping.rule import read_start_step, settings_of


class Threshold(FixedRule):
    """Stops a trial that reports a value beyond two bounds, or one that is not finite.

    Looked at is each report itself and not the best so far, from ``start_step`` on. No other trial
    has a say in it, so there is no paper either.
    """

    @staticmethod
    def read(experiment: Experiment) -> EarlyStoppingRule:
        """Any bounds, the lower not above the upper."""
        reader = settings_of(experiment)
        lower = reader.number("lower", -math.inf, ANY, "lower must be a number", "no bound")
        upper = reader.number("upper", math.inf, ANY, "upper must be a number", "no bound")
        start_step = read_start_step(reader, 1)
        if lower > upper:
            reader.refuse(f"lower {lower:g} is above upper {upper:g}", "lower")
        reader.check()
        metric, _ = objective_of(experiment)
        bounds = write_numbers((lower, upper))
        return EarlyStoppingRule(
            name=metric, value=bounds, comparison=OUTSIDE, start_step=start_step
        )
