"""Which trials to show where all of them would be too many."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from katib.client.trial_table import Floats

Rows = NDArray[np.intp]

#: Of those that are shown, so many are the best; the others stand for all the rest.
_BEST = 0.1


def representative(losses: Floats, most: int) -> Rows:
    """The rows of the best trials, and of others that stand for all from good to bad.

    Beyond the best, every n-th by its loss is taken, so that the picture keeps its proportions.

    Args:
        losses: (n_trials,), less is better; ``nan`` for those that are never shown.
        most: how many at most.

    Returns:
        Ascending.
    """
    order = np.argsort(losses, kind="stable")[: np.isfinite(losses).sum()]
    if len(order) > most:
        best, rest = np.split(order, [int(most * _BEST)])
        picked = np.linspace(0, len(rest) - 1, most - len(best)).round().astype(np.intp)
        order = np.concatenate([best, rest[picked]])
    return np.sort(order)
