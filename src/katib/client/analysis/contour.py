"""How good the objective is over two parameters, wherever trials are near.

E. A. Nadaraya, "On Estimating Regression", 1964; G. S. Watson, "Smooth Regression Analysis", 1964:
at each place the mean of all trials, those weighing most that are nearest. Other parameters differ
between them, so that a surface through every trial would show nothing but that.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from katib.client.analysis.axes import Axis, Scale, axis_of
from katib.client.analysis.selection import Rows, representative
from katib.client.trial_table import Floats, TrialTable

#: Places along an axis of numbers.
_PLACES = 41

#: How wide the kernel is, as a share of the axis, for one trial; with more it becomes narrower, as
#: is best in two dimensions (D. W. Scott, "Multivariate Density Estimation", 1992, section 6.2).
_WIDTH, _EXPONENT = 0.3, -1 / 6

#: A place is known when the weights there come to so much of a trial.
_LEAST_WEIGHT = 0.25

_MOST_TRIALS = 1000


@dataclass(frozen=True, slots=True, eq=False)
class Contour:
    """A grid over two parameters.

    Attributes:
        x: the axis across, of the trials in ``rows``.
        y: the axis upwards.
        columns: (n_columns,), places on the first axis: numbers, or indices of words.
        lines: (n_lines,), places on the second.
        values: (n_lines, n_columns), of the objective; ``nan`` where no trial is near.
        rows: trials to show as points.
    """

    x: Axis
    y: Axis
    columns: Floats
    lines: Floats
    values: Floats
    rows: Rows


def contour(table: TrialTable, x: str, y: str) -> Contour:
    """The grid of two parameters, which must be the table's."""
    across, up = axis_of(table.parameters[x]), axis_of(table.parameters[y])
    is_known = np.isfinite(table.losses) & np.isfinite(across.places) & np.isfinite(up.places)
    known = np.flatnonzero(is_known)
    width = _WIDTH * max(len(known), 1) ** _EXPONENT
    (columns, near_columns), (lines, near_lines) = (
        _nearness(axis.at(known), width) for axis in (across, up)
    )
    weights = near_lines @ near_columns.T
    sums = (near_lines * table.values[known]) @ near_columns.T
    values = np.where(weights >= _LEAST_WEIGHT, sums / np.maximum(weights, _LEAST_WEIGHT), np.nan)
    rows = representative(np.where(is_known, table.losses, np.nan), _MOST_TRIALS)
    return Contour(across.at(rows), up.at(rows), columns, lines, values, rows)


def _nearness(axis: Axis, width: float) -> tuple[Floats, Floats]:
    """Places along an axis, and how near each trial is to them: (n_places, n_trials), 1 at most."""
    if axis.scale is Scale.WORDS:
        places = np.arange(len(axis.words), dtype=np.float64)
        units = (places + 0.5) / max(len(places), 1)
    else:
        units = np.linspace(0, 1, _PLACES)
        low, high = axis.scaled_bounds
        places = low + units * (high - low)
        places = 10**places if axis.scale is Scale.LOG else places
    if not axis.is_ordered:
        return places, (places[:, None] == axis.places[None]).astype(np.float64)
    return places, np.exp(-(((units[:, None] - axis.units[None]) / width) ** 2) / 2)
