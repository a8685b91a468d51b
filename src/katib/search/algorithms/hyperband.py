"""Hyperband: many configurations with little resource, and the best of them with more.

Li et al., JMLR 18 (2018), algorithm 1; the schedule is in
:mod:`katib.search.successive_halving`.
"""

from __future__ import annotations

from katib.api.experiment import Experiment
from katib.search.brackets import BracketPlan, BracketSearch
from katib.search.settings import SettingsReader


class Hyperband(BracketSearch):
    """The brackets with configurations drawn at random."""

    def __init__(self, experiment: Experiment, seed: int) -> None:
        super().__init__(experiment, seed, _plan(experiment))

    @staticmethod
    def validate(experiment: Experiment) -> None:
        """Accept a schedule whose resource is one of the parameters, one that has numbers."""
        _plan(experiment)


def _plan(experiment: Experiment) -> BracketPlan:
    reader = SettingsReader(experiment)
    plan = BracketPlan.read("hyperband", experiment, reader)
    reader.check()
    return plan
