"""Acquisition functions: how much a trial at a point is worth, by what is believed about it.

Losses are made small; scores are made large. Where chances become too small for numbers, their
logarithms do not: S. Ament, S. Daulton, D. Eriksson, M. Balandat and E. Bakshy, "Unexpected
Improvements to Expected Improvement for Bayesian Optimization", 2023.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.special import erfcx, log_ndtr, ndtr

from katib.search.history import Floats

#: How many standard deviations the lower confidence bound lies below the mean, as in Katib.
_BOUND = 1.96

#: The least improvement that counts for its probability, in standard deviations of the losses;
#: as in Katib. Without one, the surest points would be those next to the best.
_IMPROVEMENT = 0.01

_LOG_ROOT_2PI = math.log(2 * math.pi) / 2


class Acquisition(Protocol):
    """Scores points by the mean and the standard deviation of their loss."""

    def score(self, means: Floats, deviations: Floats) -> tuple[Floats, Floats, Floats]:
        """The scores, and their derivatives by the mean and by the standard deviation.

        Args:
            means: (n_points,).
            deviations: (n_points,), above 0.
        """
        ...


@dataclass(frozen=True, slots=True)
class ExpectedImprovement:
    """The logarithm of how much better than the best it is expected to be (Ament 2023, 4.1).

    Attributes:
        best: the smallest loss so far.
    """

    best: float

    def score(self, means: Floats, deviations: Floats) -> tuple[Floats, Floats, Floats]:
        """Equation 9."""
        z = (self.best - means) / deviations
        logs = log_improvement(z)
        by_mean = -np.exp(log_ndtr(z) - logs) / deviations
        by_deviation = np.exp(_log_density(z) - logs) / deviations
        return np.log(deviations) + logs, by_mean, by_deviation


@dataclass(frozen=True, slots=True)
class ProbabilityOfImprovement:
    """The logarithm of the probability that it is better than the best, by a little at least.

    Attributes:
        best: the smallest loss so far.
    """

    best: float

    def score(self, means: Floats, deviations: Floats) -> tuple[Floats, Floats, Floats]:
        """Kushner, "A New Method of Locating the Maximum Point", 1964."""
        z = (self.best - _IMPROVEMENT - means) / deviations
        logs = log_ndtr(z)
        by_z = np.exp(_log_density(z) - logs)
        return np.asarray(logs), -by_z / deviations, -by_z * z / deviations


@dataclass(frozen=True, slots=True)
class ConfidenceBound:
    """How low the loss may well be: the mean, less some standard deviations.

    Attributes:
        best: of no use here.
    """

    best: float

    def score(self, means: Floats, deviations: Floats) -> tuple[Floats, Floats, Floats]:
        """Minus the lower confidence bound."""
        ones = np.ones_like(means)
        return _BOUND * deviations - means, -ones, _BOUND * ones


#: By the names that ``acq_func`` has for them. Each is made with the smallest loss so far.
ACQUISITIONS: Mapping[str, Callable[[float], Acquisition]] = {
    "EI": ExpectedImprovement,
    "LCB": ConfidenceBound,
    "PI": ProbabilityOfImprovement,
}


def log_improvement(z: Floats) -> Floats:
    """The logarithm of ``density(z) + z * probability(z)`` of the standard normal distribution.

    Ament et al. 2023, equation 9: three forms, each where the others lose their digits.
    """
    with np.errstate(all="ignore"):
        plain = np.log(np.exp(_log_density(z)) + z * ndtr(z))
        ratio = np.log(erfcx(-z / math.sqrt(2)) * np.abs(z)) + math.log(math.pi / 2) / 2
        small = _log_density(z) + np.log(-np.expm1(np.minimum(ratio, 0.0)))
        tiny = _log_density(z) - 2 * np.log(np.abs(z))
    return np.asarray(np.where(z > -1, plain, np.where(z > -1e4, small, tiny)))


def _log_density(z: Floats) -> Floats:
    return -(z**2) / 2 - _LOG_ROOT_2PI
