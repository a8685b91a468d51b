"""A Gaussian process: what is believed about losses anywhere, given those at some points.

C. E. Rasmussen and C. K. I. Williams, "Gaussian Processes for Machine Learning", 2006, chapter 2.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg.lapack import dpotrf, dtrtri

from katib.search.history import Floats
from katib.search.kernel import Kernel, matern, squares
from katib.search.likelihood import JITTER

#: Added to what is imagined at several points, so that the same point may come twice.
_IMAGINED_JITTER = 1e-6


class GaussianProcess:
    """What is believed, in one or several fantasies of what is not known yet.

    Args:
        kernel: how alike points are.
        points: (n_points, n_features).
        losses: (n_points, n_fantasies), with a mean of about 0 and a variance of about 1.
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
        self._best: Floats = (losses - noise * self._weights).min(0)

    @property
    def best(self) -> Floats:
        """The smallest loss expected at a known point, without its noise: (n_fantasies,)."""
        return self._best

    def at(self, points: Floats) -> View:
        """What is believed at (n_points, n_features)."""
        return View(self._kernel, points, self._placed, self._inverse, self._weights)

    def imagine(self, points: Floats, chances: Floats) -> GaussianProcess:
        """As if the losses at these points were known, too: drawn from what is believed there.

        J. Snoek, H. Larochelle and R. P. Adams, "Practical Bayesian Optimization of Machine
        Learning Algorithms", 2012, section 3.2.

        Args:
            points: (n_points, n_features).
            chances: (n_points, n_fantasies), standard normal. One fantasy becomes as many.
        """
        view = self.at(points)
        placed, signal = self._kernel.placed(points), self._kernel.signal
        joint = signal * matern(squares(placed, placed))[0] - view.known @ view.known.T
        joint[np.diag_indices(len(points))] += self._kernel.noise + _IMAGINED_JITTER * signal
        imagined = view.means + np.linalg.cholesky(joint) @ chances
        known = np.broadcast_to(self._losses, (len(self._losses), imagined.shape[1]))
        return GaussianProcess(
            self._kernel, np.vstack([self._points, points]), np.vstack([known, imagined])
        )


class View:
    """What a process believes at some points.

    Attributes:
        means: (n_points, n_fantasies).
        deviations: (n_points,), of the losses without their noise.
        known: (n_points, n_known), whose squares add up to the variance that is known away.
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
        self.known: Floats = covariances @ inverse.T
        left = kernel.signal - (self.known**2).sum(1)
        self.deviations: Floats = np.sqrt(np.maximum(left, JITTER * kernel.signal))

    def slopes(self, by_mean: Floats, by_deviation: Floats) -> Floats:
        """How a score changes as each point moves: (n_points, n_features).

        Args:
            by_mean: (n_points, n_fantasies), how it changes with the means.
            by_deviation: (n_points,), with the deviations.
        """
        pulls = by_mean @ self._weights.T
        pulls -= (by_deviation / self.deviations)[:, None] * (self.known @ self._inverse)
        pulls *= self._kernel.signal * self._falls
        along = pulls @ self._base - pulls.sum(1)[:, None] * self._placed
        return np.asarray(along * self._kernel.stretch(self._points))
