"""A Gaussian process: what is believed about losses anywhere, given those at some points.

C. E. Rasmussen and C. K. I. Williams, "Gaussian Processes for Machine Learning", 2006, chapter 2.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg.lapack import dpotrf, dtrtri

from katib.search.history import Floats
from katib.search.kernel import Kernel, matern, squares
from katib.search.likelihood import JITTER


class GaussianProcess:
    """What is believed, given losses at some points.

    Args:
        kernel: how alike points are.
        points: (n_points, n_features).
        losses: (n_points,), with a mean of about 0 and a variance of about 1.
    """

    def __init__(self, kernel: Kernel, points: Floats, losses: Floats) -> None:
        self._kernel, self._points, self._losses = kernel, points, losses
        self._placed = kernel.placed(points)
        covariances = kernel.signal * matern(squares(self._placed, self._placed))[0]
        noise = kernel.noise + JITTER * kernel.signal
        covariances[np.diag_indices(len(points))] += noise
        root, _ = dpotrf(covariances, lower=1, clean=1)
        # Equations 2.25 and 2.26. What is asked for often is a product with the inverse.
        self._inverse, _ = dtrtri(root, lower=1)
        self._weights = self._inverse.T @ (self._inverse @ losses)
        self._best = float((losses - noise * self._weights).min())

    @property
    def best(self) -> float:
        """The smallest loss expected at a known point, with the noise taken out of it."""
        return self._best

    @property
    def noise(self) -> float:
        """The share of the noise in the variance of what is measured."""
        return self._kernel.noise / (self._kernel.noise + self._kernel.signal)

    def at(self, points: Floats) -> View:
        """What is believed at (n_points, n_features)."""
        return View(self._kernel, points, self._placed, self._inverse, self._weights)

    def believe(self, points: Floats) -> GaussianProcess:
        """As if the losses at these points, too, were known: to be what is expected there.

        D. Ginsbourger, R. Le Riche and L. Carraro, "Kriging Is Well-Suited to Parallelize
        Optimization", 2010, section 4.2 (the kriging believer).
        """
        losses = np.append(self._losses, self.at(points).means)
        return GaussianProcess(self._kernel, np.vstack([self._points, points]), losses)


class View:
    """What a process believes at some points.

    Attributes:
        means: (n_points,).
        deviations: (n_points,), of the losses without their noise.
    """

    def __init__(
        self, kernel: Kernel, points: Floats, base: Floats, inverse: Floats, weights: Floats
    ) -> None:
        self._kernel, self._points, self._base = kernel, points, base
        self._inverse, self._weights = inverse, weights
        self._placed = kernel.placed(points)
        values, self._falls = matern(squares(self._placed, base))
        covariances = kernel.signal * values
        self.means: Floats = covariances @ weights
        self._known = covariances @ inverse.T
        left = kernel.signal - (self._known**2).sum(1)
        self.deviations: Floats = np.sqrt(np.maximum(left, JITTER * kernel.signal))

    def slopes(self, by_mean: Floats, by_deviation: Floats) -> Floats:
        """How a score changes as each point moves: (n_points, n_features).

        Args:
            by_mean: (n_points,), how it changes with the means.
            by_deviation: (n_points,), with the deviations.
        """
        pulls = np.outer(by_mean, self._weights)
        pulls -= (by_deviation / self.deviations)[:, None] * (self._known @ self._inverse)
        pulls *= self._kernel.signal * self._falls
        along = pulls @ self._base - pulls.sum(1)[:, None] * self._placed
        return np.asarray(along * self._kernel.stretch(self._points))
