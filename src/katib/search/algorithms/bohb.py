"""BOHB: Hyperband whose new configurations are not random but like the good ones so far.

S. Falkner, A. Klein and F. Hutter, "BOHB: Robust and Efficient Hyperparameter Optimization at
Scale", 2018, algorithms 1 and 2; the model is in :mod:`katib.search.rung_model`.
"""

from __future__ import annotations

from katib.api.experiment import Experiment
from katib.search.brackets import BracketPlan, BracketSearch
from katib.search.rung_model import ModelPlan
from katib.search.settings import SettingsReader
from katib.search.span import above, above_to, at_least, between, inside


class Bohb(BracketSearch):
    """The brackets with configurations that a model of the largest resource advises."""

    def __init__(self, experiment: Experiment, seed: int) -> None:
        super().__init__(experiment, seed, _plan(experiment))

    @staticmethod
    def validate(experiment: Experiment) -> None:
        """Accept a schedule whose resource is one of the parameters, one that has numbers."""
        _plan(experiment)


def _plan(experiment: Experiment) -> BracketPlan:
    reader = SettingsReader(experiment)
    plan = BracketPlan.read("bohb", experiment, reader, _model(reader))
    reader.check()
    return plan


def _model(reader: SettingsReader) -> ModelPlan:
    share = reader.number(
        "random_fraction",
        1 / 3,
        between(0, 1),
        "random_fraction should be in the range of [0, 1]",
    )
    percent = reader.number(
        "top_n_percent",
        15.0,
        inside(0, 100),
        "top_n_percent should be in the range of (0, 100)",
    )
    draws = reader.integer("num_samples", 64, at_least(1), "num_samples should be great than zero")
    factor = reader.number(
        "bandwidth_factor",
        3.0,
        above(0),
        "bandwidth_factor should be great than zero",
    )
    least = reader.number(
        "min_bandwidth",
        1e-3,
        above_to(0, 1),
        "min_bandwidth should be in the range of (0, 1]",
    )
    points = reader.integer(
        "min_points_in_model",
        None,
        at_least(1),
        "min_points_in_model should be great or equal than one",
        "one more than parameters",
    )
    return ModelPlan(share, percent / 100, draws, factor, least, points)
