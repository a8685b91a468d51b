"""How an experiment's best value came about, trial by trial."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from katib.client.analysis.selection import Rows
from katib.client.trial_table import ENDS, Floats, TrialTable


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """The trials in the order of their creation; (n_trials,) each.

    Attributes:
        numbers: from 1 on.
        values: of the objective; ``nan`` unless finite.
        best: the best value up to each trial; ``nan`` before any.
        is_valueless: whether the trial ended without a finite value.
        improvements: the rows of trials that were better than all before them.
    """

    numbers: NDArray[np.intp]
    values: Floats
    best: Floats
    is_valueless: NDArray[np.bool_]
    improvements: Rows


def history(table: TrialTable) -> History:
    """The history of an experiment."""
    values = np.where(np.isfinite(table.values), table.values, np.nan)
    best = table.best_so_far
    before = np.concatenate([[np.nan], best[:-1]])[: len(best)]
    is_better = ~np.isnan(best) & (best != before)
    is_over = np.array([status in ENDS for status in table.statuses], dtype=np.bool_)
    return History(
        numbers=np.arange(1, len(table) + 1),
        values=values,
        best=best,
        is_valueless=is_over & np.isnan(values),
        improvements=np.flatnonzero(is_better),
    )
