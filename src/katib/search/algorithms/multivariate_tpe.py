"""Multivariate TPE: whole points are searched near good ones and away from bad ones.

S. Falkner, A. Klein and F. Hutter, "BOHB: Robust and Efficient Hyperparameter Optimization at
Scale", 2018, section 3.2; the mathematics is in :mod:`katib.search.parzen`.
"""

from __future__ import annotations

from katib.api.experiment import Experiment
from katib.search.settings import SettingsReader
from katib.search.span import at_least
from katib.search.tree_parzen import GOOD, Plan, TreeParzenSearch

#: More than the libraries' 24: a point is chosen as a whole, out of more that it could be.
_DRAWS = 64


class MultivariateTpe(TreeParzenSearch):
    """Sees which values are good together, as kernels are over all parameters at once."""

    def __init__(self, experiment: Experiment, seed: int) -> None:
        super().__init__(experiment, seed, _plan(SettingsReader(experiment)))

    @staticmethod
    def validate(experiment: Experiment) -> None:
        """Accept the number of trials to start with, of draws, ``random_state``, and any space."""
        reader = SettingsReader(experiment)
        reader.seed("random_state should be greate or equal than zero")
        _plan(reader)
        reader.space()
        reader.check()


def _plan(reader: SettingsReader) -> Plan:
    startup = reader.integer(
        "n_startup_trials",
        10,
        at_least(0),
        "n_startup_trials should be greate or equal than zero",
    )
    draws = reader.integer(
        "n_ei_candidates",
        _DRAWS,
        at_least(1),
        "n_ei_candidates should be great than zero",
    )
    return Plan(
        startup=startup,
        draws=draws,
        prior_weight=1.0,
        is_joint=True,
        good=GOOD,
    )
