"""How a metric went within each trial."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from katib.client.analysis.axes import is_wide
from katib.client.analysis.curves import Curve, curves
from katib.client.plots.drawing import (
    BEST,
    STATUS_COLOURS,
    counted,
    empty_figure,
    go,
    label,
    new_figure,
)
from katib.client.trial_table import TrialTable
from katib.ports.observation_log import MetricEntry

_TITLE = "Intermediate values"


def plot_intermediate_values(
    table: TrialTable, logs: Mapping[str, Sequence[MetricEntry]], metric: str | None = None
) -> go.Figure:
    """A line for each trial: what it reported, report by report.

    Of very many trials the best are shown, and a sample of the others.

    Args:
        table: the trials.
        logs: their observation logs, by their names.
        metric: its name; the objective when none is given.

    Raises:
        UnknownNameError: there is no metric of that name.
    """
    found = curves(table, logs, metric)
    if not found.curves:
        return empty_figure(_TITLE, f"no trial has reported numbers of {label(found.metric, 60)}")
    told = counted(found.of_all)
    if len(found.curves) < found.of_all:
        told = f"the best of {told}, and some that stand for the others: {len(found.curves)} lines"
    figure = new_figure(_TITLE, told)
    for status in STATUS_COLOURS:
        group = [curve for curve in found.curves if table.statuses[curve.row] == status]
        if group:
            figure.add_trace(_lines(group, table, status))
    best = _best(found.curves, table)
    if best is not None:
        figure.add_trace(_best_line(best, table))
    figure.update_xaxes(title="report")
    wide = is_wide(np.concatenate([curve.values for curve in found.curves]))
    figure.update_yaxes(title=label(found.metric, 40), type="log" if wide else "linear")
    return figure


def _lines(group: Sequence[Curve], table: TrialTable, status: str) -> go.Scatter:
    """All lines of a status in one trace, with gaps between them."""
    steps = np.concatenate([[*curve.steps, np.nan] for curve in group])
    values = np.concatenate([[*curve.values, np.nan] for curve in group])
    texts = [text for curve in group for text in [table.names[curve.row]] * (len(curve.steps) + 1)]
    has_points = any(len(curve.steps) == 1 for curve in group)
    return go.Scatter(
        x=steps,
        y=values,
        text=texts,
        mode="lines+markers" if has_points else "lines",
        line={"color": STATUS_COLOURS[status], "width": 1.2},
        marker={"size": 4},
        opacity=0.9 if len(group) <= 10 else 0.5,
        name=status,
        hovertemplate="%{text}<br>report %{x}: %{y:.6~g}<extra></extra>",
    )


def _best(found: Sequence[Curve], table: TrialTable) -> Curve | None:
    return next((curve for curve in found if curve.row == table.best_row), None)


def _best_line(curve: Curve, table: TrialTable) -> go.Scatter:
    return go.Scatter(
        x=curve.steps,
        y=curve.values,
        mode="lines+markers" if len(curve.steps) <= 30 else "lines",
        line={"color": BEST, "width": 2.5},
        name=f"best: {label(table.names[curve.row])}",
        hovertemplate=f"{table.names[curve.row]}<br>report %{{x}}: %{{y:.6~g}}<extra></extra>",
    )
