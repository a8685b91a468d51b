"""Trials as points: what each was assigned and how good it was, for lines and slices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from katib.client.analysis.axes import Axis, axis_of, metric_axis
from katib.client.analysis.importances import importances
from katib.client.analysis.selection import Rows, representative
from katib.client.trial_table import TrialTable
from katib.errors import UnknownNameError

#: More lines than this are a grey area, and more axes are too narrow.
MOST_TRIALS = 500
MOST_PARAMETERS = 12


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """Trials that have a finite value, and every parameter.

    Attributes:
        objective: its axis, of these trials only, as those of the parameters are.
        parameters: their axes, in the document's order.
        rows: of the table, ascending: the best, and others that stand for all.
        of_all: of how many trials these were taken.
        of_parameters: of how many parameters these are the most important.
    """

    objective: Axis
    parameters: Sequence[Axis]
    rows: Rows
    of_all: int
    of_parameters: int


def points(
    table: TrialTable,
    parameters: Sequence[str] | None = None,
    most_trials: int = MOST_TRIALS,
    most_parameters: int = MOST_PARAMETERS,
) -> Points:
    """Points of an experiment.

    Args:
        table: the trials.
        parameters: names, in the order wanted; the most important when none are given.
        most_trials: how many at most.
        most_parameters: how many at most, when none are given.

    Raises:
        UnknownNameError: there is no parameter of one of those names.
    """
    chosen = choose_parameters(table, parameters, most_parameters)
    axes = [axis_of(table.parameters[name]) for name in chosen]
    losses = table.losses
    for axis in axes:
        losses = np.where(np.isfinite(axis.places), losses, np.nan)
    rows = representative(losses, most_trials)
    objective = metric_axis(table.metrics[table.objective.objective_metric_name])
    return Points(
        objective=objective.at(rows),
        parameters=tuple(axis.at(rows) for axis in axes),
        rows=rows,
        of_all=int(np.isfinite(losses).sum()),
        of_parameters=len(table.parameters),
    )


def choose_parameters(table: TrialTable, wanted: Sequence[str] | None, most: int) -> Sequence[str]:
    """The names that are wanted, or the most important in the document's order.

    Raises:
        UnknownNameError: there is no parameter of one of those names.
    """
    if wanted is not None:
        for name in wanted:
            if name not in table.parameters:
                raise UnknownNameError("parameter", name, table.parameters)
        return tuple(wanted)
    if len(table.parameters) <= most:
        return tuple(table.parameters)
    important = set(list(importances(table).parameters)[:most])
    return tuple(name for name in table.parameters if name in important)
