"""Which share of the trials is at least so good: the empirical distribution of the objective."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from katib.client.trial_table import Floats, TrialTable

#: A step for each trial is too fine beyond this.
_MOST_STEPS = 500


@dataclass(frozen=True, slots=True, eq=False)
class Distribution:
    """Steps from the best value to the worst.

    Attributes:
        values: (n_steps,), of the objective, the best first; each once.
        shares: (n_steps,), of all trials with a finite value, those that are no worse; 1 at last.
        count: how many trials have a finite value.
    """

    values: Floats
    shares: Floats
    count: int


def distribution(table: TrialTable) -> Distribution:
    """The distribution of the objective's values."""
    losses = np.sort(table.losses[np.isfinite(table.losses)])
    found, last = np.unique(losses[::-1], return_index=True)
    shares = 1 - last / max(len(losses), 1)
    if len(found) > _MOST_STEPS:
        steps = np.linspace(0, len(found) - 1, _MOST_STEPS).round().astype(np.intp)
        found, shares = found[steps], shares[steps]
    return Distribution(-found if table.is_maximised else found, shares, len(losses))
