"""How a metric went within trials, report by report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from katib.api.numbers import parse_number
from katib.client.analysis.selection import representative
from katib.client.trial_table import Floats, TrialTable
from katib.errors import UnknownNameError
from katib.ports.observation_log import MetricEntry

MOST_CURVES = 100
_MOST_STEPS = 300


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """One trial's values of the metric.

    Attributes:
        row: of the table.
        steps: (n_steps,), which report it was, from 1 on; some of very many are left out.
        values: (n_steps,), finite.
    """

    row: int
    steps: NDArray[np.intp]
    values: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Curves:
    """The curves of some trials: the best, and others that stand for all.

    Attributes:
        metric: its name.
        curves: by their rows.
        of_all: of how many trials these were taken: those that reported numbers.
    """

    metric: str
    curves: Sequence[Curve]
    of_all: int


def curves(
    table: TrialTable,
    logs: Mapping[str, Sequence[MetricEntry]],
    metric: str | None = None,
    most: int = MOST_CURVES,
) -> Curves:
    """The curves of an experiment's trials.

    Args:
        table: the trials.
        logs: their observation logs, by their names, each by time; others are passed over.
        metric: its name; the objective when none is given.
        most: how many trials at most.

    Raises:
        UnknownNameError: there is no metric of that name.
    """
    name = metric or table.objective.objective_metric_name
    if name not in table.metrics:
        raise UnknownNameError("metric", name, table.metrics)
    found: dict[int, Curve] = {}
    losses = np.full(len(table), np.nan)
    for row, trial in enumerate(table.names):
        curve = _curve(row, [entry.value for entry in logs.get(trial, ()) if entry.name == name])
        if len(curve.steps):
            found[row] = curve
            last = -curve.values[-1] if table.is_maximised else curve.values[-1]
            losses[row] = table.losses[row] if np.isfinite(table.losses[row]) else last
    shown = [found[int(row)] for row in representative(losses, most)]
    return Curves(name, tuple(shown), len(found))


def _curve(row: int, texts: Sequence[str]) -> Curve:
    numbers = [parse_number(text) for text in texts]
    values = np.array([np.nan if one is None else one for one in numbers], dtype=np.float64)
    steps = np.flatnonzero(np.isfinite(values))
    if len(steps) > _MOST_STEPS:
        steps = steps[np.linspace(0, len(steps) - 1, _MOST_STEPS).round().astype(np.intp)]
    return Curve(row, steps + 1, values[steps])
