"""TPE: each parameter is searched where it was good and not where it was bad.

J. Bergstra, R. Bardenet, Y. Bengio and B. Kegl, "Algorithms for Hyper-Parameter Optimization",
2011; the mathematics is in :mod:`katib.search.parzen`.
"""

from __future__ import annotations

from katib.api.experiment import Experiment
from katib.search.settings import SettingsReader
from katib.search.span import above, at_least, inside
from katib.search.tree_parzen import GOOD, Plan, TreeParzenSearch


class Tpe(TreeParzenSearch):
    """Takes every parameter for independent of the others, as the original does."""

    def __init__(self, experiment: Experiment, seed: int) -> None:
        super().__init__(experiment, seed, _plan(SettingsReader(experiment)))

    @staticmethod
    def validate(experiment: Experiment) -> None:
        """Accept the settings of both libraries that serve ``tpe`` in Katib, and any space."""
        reader = SettingsReader(experiment)
        reader.seed()
        _plan(reader)
        reader.space()
        reader.check()


def _plan(reader: SettingsReader) -> Plan:
    gamma = reader.number("gamma", GOOD, inside(0, 1), "gamma should be in the range of (0, 1)")
    prior_weight = reader.number(
        "prior_weight",
        1.0,
        above(0),
        "prior_weight should be great than zero",
    )
    startup = reader.integer(
        "n_startup_trials",
        10,
        at_least(0),
        "n_startup_trials should be greate or equal than zero",
    )
    draws = reader.integer(
        "n_EI_candidates",
        24,
        at_least(1),
        "n_EI_candidates should be great than zero",
    )
    # The other library's name of the same; given both, it counts.
    draws = reader.integer(
        "n_ei_candidates",
        draws,
        at_least(1),
        "n_ei_candidates should be great than zero",
    )
    return Plan(
        startup=startup,
        draws=draws,
        prior_weight=prior_weight,
        is_joint=False,
        good=gamma,
    )
