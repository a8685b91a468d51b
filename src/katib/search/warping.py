"""Losses on a scale that a model can learn from, whatever they are like.

I.-K. Yeo and R. A. Johnson, "A New Family of Power Transformations to Improve Normality or
Symmetry", 2000. That such a scale is worth more than most else in a model of losses: A. I.
Cowen-Rivers et al., "HEBO: Pushing The Limits of Sample-Efficient Hyperparameter Optimisation",
2022.
"""

from __future__ import annotations

import numpy as np

from katib.search.history import Floats

#: From so many deviations off the median on, losses are drawn in.
_FAR = 3.0
_FAR_BELOW = 30.0

#: Nearer to the smallest than this share of their range, losses are never told apart.
_NEAR = 0.003

#: So many of the best trials at most tell how uneven losses are.
_MOST_GOOD = 20

#: The powers that are tried, each with that for better losses. None above 1: bad losses are never
#: spread, for it is the good ones that must be told apart.
_POWERS = np.linspace(-2.0, 1.0, 31)

#: They are compared on so many losses at most, evenly from the best to the worst.
_MOST_COMPARED = 1000


def warped(losses: Floats) -> Floats:
    """The same order, with a mean of 0 and a variance of 1, no outliers, and no long tail of bad.

    Near the median the scale is linear; further off it is that of logarithms, and then of their
    logarithms, so that a diverged training does not drown the differences between the others. Then
    comes the power that makes the losses the likeliest under a normal distribution: it brings bad
    losses together, and sets good ones apart. Equal losses all become 0.

    Args:
        losses: (n_trials,), finite.
    """
    drawn = _straight(losses)
    if not drawn.any():
        return drawn
    return standardised(_likeliest(drawn))


def sharpened(losses: Floats, points: Floats) -> Floats:
    """Without outliers, as by :func:`warped`, and on the scale of logarithms from the smallest on.

    What tells the best from the good then counts as much as what tells the good from the bad, as
    where costs are learnt as logarithms (Hutter, Hoos and Leyton-Brown 2011, section 4.1). How near
    to the smallest this goes on depends on how much good losses differ from one point to the next:
    noise must not be taken for the best of all.

    Args:
        losses: (n_trials,), finite.
        points: (n_trials, n_features).
    """
    drawn = _straight(losses)
    width = float(np.ptp(drawn))
    if width <= 0.0:
        return drawn
    near = max(_NEAR, _unevenness(drawn, points) / width)
    logs = np.log((drawn - drawn.min()) / width + near)
    return standardised(logs)


def standardised(losses: Floats) -> Floats:
    """With a mean of 0 and a variance of 1; 0 where all losses are equal.

    Args:
        losses: (n_trials,), finite, none as large as floats can be.
    """
    away = losses - losses.mean()
    spread = float(away.std())
    return np.asarray(away / spread if spread > 0.0 else np.zeros_like(away))


def measured(losses: Floats, usual: Floats) -> Floats:
    """The same order, in deviations of the usual losses from their median.

    Very good losses are drawn in much later than very bad ones. The scale stays as it is while more
    and more trials become as good as the best. Without a usual deviation, it is that of all losses.

    Args:
        losses: (n_trials,), finite.
        usual: (n_usual,), finite: losses of points that were chosen for no loss; any number.
    """
    middle = np.median(usual / 4) if len(usual) else 0.0
    spread = _spread(usual / 4 - middle) if len(usual) else 0.0
    if spread <= 0.0:
        return _straight(losses)
    with np.errstate(over="ignore"):
        away = np.clip((losses / 4 - middle) / spread, -1e300, 1e300)
    return np.where(away > 0, _drawn_in(away, _FAR), _drawn_in(away, _FAR_BELOW))


def _straight(losses: Floats) -> Floats:
    """In deviations from the median, without outliers; 0 where all losses are equal."""
    # Differences of numbers as large as floats can be have no place among them.
    scaled = losses / 4
    away = scaled - np.median(scaled)
    spread = _spread(away)
    if spread <= 0.0:
        return np.zeros_like(away)
    with np.errstate(over="ignore"):
        return _drawn_in(np.clip(away / spread, -1e300, 1e300), _FAR)


def _likeliest(values: Floats) -> Floats:
    """Raised to the power with the highest likelihood (Yeo and Johnson 2000, section 3)."""
    places = np.linspace(0, len(values) - 1, min(len(values), _MOST_COMPARED)).astype(int)
    some = np.sort(values)[places]
    raised = np.stack([_raised(some, power) for power in _POWERS.tolist()])
    slopes = (np.sign(some) * np.log1p(np.abs(some))).sum()
    fits = -len(some) / 2 * np.log(raised.var(1)) + (_POWERS - 1) * slopes
    return _raised(values, float(_POWERS[np.argmax(fits)]))


def _raised(values: Floats, power: float) -> Floats:
    """Yeo and Johnson 2000, equation 2.1."""
    logs = np.log1p(np.abs(values))
    return np.where(values >= 0, _powers(logs, power), -_powers(logs, 2 - power))


def _powers(logs: Floats, power: float) -> Floats:
    return logs if abs(power) < 1e-9 else np.expm1(power * logs) / power


def _unevenness(losses: Floats, points: Floats) -> float:
    """How much the losses of good points and of their nearest neighbours usually differ."""
    good = np.argsort(losses, kind="stable")[: min(max(len(losses) // 4, 4), _MOST_GOOD)]
    squares = (points**2).sum(1) - 2 * points[good] @ points.T
    squares[np.arange(len(good)), good] = np.inf
    return float(np.median(np.abs(losses[good] - losses[squares.argmin(1)])))


def _drawn_in(away: Floats, far: float) -> Floats:
    beyond = np.maximum(np.abs(away) - far, 0.0)
    return np.asarray(np.sign(away) * (np.minimum(np.abs(away), far) + np.log1p(np.log1p(beyond))))


def _spread(away: Floats) -> float:
    """Half of them lie this near, or as near as anything does that is not the median itself."""
    distances = np.abs(away)
    half = 1.48 * float(np.median(distances))
    return half if half > 0.0 else float(distances.max())
