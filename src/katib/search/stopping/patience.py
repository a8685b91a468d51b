"""Patience: a trial that no longer improves is stopped."""

from __future__ import annotations

from katib.api.experiment import Experiment
from katib.api.stopping import STALLED, write_numbers
from katib.api.suggestion import EarlyStoppingRule
from katib.search.span import at_least
from katib.search.stopping.fixed import FixedRule
from katib.search.stopping.reports import objective_of
from katib.search.stopping.rule import read_start_step, settings_of


class Patience(FixedRule):
    """Stops a trial after ``patience`` reports that do not improve on what was best before.

    An improvement is better by more than ``min_delta`` than the last one. The simplest of the
    criteria that Prechelt compares, "Early Stopping - But When?" (1998), section 2.2, as it is
    used everywhere: strips of one report.
    """

    @staticmethod
    def read(experiment: Experiment) -> EarlyStoppingRule:
        """Any number of reports from one on, and any least improvement from zero on."""
        reader = settings_of(experiment)
        patience = reader.integer(
            "patience", 5, at_least(1), "patience must be greater or equal than one (>=1)"
        )
        min_delta = reader.number(
            "min_delta",
            0.0,
            at_least(0),
            "min_delta must be a number greater or equal than zero (>=0)",
        )
        start_step = read_start_step(reader, 1)
        reader.check()
        metric, _ = objective_of(experiment)
        value = write_numbers((patience, min_delta))
        return EarlyStoppingRule(
            name=metric, value=value, comparison=STALLED, start_step=start_step
        )
