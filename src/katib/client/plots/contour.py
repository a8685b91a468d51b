"""The objective over two parameters, as a map."""

from __future__ import annotations

from typing import Any

import numpy as np

from katib.client.analysis.axes import Scale, metric_axis
from katib.client.analysis.contour import Contour, contour
from katib.client.analysis.points import choose_parameters
from katib.client.plots.drawing import (
    BEST,
    TEXT,
    axis_layout,
    colours,
    empty_figure,
    go,
    hover_texts,
    label,
    limits_of,
    new_figure,
    quality,
    scatter,
    spread,
    why_empty,
)
from katib.client.trial_table import TrialTable

_TITLE = "Map of two parameters"


def plot_contour(table: TrialTable, x: str | None = None, y: str | None = None) -> go.Figure:
    """How good the objective is on average over two parameters, and where the trials lie.

    The map is empty where no trial is near.

    Args:
        table: the trials.
        x: the parameter across; one of the two most important when none is given.
        y: the parameter upwards, likewise.

    Raises:
        UnknownNameError: there is no parameter of one of those names.
    """
    if len(table.parameters) < 2:
        return empty_figure(_TITLE, "a map needs two parameters")
    named = [name for name in (x, y) if name is not None]
    choose_parameters(table, named, 2)
    others = [name for name in choose_parameters(table, None, 2 + len(named)) if name not in named]
    across, up = x or others.pop(0), y or others.pop(0)
    found = contour(table, across, up)
    if not len(found.rows):
        return empty_figure(_TITLE, why_empty(table))
    metric = table.objective.objective_metric_name
    told = f"{label(metric, 40)}, averaged over trials that are near"
    figure = new_figure(_TITLE, told, height=520)
    figure.add_trace(_map(found, table))
    for trace in _trials(found, table):
        figure.add_trace(trace)
    figure.update_xaxes(axis_layout(found.x), showgrid=False)
    figure.update_yaxes(axis_layout(found.y), showgrid=False)
    figure.update_layout(showlegend=False)
    return figure


def _map(found: Contour, table: TrialTable) -> go.Contour | go.Heatmap:
    objective = metric_axis(table.metrics[table.objective.objective_metric_name])
    values = np.log10(found.values) if objective.scale is Scale.LOG else found.values
    shown = values[np.isfinite(values)]
    low, high = limits_of(objective, table)
    limits = max(low, float(shown.min())), min(high, float(shown.max()))
    scale = colours(objective, table, limits)
    texts = np.where(np.isnan(found.values), "", np.vectorize("{:.4g}".format)(found.values))
    common: dict[str, Any] = {
        "x": found.columns,
        "y": found.lines,
        "z": quality(table, values),
        "customdata": texts,
        "colorscale": scale["colorscale"],
        "colorbar": scale["colorbar"],
        "zmin": scale["cmin"],
        "zmax": scale["cmax"],
        "hovertemplate": "%{x:.4~g}, %{y:.4~g}: %{customdata}<extra></extra>",
        "opacity": 0.75,
        "hoverongaps": False,
    }
    if Scale.WORDS in (found.x.scale, found.y.scale):
        return go.Heatmap(**common)
    lines = {"color": "rgba(255, 255, 255, 0.5)", "width": 0.7}
    return go.Contour(**common, ncontours=14, line=lines, connectgaps=False)


def _trials(found: Contour, table: TrialTable) -> list[go.Scatter]:
    texts = hover_texts(table, found.rows)
    across, up = spread(found.x, found.rows, 0.6), spread(found.y, found.rows * 7, 0.6)
    best = int(np.nanargmin(table.losses[found.rows]))
    values = table.values[found.rows]
    few = len(found.rows) <= 300
    ordinary = scatter(len(found.rows))(
        x=across,
        y=up,
        text=texts,
        customdata=values,
        hovertemplate="%{text}<br>%{customdata:.6~g}<extra></extra>",
        mode="markers",
        marker={"color": TEXT, "size": 5 if few else 3, "opacity": 0.9 if few else 0.5},
    )
    star = go.Scatter(
        x=[across[best]],
        y=[up[best]],
        text=[texts[best]],
        customdata=[values[best]],
        hovertemplate="%{text}<br>best: %{customdata:.6~g}<extra></extra>",
        mode="markers",
        marker={
            "color": BEST,
            "size": 14,
            "symbol": "star",
            "line": {"color": "white", "width": 1},
        },
    )
    return [ordinary, star]
