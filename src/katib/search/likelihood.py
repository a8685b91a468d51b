"""Which kernel is the most probable, given losses.

C. E. Rasmussen and C. K. I. Williams, "Gaussian Processes for Machine Learning", 2006, chapter 5.
The prior of the lengths grows with the number of parameters, as C. Hvarfner, E. Hellsten and L.
Nardi have it in "Vanilla Bayesian Optimization Performs Great in High Dimensions", 2024.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dpotrf, dpotri, dpotrs
from scipy.optimize import minimize

from katib.search.history import Floats
from katib.search.kernel import Kernel, bend, matern, squares

#: Keeps matrices invertible where points coincide, as a share of the signal's variance.
JITTER = 1e-9

#: The kernel is learnt from so many points, by up to so many steps: first from a few, whose result
#: is the start of the next. Each step takes time with the cube of the points, and more of them
#: hardly change the kernel.
_STAGES = ((60, 40), (150, 12))

#: How places are bent is learnt by so many steps more, and kept if minus the logarithm of the
#: probability falls by so much, and by a half for each exponent.
_BENT_STEPS = 15
_LEAST_GAIN = 4.0

#: Logarithms of length and noise that the fit starts from.
_STARTS = ((math.log(0.3), math.log(1e-2)), (math.log(1.0), math.log(1e-4)))


class Prior(NamedTuple):
    """A normal distribution of a logarithm, cut off at both ends.

    Attributes:
        mean: the most probable logarithm.
        deviation: its standard deviation.
        low: the smallest.
        high: the largest.
    """

    mean: float
    deviation: float
    low: float
    high: float


#: Of the variances of signal and noise, and of the exponents that bend places (Snoek et al. 2014).
_SIGNAL = Prior(0.0, 1.5, math.log(0.05), math.log(50.0))
_NOISE = Prior(-8.0, 2.5, math.log(1e-6), 0.0)
_SHAPE = Prior(0.0, 0.5, -2.0, 2.0)


def length_prior(parameters: int) -> Prior:
    """Of a length, where there are so many parameters.

    Hvarfner et al. 2024, section 5: log-normal with a mean of ``sqrt(2) + log(parameters) / 2`` and
    a deviation of ``sqrt(3)`` of the logarithm. The density that they climb is that of the length,
    which is highest by the variance below: from the mean of the logarithm, every parameter would be
    flat until proven otherwise, and a search would settle in the first valley. None is below a
    tenth of the range: trials by the hundred cannot show less, and a search that believes them
    crawls.
    """
    deviation = math.sqrt(3)
    mean = math.sqrt(2) + math.log(parameters) / 2 - deviation**2
    return Prior(mean, deviation, math.log(0.1), math.log(100.0))


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """Which features share a length and a bending.

    Attributes:
        numbers: (n_features,), the group of each, from 0 on.
        ordered: the groups that are bent.
    """

    numbers: NDArray[np.intp]
    ordered: NDArray[np.intp]

    @property
    def count(self) -> int:
        """How many groups there are."""
        return int(self.numbers.max()) + 1


def fit(points: Floats, losses: Floats, groups: Groups) -> Kernel:
    """The kernel that is the most probable, given the losses and the priors.

    It is learnt from an even part of the points, of which more correct what few have shown. Places
    are bent only if the losses become far more probable by it: what few losses say of so many
    exponents is more often chance than shape.

    Args:
        points: (n_points, n_features), unit cube, one at least.
        losses: (n_points,), with a mean of about 0 and a variance of about 1.
        groups: of the features.
    """
    straight = replace(groups, ordered=groups.ordered[:0])
    starts = [np.array([*[length] * groups.count, 0.0, noise]) for length, noise in _STARTS]
    for size, steps in _STAGES:
        some = np.unique(np.linspace(0, len(points) - 1, size).astype(int))
        posterior = Posterior(points[some], losses[some], straight)
        logs, misfit = min((posterior.climb(start, steps) for start in starts), key=itemgetter(1))
        starts = [logs]
        if len(some) == len(points):
            break
    exponents = 2 * len(groups.ordered)
    if exponents:
        bent = Posterior(points[some], losses[some], groups)
        bent_logs, bent_misfit = bent.climb(np.append(logs, np.zeros(exponents)), _BENT_STEPS)
        if misfit - bent_misfit > max(_LEAST_GAIN, exponents / 2):
            return bent.kernel(bent_logs)
    return posterior.kernel(logs)


class Posterior:
    """How improbable a kernel is, given losses: the marginal likelihood, and the priors.

    A kernel is a row of logarithms: the length of each group, the variance of the signal, that of
    the noise, and the first and then the second exponents of all ordered groups.

    Args:
        points: (n_points, n_features).
        losses: (n_points,).
        groups: of the features.
    """

    def __init__(self, points: Floats, losses: Floats, groups: Groups) -> None:
        self._points, self._losses, self._groups = points, losses, groups
        priors = [length_prior(groups.count)] * groups.count + [_SIGNAL, _NOISE]
        priors += [_SHAPE] * (2 * len(groups.ordered))
        self._means, self._deviations, self._lows, self._highs = np.array(priors).T

    def kernel(self, logs: Floats) -> Kernel:
        """Of a row of logarithms."""
        numbers, ordered = self._groups.numbers, self._groups.ordered
        count = self._groups.count
        shapes: Floats | None = None
        if len(ordered):
            bends = np.zeros((2, count))
            bends[:, ordered] = logs[count + 2 :].reshape(2, -1)
            shapes = np.exp(bends)[:, numbers]
        signal, noise = np.exp(logs[count : count + 2]).tolist()
        return Kernel(np.exp(logs[:count])[numbers], signal, noise, shapes)

    def climb(self, logs: Floats, steps: int) -> tuple[Floats, float]:
        """The most probable logarithms near these, and how improbable they are."""
        found = minimize(
            self.loss,
            np.clip(logs, self._lows, self._highs),
            jac=True,
            method="L-BFGS-B",
            bounds=np.stack([self._lows, self._highs], axis=1),
            options={"maxiter": steps},
        )
        return np.asarray(found.x), float(found.fun)

    def loss(self, logs: Floats) -> tuple[float, Floats]:
        """Minus the logarithm of the posterior probability, and its gradient.

        Equations 5.8 and 5.9. Lengths and exponents act through where the placed points are: their
        part of the gradient is that of the points, which takes no matrix for each parameter.
        """
        kernel = self.kernel(logs)
        placed = kernel.placed(self._points)
        values, falls = matern(squares(placed, placed))
        values *= kernel.signal
        pull, misfit = self._pull(values, kernel)
        trace = float(np.trace(pull))
        by_signal = float(np.vdot(pull, values)) + JITTER * kernel.signal * trace
        pull *= falls
        pull *= kernel.signal
        push = pull.sum(1)[:, None] * placed - pull @ placed
        gradient = [-self._grouped(push * placed), np.array([by_signal, kernel.noise * trace]) / -2]
        if kernel.shapes is not None:
            push /= kernel.lengths
            bent = bend(self._points, kernel.shapes)
            by_shapes = (self._grouped(push * by) for by in (bent.by_first, bent.by_second))
            gradient += [by_shape[self._groups.ordered] for by_shape in by_shapes]
        away = (logs - self._means) / self._deviations
        return misfit + float(away @ away) / 2, np.concatenate(gradient) + away / self._deviations

    def _pull(self, covariances: Floats, kernel: Kernel) -> tuple[Floats, float]:
        """Minus twice how the misfit changes with each covariance, and the misfit."""
        noisy = covariances.copy()
        diagonal = np.diag_indices(len(noisy))
        noisy[diagonal] += kernel.noise + JITTER * kernel.signal
        root, _ = dpotrf(noisy, lower=1, clean=1)
        weights, _ = dpotrs(root, self._losses, lower=1)
        half, _ = dpotri(root, lower=1)
        misfit = float(self._losses @ weights) / 2 + float(np.log(root[diagonal]).sum())
        return np.outer(weights, weights) - half - np.tril(half, -1).T, misfit

    def _grouped(self, values: Floats) -> Floats:
        """The sums over points, and over the features of each group."""
        found = np.bincount(self._groups.numbers, values.sum(0), self._groups.count)
        return found.astype(np.float64, copy=False)
