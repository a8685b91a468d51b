"""Parzen estimators on the unit cube: what good points have in common, and others have not.

J. Bergstra, R. Bardenet, Y. Bengio and B. Kegl, "Algorithms for Hyper-Parameter Optimization",
2011, section 4 (TPE); S. Watanabe, "Tree-Structured Parzen Estimator: Understanding Its Algorithm
Components and Their Roles for Better Empirical Performance", 2023, section 3 (kernels, weights,
prior); S. Falkner, A. Klein and F. Hutter, "BOHB", 2018, section 3.2 (kernels over all parameters
at once, whose widths follow the spread of the points).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.special import ndtr, ndtri

from katib.search.history import Floats
from katib.search.parameter import Parameter
from katib.search.space import SearchSpace

#: Up to so many values, each has the probability of its whole share; with more, the density at its
#: place says the same.
_MOST_BINS = 256

#: The variance of all places, where nothing is known: that of the uniform distribution.
_PRIOR_VARIANCE = 1 / 12

#: How many points it counts for: more over one parameter, where kernels are narrow otherwise.
_JOINT_PRIOR_POINTS, _PRIOR_POINTS = 1.0, 2.0

_ROOT = math.sqrt(2 * math.pi)

#: Instead of nothing at all, which has no logarithm.
_LEAST = 1e-300

#: Kernels never become narrower than this, so that no density is endless.
_FINEST = 0.01


@dataclass(frozen=True, slots=True)
class Smoothing:
    """How far kernels reach, and how much is left to what is not known.

    Attributes:
        is_joint: a kernel is over all parameters at once; otherwise each parameter has a mixture
            of its own, and they are independent.
        prior_weight: how much the prior counts, where one point counts 1.
        narrowing: what the widths over numbers are multiplied by.
    """

    is_joint: bool
    prior_weight: float
    narrowing: float = 1.0


class Axis(Protocol):
    """One parameter's kernels: each has its centre at a trial's place; all have one width.

    A width of 1 is that of the prior: as good as nothing is known.
    """

    def width(self, centres: Floats, weights: Floats, parameters: int, how: Smoothing) -> float:
        """The width that suits the centres.

        Args:
            centres: (n_points,), unit interval; one at least.
            weights: (n_points,), what each of them counts; 1 on the average.
            parameters: how many parameters a kernel is over.
            how: the rest.
        """
        ...

    def draw(self, centres: Floats, widths: Floats, random: np.random.Generator) -> Floats:
        """One place from each kernel, of any width; the middle of a value's share."""
        ...

    def log_mass(self, places: Floats, centres: Floats, width: float) -> Floats:
        """The logarithm of what each kernel gives to each place: (n_places, n_kernels).

        Probabilities of values, or densities when there is no end of them.
        """
        ...


@dataclass(frozen=True, slots=True, eq=False)
class NumberAxis:
    """Normal distributions, cut off at the ends of the unit interval (Watanabe 2023, 3.3).

    Attributes:
        edges: where the shares of the values begin and end; none when there are too many to count.
    """

    edges: Floats | None

    def width(self, centres: Floats, weights: Floats, parameters: int, how: Smoothing) -> float:
        """Scott's rule (Falkner et al. 2018): a share of the spread of the points.

        The prior counts as points of its own, so that a few that lie together never look certain.
        """
        mean = weights @ centres / weights.sum()
        prior_points = _JOINT_PRIOR_POINTS if how.is_joint else _PRIOR_POINTS
        squares = weights @ (centres - mean) ** 2 + prior_points * _PRIOR_VARIANCE
        spread = math.sqrt(squares / (weights.sum() + prior_points))
        width = how.narrowing * spread * len(centres) ** (-1 / (parameters + 4))
        return float(min(max(width, _FINEST), 1.0))

    def draw(self, centres: Floats, widths: Floats, random: np.random.Generator) -> Floats:
        """By the inverse of the distribution, then into the middle of the value's share."""
        low, high = ndtr(-centres / widths), ndtr((1 - centres) / widths)
        shares = low + random.random(len(centres)) * (high - low)
        places = np.clip(centres + widths * ndtri(shares), 0.0, 1.0)
        if self.edges is None:
            return np.asarray(places)
        bins = self._bins(places)
        return np.asarray((self.edges[bins] + self.edges[bins + 1]) / 2)

    def log_mass(self, places: Floats, centres: Floats, width: float) -> Floats:
        """The probability of the share that the place lies in, or the density there."""
        if self.edges is None:
            scale = math.sqrt(0.5) / width
            # One table, changed in place: there are many trials and draws.
            logs = np.subtract.outer(places * scale, centres * scale)
            np.square(logs, out=logs)
            return np.subtract(-np.log(width * _inside(centres, width) * _ROOT), logs, out=logs)
        # Values have few places, so that few kernels and few questions are different.
        kernels, kernel_of = np.unique(centres, return_inverse=True)
        bins, bin_of = np.unique(self._bins(places), return_inverse=True)
        low = (self.edges[bins, None] - kernels) / width
        high = (self.edges[bins + 1, None] - kernels) / width
        masses = np.maximum(ndtr(high) - ndtr(low), _LEAST)
        logs = np.log(masses / _inside(kernels, width))
        return np.asarray(np.take(logs[bin_of], kernel_of, axis=1))

    def _bins(self, places: Floats) -> np.ndarray[tuple[int, ...], np.dtype[np.intp]]:
        edges = np.zeros(2) if self.edges is None else self.edges
        return np.clip(np.searchsorted(edges, places, side="right") - 1, 0, len(edges) - 2)


@dataclass(frozen=True, slots=True)
class WordAxis:
    """One word, or with the probability of the width any of them (Watanabe 2023, 3.3).

    Attributes:
        count: how many words there are.
    """

    count: int

    def width(self, centres: Floats, weights: Floats, parameters: int, how: Smoothing) -> float:
        """Narrower with the root of the number of points, from nearly any word on.

        Any faster, and words that were good by chance are never left again.
        """
        extra = self.count * how.prior_weight / math.sqrt(len(centres) + 1)
        return extra / (1 + extra)

    def draw(self, centres: Floats, widths: Floats, random: np.random.Generator) -> Floats:
        """The kernel's own word, or any."""
        anywhere = random.integers(self.count, size=len(centres))
        is_own = random.random(len(centres)) >= widths
        return np.where(is_own, self._words(centres), anywhere + 0.5) / self.count

    def log_mass(self, places: Floats, centres: Floats, width: float) -> Floats:
        """The probability of the word."""
        is_own = self._words(places)[:, None] == self._words(centres)
        other = width / self.count
        # The logarithm of two numbers, not of a whole table.
        return np.where(is_own, math.log(1 - width + other), math.log(max(other, _LEAST)))

    def _words(self, places: Floats) -> Floats:
        return np.minimum(np.floor(places * self.count), self.count - 1) + 0.5


class ParzenEstimator:
    """A mixture of one kernel for each point, and the prior (Watanabe 2023, 3.2 and 3.3).

    Args:
        axes: one for each parameter.
        points: (n_points, n_parameters), unit cube.
        weights: (n_points,), what each of them counts; 1 on the average.
        how: how the kernels are made.
    """

    def __init__(
        self, axes: Sequence[Axis], points: Floats, weights: Floats, how: Smoothing
    ) -> None:
        self._axes, self._is_joint = axes, how.is_joint
        parameters = len(axes) if how.is_joint else 1
        # The last kernel is the prior.
        self._centres = np.vstack([points, np.full(len(axes), 0.5)])
        self._widths = [
            axis.width(column, weights, parameters, how) if len(points) else 1.0
            for axis, column in zip(axes, points.T, strict=True)
        ]
        everyone = np.append(weights, how.prior_weight)
        self._weights = everyone / everyone.sum()

    def draw(self, count: int, random: np.random.Generator) -> Floats:
        """Points of the mixture: (count, n_parameters), unit cube."""
        columns: list[Floats] = []
        kernels = self._kernels(count, random)
        for axis, centres, width in zip(self._axes, self._centres.T, self._widths, strict=True):
            widths = np.where(kernels < len(centres) - 1, width, 1.0)
            columns.append(axis.draw(centres[kernels], widths, random))
            if not self._is_joint:
                kernels = self._kernels(count, random)
        return np.stack(columns, axis=1)

    def log_mass(self, points: Floats) -> Floats:
        """How likely the points are, as logarithms: (n_points,)."""
        masses: Floats = np.zeros((len(points), len(self._weights)))
        likely: Floats = np.zeros(len(points))
        for number, column in enumerate(points.T):
            if not self._is_joint:
                masses[:] = 0.0
            self._add_masses(number, column, masses)
            if not self._is_joint:
                likely += self._mixed(masses)
        return self._mixed(masses) if self._is_joint else likely

    def _add_masses(self, number: int, places: Floats, masses: Floats) -> None:
        """Add what each kernel of one parameter, and the prior, gives to each place."""
        axis, centres = self._axes[number], self._centres[:, number]
        masses[:, :-1] += axis.log_mass(places, centres[:-1], self._widths[number])
        masses[:, -1:] += axis.log_mass(places, centres[-1:], 1.0)

    def _mixed(self, masses: Floats) -> Floats:
        largest = masses.max(axis=1)
        shares = np.exp(masses - largest[:, None]) @ self._weights
        return np.asarray(largest + np.log(shares))

    def _kernels(
        self, count: int, random: np.random.Generator
    ) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
        return random.choice(len(self._weights), size=count, p=self._weights)


def axes_of(space: SearchSpace) -> tuple[Axis, ...]:
    """The kernels of each parameter of a search space."""
    return tuple(_axis(parameter) for parameter in space.parameters)


def ranked(points: Floats, good: ParzenEstimator, bad: ParzenEstimator) -> Floats:
    """The same points, those with the largest expected improvement first.

    It grows with the ratio of good to bad (Bergstra et al. 2011, equation 3). Whole points are
    compared: were each parameter to take its own best place, all of them would change at once, and
    nothing could be told from the result.
    """
    scores = good.log_mass(points) - bad.log_mass(points)
    return points[np.argsort(-scores, kind="stable")]


def _axis(parameter: Parameter) -> Axis:
    size = parameter.size
    if not parameter.is_ordered:
        return WordAxis(size or 1)
    if size is None or size > _MOST_BINS:
        return NumberAxis(None)
    lows = [parameter.share(parameter.value(index))[0] for index in range(size)]
    return NumberAxis(np.array([*lows, 1.0]))


def _inside(centres: Floats, width: float) -> Floats:
    """How much of each normal distribution lies on the unit interval."""
    return np.asarray(ndtr((1 - centres) / width) - ndtr(-centres / width))
