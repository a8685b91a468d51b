"""Trials by two or three metrics, and those that no other beats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from katib.client.analysis.axes import is_wide
from katib.client.analysis.pareto import ParetoFront, pareto_front
from katib.client.analysis.selection import Rows
from katib.client.plots.drawing import (
    BEST,
    TRIAL,
    counted,
    empty_figure,
    go,
    hover_texts,
    label,
    new_figure,
    scatter,
)
from katib.client.trial_table import TrialTable

_TITLE = "Pareto front"
_MOST_OTHERS = 2000


def plot_pareto_front(table: TrialTable, metrics: Sequence[str] | None = None) -> go.Figure:
    """Trials by their metrics; those that no other is as good as in all, and better in one.

    Args:
        table: the trials.
        metrics: two or three names; the objective and the first additional metric when none are
            given.

    Raises:
        UnknownNameError: there is no metric of one of those names.
        ValueError: there are more than three names, or fewer than two.
    """
    names = tuple(metrics or list(table.metrics)[:2])
    if metrics is not None and len(names) not in (2, 3):
        raise ValueError(f"metrics: found {len(names)} names; two or three are expected")
    if len(names) < 2:
        return empty_figure(_TITLE, "a front needs two metrics; name additionalMetricNames")
    found = pareto_front(table, names)
    if not len(found.rows):
        told = " and ".join(label(name, 30) for name in names)
        return empty_figure(_TITLE, f"no trial has finite values of {told}")
    count = int(found.is_front.sum())
    told = f"{counted(count)} of {len(found.rows):,} {'is' if count == 1 else 'are'} not beaten"
    figure = new_figure(_TITLE, told, height=500)
    others = np.flatnonzero(~found.is_front)
    others = others[:: max(1, -(-len(others) // _MOST_OTHERS))]
    front = np.flatnonzero(found.is_front)
    front = front[np.argsort(found.values[front, 0], kind="stable")]
    figure.add_trace(_points(found, table, others, {"color": TRIAL, "size": 5, "opacity": 0.5}))
    figure.add_trace(_points(found, table, front, {"color": BEST, "size": 8}, is_front=True))
    titles = [_axis(found, number) for number in range(len(names))]
    if len(names) == 2:
        figure.update_layout(xaxis=titles[0], yaxis=titles[1])
    else:
        figure.update_layout(scene=dict(zip(("xaxis", "yaxis", "zaxis"), titles, strict=True)))
    return figure


def _axis(found: ParetoFront, number: int) -> dict[str, Any]:
    better = "more" if found.is_maximised[number] else "less"
    title = f"{label(found.metrics[number], 30)} ({better} is better)"
    return {
        "title": {"text": title},
        "type": "log" if is_wide(found.values[:, number]) else "linear",
    }


def _points(
    found: ParetoFront,
    table: TrialTable,
    places: Rows,
    marker: dict[str, Any],
    is_front: bool = False,
) -> go.Scatter | go.Scatter3d:
    columns = found.values[places].T
    common: dict[str, Any] = {
        "x": columns[0],
        "y": columns[1],
        "text": hover_texts(table, found.rows[places]),
        "hovertemplate": "%{text}<br>%{x:.6~g}, %{y:.6~g}<extra></extra>",
        "mode": "markers",
        "name": "not beaten" if is_front else "others",
        "marker": marker,
    }
    if len(columns) == 3:
        common["hovertemplate"] = "%{text}<br>%{x:.6~g}, %{y:.6~g}, %{z:.6~g}<extra></extra>"
        return go.Scatter3d(**{**common, "marker": {**marker, "size": 3}}, z=columns[2])
    if is_front:
        line = {"shape": "hv" if _steps_across(found) else "vh", "color": BEST, "width": 1.5}
        return go.Scatter(**{**common, "mode": "lines+markers"}, line=line)
    return scatter(len(places))(**common)


def _steps_across(found: ParetoFront) -> bool:
    """Whether the border of what is beaten goes across first, from left to right."""
    return not found.is_maximised[0]
