"""The objective over each parameter on its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from katib.client.analysis.axes import Axis
from katib.client.analysis.points import Points, points
from katib.client.plots.drawing import (
    BEST,
    axis_layout,
    counted,
    empty_figure,
    go,
    hover_texts,
    label,
    limits_of,
    make_subplots,
    new_layout,
    quality,
    scale_layout,
    scatter,
    spread,
    whole_ticks,
    why_empty,
)
from katib.client.trial_table import Floats, TrialTable

_TITLE = "Slices"
_MOST_COLUMNS = 4

#: Early trials are pale and late ones dark, readable on both pages.
_TIMES = [[0.0, "#a7c4e2"], [1.0, "#2b62a6"]]


def plot_slice(table: TrialTable, parameters: Sequence[str] | None = None) -> go.Figure:
    """The objective over the values of each parameter; later trials are darker.

    Args:
        table: the trials.
        parameters: names, in the order wanted; the most important when none are given.

    Raises:
        UnknownNameError: there is no parameter of one of those names.
    """
    found = points(table, parameters)
    if not len(found.rows) or not found.parameters:
        return empty_figure(_TITLE, why_empty(table))
    count = len(found.parameters)
    lines = -(-count // _MOST_COLUMNS)
    columns = -(-count // lines)
    figure = make_subplots(
        lines, columns, shared_yaxes=True, horizontal_spacing=0.03, vertical_spacing=0.36 / lines
    )
    figure.update_layout(new_layout(_TITLE, _told(found), 150 + 300 * lines))
    texts = hover_texts(table, found.rows)
    best = int(np.argmax(quality(table, found.objective.places)))
    for place, axis in enumerate(found.parameters):
        line, column = place // columns + 1, place % columns + 1
        across = spread(axis, found.rows, 0.5)
        for trace in (_trials(across, found, texts, place == 0), _best(across, found, texts, best)):
            figure.add_trace(trace, row=line, col=column)
        figure.update_xaxes(axis_layout(axis, 1 / columns), row=line, col=column)
        figure.update_yaxes(_upwards(found.objective, table), row=line, col=column)
        if column == 1:
            name = label(found.objective.name, 24)
            figure.update_yaxes(title=name, row=line, col=column)
    figure.update_layout(showlegend=False)
    return figure


def _told(found: Points) -> str:
    shown = len(found.rows)
    trials = counted(found.of_all)
    told = trials if shown == found.of_all else f"{shown:,} of {trials}, the best among them"
    if len(found.parameters) < found.of_parameters:
        told += f"; {len(found.parameters)} of {found.of_parameters} parameters"
    return told


def _upwards(axis: Axis, table: TrialTable) -> dict[str, Any]:
    low, high = limits_of(axis, table)
    margin = 0.06 * (high - low) or 0.5
    return {"range": [low - margin, high + margin], **scale_layout(axis)}


def _trials(across: Floats, found: Points, texts: Sequence[str], is_first: bool) -> go.Scatter:
    count = len(found.rows)
    return scatter(count * len(found.parameters))(
        x=across,
        y=found.objective.places,
        text=texts,
        hovertemplate="%{text}<br>%{y:.6~g}<extra></extra>",
        mode="markers",
        marker={
            "color": found.rows + 1,
            "colorscale": _TIMES,
            "showscale": is_first and count > 1,
            "colorbar": {
                "title": {"text": "trial"},
                "thickness": 12,
                "outlinewidth": 0,
                "tickvals": whole_ticks(int(found.rows[-1]) + 1),
            },
            "size": 6 if count <= 300 else 4,
            "opacity": 0.8 if count <= 300 else 0.6,
        },
    )


def _best(across: Floats, found: Points, texts: Sequence[str], best: int) -> go.Scatter:
    # Of the same kind as the others, or it would lie below them.
    return scatter(len(found.rows) * len(found.parameters))(
        x=[across[best]],
        y=[found.objective.places[best]],
        text=[texts[best]],
        hovertemplate="%{text}<br>best: %{y:.6~g}<extra></extra>",
        mode="markers",
        marker={"color": BEST, "size": 12, "symbol": "star"},
    )
