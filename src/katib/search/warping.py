"""Losses on a scale that a model can learn from, whatever they are like."""

from __future__ import annotations

import numpy as np

from katib.search.history import Floats

#: From so many deviations off the median on, losses are drawn in.
_FAR = 3.0


def warped(losses: Floats) -> Floats:
    """The same order, with a mean of 0 and a variance of 1, and no outliers.

    Near the median the scale is linear, so that smooth losses stay smooth; further off it is that
    of logarithms, and then of their logarithms, so that a diverged training does not drown the
    differences between the others. Equal losses all become 0.

    Args:
        losses: (n_trials,), finite.
    """
    # Differences of numbers as large as floats can be have no place among them.
    scaled = losses / 4
    away = scaled - np.median(scaled)
    spread = _spread(away)
    if spread <= 0.0:
        return np.zeros_like(away)
    with np.errstate(over="ignore"):
        away = np.clip(away / spread, -1e300, 1e300)
    beyond = np.maximum(np.abs(away) - _FAR, 0.0)
    drawn = np.sign(away) * (np.minimum(np.abs(away), _FAR) + np.log1p(np.log1p(beyond)))
    return np.asarray((drawn - drawn.mean()) / drawn.std())


def _spread(away: Floats) -> float:
    """Half of them lie this near, or as near as anything does that is not the median itself."""
    distances = np.abs(away)
    half = 1.48 * float(np.median(distances))
    return half if half > 0.0 else float(distances.max())
