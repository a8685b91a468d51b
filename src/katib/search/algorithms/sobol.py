"""Sobol search: points that fill the search space more evenly than chance.

I. M. Sobol', "On the distribution of points in a cube and the approximate evaluation of integrals",
1967; direction numbers of S. Joe and F. Y. Kuo, "Constructing Sobol sequences with better
two-dimensional projections", 2008.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import qmc

from katib.api.experiment import Experiment
from katib.api.suggestion import TrialAssignment
from katib.api.trial import Trial
from katib.ports.suggester import SuggestionReply
from katib.search.distinct import DistinctPoints
from katib.search.settings import SettingsReader
from katib.search.space import SearchSpace

#: How many points are made at a time: a power of 2, so that each block is even by itself.
_BLOCK = 64

#: The sequence has so many different points.
_BITS = 30

_MOST_PARAMETERS = int(qmc.Sobol.MAXDIM)


class SobolSearch:
    """Goes along a Sobol sequence, scrambled when there is a ``random_state``.

    Without one, the first point is the centre of the space, as Katib's users know it.
    """

    def __init__(self, experiment: Experiment, seed: int) -> None:
        self._space = SearchSpace.of(experiment)
        is_scrambled = SettingsReader(experiment).seed() is not None
        # The plain sequence begins in a corner, at 0 for every parameter; Katib leaves it out.
        self._first = 0 if is_scrambled else 1
        self._engine = qmc.Sobol(
            len(self._space.parameters),
            scramble=is_scrambled,
            bits=_BITS,
            seed=np.random.default_rng(seed) if is_scrambled else None,
        )
        self._blocks: dict[int, list[list[float]]] = {}
        self._points = DistinctPoints(self._space, self._draw)

    @staticmethod
    def validate(experiment: Experiment) -> None:
        """Accept ``random_state`` from 0 on, and up to 21,201 parameters."""
        reader = SettingsReader(experiment)
        reader.seed(unset="the sequence as it is, unscrambled")
        space = reader.space()
        if space is not None and len(space.parameters) > _MOST_PARAMETERS:
            reader.refuse(
                f"sobol takes {_MOST_PARAMETERS} parameters at most, and there are "
                f"{len(space.parameters)}"
            )
        reader.check()

    def tell(self, trials: Sequence[Trial]) -> None:
        """History means nothing to a sequence that is known beforehand."""

    def suggest(self, index: int, count: int) -> SuggestionReply:
        """As many as asked for, from that place of the sequence on."""
        points = [self._points.point(index + offset) for offset in range(count)]
        return SuggestionReply([TrialAssignment(parameter_assignments=point) for point in points])

    def _draw(self, number: int) -> Sequence[float]:
        block, row = divmod((number + self._first) % (1 << _BITS), _BLOCK)
        if block not in self._blocks:
            # One block is kept: the next question is nearly always about the next point.
            self._engine.reset()
            if block:
                self._engine.fast_forward(block * _BLOCK)
            self._blocks = {block: self._engine.random(_BLOCK).tolist()}
        return self._blocks[block][row]
