"""A Gaussian process with a Matérn-5/2 kernel and one length for each parameter.

C. E. Rasmussen and C. K. I. Williams, "Gaussian Processes for Machine Learning", 2006, chapters 2,
4 and 5. The prior of the lengths grows with the number of parameters, as C. Hvarfner, E. Hellsten
and L. Nardi have it in "Vanilla Bayesian Optimization Performs Great in High Dimensions", 2024.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, solve_triangular
from scipy.linalg.lapack import dpotri
from scipy.optimize import minimize

from katib.search.history import Floats

Groups = NDArray[np.intp]

#: The kernel is learnt from so many points, by up to so many steps: first from a few, whose result
#: is the start of the next. Each step takes time with the cube of the points, and more of them
#: hardly change the kernel.
_STAGES = ((60, 40), (150, 12))

#: The logarithms of lengths, signal variance and noise variance stay between these.
_LENGTH_BOUNDS = (math.log(0.02), math.log(100.0))
_SIGNAL_BOUNDS = (math.log(0.05), math.log(50.0))
_NOISE_BOUNDS = (math.log(1e-6), math.log(1.0))

#: Mean and standard deviation of the normal priors of those logarithms. Lengths have a mean of
#: ``sqrt(2) + log(parameters) / 2`` (Hvarfner et al. 2024, section 5).
_LENGTH_DEVIATION = math.sqrt(3)
_SIGNAL_PRIOR = (0.0, 1.5)
_NOISE_PRIOR = (-8.0, 2.5)

#: Logarithms of length and noise that the fit starts from.
_STARTS = ((math.log(0.3), math.log(1e-2)), (math.log(1.0), math.log(1e-4)))

#: Keeps matrices invertible where points coincide, as a share of the signal's variance.
_JITTER = 1e-9

_ROOT5 = math.sqrt(5.0)


@dataclass(frozen=True, slots=True, eq=False)
class Kernel:
    """Matérn-5/2 (Rasmussen and Williams, equation 4.17), with noise.

    Attributes:
        logs: the logarithms of a length for each group of features, of the signal's variance, and
            of the noise's variance.
        groups: (n_features,), which length a feature is measured by.
    """

    logs: Floats
    groups: Groups

    @property
    def lengths(self) -> Floats:
        """(n_features,)."""
        return np.asarray(np.exp(self.logs[:-2])[self.groups])

    @property
    def signal(self) -> float:
        """The variance of what is modelled."""
        return math.exp(self.logs[-2])

    @property
    def noise(self) -> float:
        """The variance of what is added when it is measured."""
        return math.exp(self.logs[-1])

    def between(self, one: Floats, other: Floats) -> Floats:
        """The covariances of two sets of points, without noise: (n_one, n_other)."""
        one, other = one / self.lengths, other / self.lengths
        squares = (one**2).sum(1)[:, None] + (other**2).sum(1) - 2 * one @ other.T
        return self.signal * _matern(np.maximum(squares, 0.0))[0]

    def slopes(self, point: Floats, others: Floats) -> tuple[Floats, Floats]:
        """The covariances of one point with others, (n_others,), and how they change as it moves.

        The latter are (n_others, n_features).
        """
        steps = (point - others) / self.lengths
        values, falls = _matern((steps**2).sum(1))
        return self.signal * values, -self.signal * falls[:, None] * steps / self.lengths


class GaussianProcess:
    """What is believed about losses anywhere, given those at some points.

    Args:
        kernel: how alike points are.
        points: (n_points, n_features).
        losses: (n_points,), with a mean of about 0 and a variance of about 1.
    """

    def __init__(self, kernel: Kernel, points: Floats, losses: Floats) -> None:
        self._kernel, self._points, self._losses = kernel, points, losses
        covariances = kernel.between(points, points)
        covariances[np.diag_indices(len(points))] += kernel.noise + _JITTER * kernel.signal
        self._root = np.linalg.cholesky(covariances)
        self._weights: Floats = cho_solve((self._root, True), losses, check_finite=False)

    @classmethod
    def fit(cls, points: Floats, losses: Floats, groups: Groups) -> GaussianProcess:
        """The process whose kernel is the most probable, given the losses and the priors.

        It is learnt from an even part of the points, of which more correct what few have shown.

        Args:
            points: (n_points, n_features), one at least.
            losses: (n_points,), with a mean of about 0 and a variance of about 1.
            groups: (n_features,), from 0 on; features of one group share a length.
        """
        kernels = int(groups.max()) + 1
        starts = [np.array([*[length] * kernels, 0.0, noise]) for length, noise in _STARTS]
        known = 0
        for size, steps in _STAGES:
            some = np.unique(np.linspace(0, len(points) - 1, size).astype(int))
            if len(some) > known:
                posterior = Posterior(points[some], losses[some], groups)
                found = [posterior.climb(start, steps) for start in starts]
                starts = [min(found, key=lambda pair: pair[1])[0]]
            known = len(some)
        (best,) = starts
        return cls(Kernel(best, groups), points, losses)

    @property
    def kernel(self) -> Kernel:
        """How alike points are."""
        return self._kernel

    @property
    def best(self) -> float:
        """The smallest loss expected at a known point, with the noise taken out of it."""
        return float(self.predict(self._points)[0].min())

    def predict(self, points: Floats) -> tuple[Floats, Floats]:
        """Means and standard deviations (equations 2.25 and 2.26): (n_points,) each."""
        covariances = self._kernel.between(points, self._points)
        known = solve_triangular(self._root, covariances.T, lower=True, check_finite=False)
        return covariances @ self._weights, self._deviations((known**2).sum(0))

    def slopes(self, point: Floats) -> tuple[float, float, Floats, Floats]:
        """Mean and standard deviation at one point, and their gradients: (n_features,) each."""
        covariances, changes = self._kernel.slopes(point, self._points)
        known = solve_triangular(self._root, covariances, lower=True, check_finite=False)
        weights = solve_triangular(self._root, known, lower=True, trans=1, check_finite=False)
        deviation = float(self._deviations(known @ known))
        return (
            float(covariances @ self._weights),
            deviation,
            self._weights @ changes,
            -(weights @ changes) / deviation,
        )

    def believe(self, points: Floats) -> GaussianProcess:
        """As if the losses at these points, too, were known: to be what is expected there.

        D. Ginsbourger, R. Le Riche and L. Carraro, "Kriging Is Well-Suited to Parallelize
        Optimization", 2010, section 4.2 (the kriging believer).
        """
        means, _ = self.predict(points)
        return GaussianProcess(
            self._kernel, np.vstack([self._points, points]), np.append(self._losses, means)
        )

    def _deviations(self, known: Floats) -> Floats:
        signal = self._kernel.signal
        return np.asarray(np.sqrt(np.maximum(signal - known, _JITTER * signal)))


class Posterior:
    """How improbable a kernel is, given losses: the marginal likelihood, and the priors.

    Args:
        points: (n_points, n_features).
        losses: (n_points,).
        groups: (n_features,), from 0 on.
    """

    def __init__(self, points: Floats, losses: Floats, groups: Groups) -> None:
        self._losses = losses
        squares = (points[:, None, :] - points[None, :, :]) ** 2
        count = int(groups.max()) + 1
        sums = [squares[:, :, groups == group].sum(2).ravel() for group in range(count)]
        self._squares = np.stack(sums)  # (n_groups, n_points * n_points)
        middle = math.sqrt(2) + math.log(count) / 2
        self._means = np.array([*[middle] * count, _SIGNAL_PRIOR[0], _NOISE_PRIOR[0]])
        deviations = [*[_LENGTH_DEVIATION] * count, _SIGNAL_PRIOR[1], _NOISE_PRIOR[1]]
        self._deviations = np.array(deviations)
        self._bounds = [*[_LENGTH_BOUNDS] * count, _SIGNAL_BOUNDS, _NOISE_BOUNDS]

    def climb(self, logs: Floats, steps: int) -> tuple[Floats, float]:
        """The most probable logarithms near these, and how improbable they are."""
        found = minimize(
            self.loss,
            np.clip(logs, *np.array(self._bounds).T),
            jac=True,
            method="L-BFGS-B",
            bounds=self._bounds,
            options={"maxiter": steps},
        )
        return np.asarray(found.x), float(found.fun)

    def loss(self, logs: Floats) -> tuple[float, Floats]:
        """Minus the logarithm of the posterior probability, and its gradient.

        Equations 5.8 and 5.9.
        """
        count = len(self._losses)
        inverse_squares = np.exp(-2 * logs[:-2])
        signal, noise = math.exp(logs[-2]), math.exp(logs[-1])
        values, falls = _matern(inverse_squares @ self._squares)
        covariances = signal * values.reshape(count, count)
        covariances[np.diag_indices(count)] += noise + _JITTER * signal
        root = np.linalg.cholesky(covariances)
        weights = cho_solve((root, True), self._losses, check_finite=False)
        lower = np.tril(dpotri(root, lower=1)[0])
        inverse = lower + np.tril(lower, -1).T
        pull = np.outer(weights, weights) - inverse
        by_length = self._squares @ (pull.ravel() * signal * falls) * inverse_squares
        by_signal = float((pull * covariances).sum()) - noise * float(np.trace(pull))
        gradient = -np.array([*by_length, by_signal, noise * float(np.trace(pull))]) / 2
        misfit = float(self._losses @ weights) / 2 + float(np.log(np.diag(root)).sum())
        away = (logs - self._means) / self._deviations
        return misfit + float(away @ away) / 2, gradient + away / self._deviations


def _matern(squares: Floats) -> tuple[Floats, Floats]:
    """The kernel of squared distances, and how fast it falls: minus twice its derivative."""
    distances = _ROOT5 * np.sqrt(squares)
    decays = np.exp(-distances)
    return (1 + distances + distances**2 / 3) * decays, (1 + distances) * decays * (5 / 3)
