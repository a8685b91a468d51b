"""Which of several points promises most, as the trials nearby have it.

H. Ulmer, F. Streichert and A. Zell, "Evolution Strategies Assisted by Gaussian Processes with
Improved Pre-Selection Criterion", 2003. The Gaussian process is that of C. E. Rasmussen and C. K.
I. Williams, "Gaussian Processes for Machine Learning", 2006 (RW). It sees ranks, as the evolution
does, so that no loss is too large; how far it looks is chosen among a few distances by likelihood.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from scipy.special import ndtri
from scipy.stats import rankdata

from katib.search.history import Floats

#: So many trials are learnt from at most: those that are the nearest.
_MOST_TRIALS = 100

#: How far numbers look, in the trials' own standard deviations; what share of the words that differ
#: is as far; and how much of the variance of the ranks may be noise, where the signal's is 1.
_REACHES = (0.5, 1.0, 2.0, 4.0)
_WORD_REACHES = (0.5, 1.5)
_NOISES = (0.001, 0.03, 0.3)

#: Instead of a variance of nothing, as that of trials that are all as good.
_LEAST_VARIANCE = 1e-12


@dataclass(frozen=True, slots=True)
class Metric:
    """How far apart points are.

    Attributes:
        ordered: which parameters are numbers, the others being words.
        scales: (n_ordered,), what counts as 1 for each of them.
    """

    ordered: NDArray[np.bool_]
    scales: Floats

    def squares(self, one: Floats, other: Floats) -> tuple[Floats, Floats]:
        """The squared distance of numbers, and the number of different words, per parameter.

        Args:
            one: (n_points, n_parameters), unit cube.
            other: (n_others, n_parameters), unit cube.

        Returns:
            (n_points, n_others) each.
        """
        a, b = one[:, self.ordered] / self.scales, other[:, self.ordered] / self.scales
        apart = ((a[:, None] - b) ** 2).sum(axis=2) / len(self.scales)
        words = one[:, None, ~self.ordered] != other[:, ~self.ordered]
        return apart, words.sum(axis=2) / max(words.shape[2], 1)


class Preselection:
    """A model of the trials around a place, to compare points by.

    Args:
        points: (n_trials, n_parameters), unit cube; one at least.
        losses: (n_trials,), none missing.
        ordered: which parameters are numbers; one at least.
        centre: (n_ordered,), the place.
    """

    def __init__(
        self, points: Floats, losses: Floats, ordered: Sequence[bool], centre: Floats
    ) -> None:
        is_ordered = np.array(ordered)
        miles = ((points[:, is_ordered] - centre) ** 2).sum(axis=1)
        near = np.argsort(miles, kind="stable")[:_MOST_TRIALS]
        self._points = points[near]
        spread = self._points[:, is_ordered].std(axis=0)
        self._metric = Metric(is_ordered, np.where(spread > 0, spread, 1.0))
        scores = ndtri((rankdata(losses[near]) - 0.5) / len(near))
        self._fit(np.asarray(scores))

    def scores(self, points: Floats) -> Floats:
        """How bad the points are expected to be, as normal scores: (n_points,) (RW eq. 2.25)."""
        squares = self._metric.squares(points, self._points)
        return np.asarray(_matern(*squares, *self._reach) @ self._pulls)

    def _fit(self, scores: Floats) -> None:
        squares = self._metric.squares(self._points, self._points)
        word_reaches = _WORD_REACHES if not self._metric.ordered.all() else _WORD_REACHES[:1]
        best = -np.inf
        for reach in product(_REACHES, word_reaches):
            kernel = _matern(*squares, *reach)
            for noise in _NOISES:
                lower = np.linalg.cholesky(kernel + noise * np.eye(len(scores)))
                whitened = solve_triangular(lower, scores, lower=True)
                # The likelihood at its best signal variance (RW eq. 5.8).
                variance = whitened @ whitened / len(scores) + _LEAST_VARIANCE
                likelihood = -len(scores) / 2 * np.log(variance) - np.log(np.diag(lower)).sum()
                if likelihood > best:
                    best, self._reach = likelihood, reach
                    self._pulls = solve_triangular(lower.T, whitened)


def _matern(apart: Floats, words: Floats, reach: float, word_reach: float) -> Floats:
    """The covariance of points at those squared distances, twice differentiable (RW eq. 4.17)."""
    distance = np.sqrt(5 * (apart / reach**2 + words / word_reach**2))
    return np.asarray((1 + distance + distance**2 / 3) * np.exp(-distance))
