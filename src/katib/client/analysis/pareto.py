"""Which trials no other beats, when several metrics count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from katib.api import names
from katib.client.analysis.selection import Rows
from katib.client.trial_table import Floats, TrialTable
from katib.errors import UnknownNameError

#: So many points are compared with the front at once.
_BLOCK = 512


@dataclass(frozen=True, slots=True, eq=False)
class ParetoFront:
    """The trials that have a finite value of each metric, and those that no other beats.

    Attributes:
        metrics: their names, in the order of the columns.
        is_maximised: (n_metrics,), whether more is better.
        rows: (n_points,), the trials.
        values: (n_points, n_metrics).
        is_front: (n_points,), whether no other trial is as good in all and better in one.
    """

    metrics: Sequence[str]
    is_maximised: Sequence[bool]
    rows: Rows
    values: Floats
    is_front: NDArray[np.bool_]


def pareto_front(table: TrialTable, metrics: Sequence[str] | None = None) -> ParetoFront:
    """The front of some metrics.

    A metric whose strategy is ``max`` is better when it is more, one of ``min`` when it is less,
    and any other as the objective is.

    Args:
        table: the trials.
        metrics: names; all that the document names, when none are given.

    Raises:
        UnknownNameError: no trial and no document has a metric of that name.
    """
    chosen = tuple(metrics or table.objective.exact_names)
    for name in chosen:
        if name not in table.metrics:
            raise UnknownNameError("metric", name, table.metrics)
    values = np.stack([table.metrics[name].values for name in chosen], axis=1)
    is_maximised = tuple(_is_maximised(table, name) for name in chosen)
    rows = np.flatnonzero(np.isfinite(values).all(1))
    values = values[rows]
    losses = np.where(np.array(is_maximised), -values, values)
    return ParetoFront(chosen, is_maximised, rows, values, non_dominated(losses))


def non_dominated(losses: Floats) -> NDArray[np.bool_]:
    """Which of (n_points, n_metrics) no other is as good in all and better in one; less is better.

    Of equal points all are.
    """
    order = np.lexsort(losses.T[::-1])
    front = np.empty((0, losses.shape[1]))
    is_front = np.zeros(len(losses), dtype=np.bool_)
    # Only points before it in this order can beat one, or those of its own block.
    for first in range(0, len(order), _BLOCK):
        block = order[first : first + _BLOCK]
        points = losses[block]
        is_kept = ~_is_beaten(points, front)
        is_kept[is_kept] = ~_is_beaten(points[is_kept], points[is_kept])
        front = np.vstack([front, points[is_kept]])
        is_front[block] = is_kept
    return is_front


def _is_beaten(points: Floats, others: Floats) -> NDArray[np.bool_]:
    no_worse = np.all(others[None] <= points[:, None], axis=2)
    better = np.any(others[None] < points[:, None], axis=2)
    found: NDArray[np.bool_] = np.any(no_worse & better, axis=1)
    return found


def _is_maximised(table: TrialTable, metric: str) -> bool:
    if metric == table.objective.objective_metric_name:
        return table.is_maximised
    strategy = table.objective.strategy(metric)
    return table.is_maximised if strategy not in (names.MIN, names.MAX) else strategy == names.MAX
