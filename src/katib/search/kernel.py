"""How alike points are: a Matérn-5/2 kernel over places that may be bent.

C. E. Rasmussen and C. K. I. Williams, "Gaussian Processes for Machine Learning", 2006, chapter 4;
J. Snoek, K. Swersky, R. Zemel and R. Adams, "Input Warping for Bayesian Optimization of
Non-Stationary Functions", 2014.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from katib.search.history import Floats

#: Places keep so far from the ends, where bending may be infinitely steep.
_EDGE = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Kernel:
    """Matérn-5/2 (Rasmussen and Williams, equation 4.17), with noise.

    Attributes:
        lengths: (n_features,), how far apart places are that differ.
        signal: the variance of what is modelled.
        noise: the variance of what is added when it is measured.
        shapes: (2, n_features), both exponents of the bending of each feature; ``None`` for no
            bending.
    """

    lengths: Floats
    signal: float
    noise: float
    shapes: Floats | None = None

    def placed(self, points: Floats) -> Floats:
        """Points of (n_points, n_features), bent, and in units of the lengths."""
        if self.shapes is not None:
            points = bend(points, self.shapes).places
        return np.asarray(points / self.lengths)

    def stretch(self, points: Floats) -> Floats:
        """How fast placed points move as points do: (n_points, n_features)."""
        if self.shapes is None:
            return np.broadcast_to(1 / self.lengths, points.shape)
        return bend(points, self.shapes).by_place / self.lengths


class Bend(NamedTuple):
    """Bent places, and how they change with the place and with the logarithms of the exponents."""

    places: Floats
    by_place: Floats
    by_first: Floats
    by_second: Floats


def bend(points: Floats, shapes: Floats) -> Bend:
    """The distribution function of Kumaraswamy (Snoek et al. 2014, section 3).

    Args:
        points: (n_points, n_features), unit cube.
        shapes: (2, n_features), both exponents, above 0; where they are 1, places stay.
    """
    first, second = shapes
    inside = _EDGE + points * (1 - 2 * _EDGE)
    logs = np.log(inside)
    powers = np.exp(first * logs)
    rests = np.log1p(-powers)
    tails = np.exp(second * rests)
    by_power = second * tails / (1 - powers)
    return Bend(
        1 - tails,
        by_power * first * powers / inside * (1 - 2 * _EDGE),
        by_power * powers * logs * first,
        -tails * rests * second,
    )


def squares(one: Floats, other: Floats) -> Floats:
    """The squared distances of two sets of placed points: (n_one, n_other)."""
    found = (one**2).sum(1)[:, None] + (other**2).sum(1) - 2 * one @ other.T
    return np.asarray(np.maximum(found, 0.0))


def matern(distances: Floats) -> tuple[Floats, Floats]:
    """The correlations at squared distances, and how fast they fall: minus twice the derivative."""
    roots = np.sqrt(5 * distances)
    decays = np.exp(-roots) * (5 / 3)
    falls = (1 + roots) * decays
    return falls * 0.6 + distances * decays, falls
