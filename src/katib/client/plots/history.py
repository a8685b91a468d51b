"""Every trial's value in the order of the trials, and the best so far."""

from __future__ import annotations

import math

import numpy as np

from katib.api import names
from katib.client.analysis.axes import Axis, Scale, metric_axis
from katib.client.analysis.history import History, history
from katib.client.analysis.selection import Rows
from katib.client.plots.drawing import (
    BEST,
    STATUS_COLOURS,
    TEXT,
    counted,
    empty_figure,
    go,
    hover_texts,
    label,
    limits_of,
    new_figure,
    number,
    scale_layout,
    scatter,
    whole_ticks,
    why_empty,
)
from katib.client.trial_table import TrialTable

_TITLE = "History"


def plot_history(table: TrialTable) -> go.Figure:
    """The objective of each trial by its number, the best so far, the goal, and what failed.

    Args:
        table: the trials.
    """
    best = table.best_row
    if best is None:
        return empty_figure(_TITLE, why_empty(table))
    found = history(table)
    axis = metric_axis(table.metrics[table.objective.objective_metric_name])
    told = f"best {number(table.values[best])} in trial {best + 1} of {counted(len(table))}"
    figure = new_figure(_TITLE, f"{label(axis.name, 60)}: {told}")
    _add_trials(figure, table, found)
    _add_failures(figure, table, np.flatnonzero(found.is_valueless))
    figure.add_trace(_best_line(found, len(table)))
    if table.objective.goal is not None:
        goal = float(table.objective.goal)
        figure.add_hline(y=goal, line={"dash": "dash", "color": TEXT, "width": 1})
        figure.add_annotation(
            text=f"goal {number(goal)}",
            x=1,
            xref="paper",
            xanchor="right",
            y=goal,
            yshift=9,
            showarrow=False,
        )
    few = {"tickvals": whole_ticks(len(table))} if len(table) <= 10 else {}
    figure.update_xaxes(title="trial", range=_margins(1, len(table)), **few)
    low, high = limits_of(axis, table)
    figure.update_layout(
        yaxis={
            "title": {"text": label(axis.name, 40)},
            "range": _margins(*_with_goal(low, high, axis, table.objective.goal)),
            **scale_layout(axis),
        }
    )
    return figure


def _with_goal(low: float, high: float, axis: Axis, goal: float | None) -> tuple[float, float]:
    """A range that has the goal in it, unless that is far away."""
    if goal is None or (axis.scale is Scale.LOG and goal <= 0):
        return low, high
    place = math.log10(goal) if axis.scale is Scale.LOG else goal
    is_near = low - (high - low) <= place <= high + (high - low)
    return (min(low, place), max(high, place)) if is_near else (low, high)


def _margins(low: float, high: float) -> list[float]:
    margin = 0.06 * (high - low) or 0.5
    return [low - margin, high + margin]


def _add_trials(figure: go.Figure, table: TrialTable, found: History) -> None:
    """A trace for each status, so that the legend can hide it."""
    has_value = np.isfinite(found.values)
    statuses = np.array(table.statuses)
    kind = scatter(len(table))
    for status in (*STATUS_COLOURS,):
        rows = np.flatnonzero(has_value & (statuses == status))
        if len(rows):
            figure.add_trace(
                kind(
                    x=found.numbers[rows],
                    y=found.values[rows],
                    text=hover_texts(table, rows),
                    hovertemplate="%{text}<br>%{y:.6~g}",
                    mode="markers",
                    name=status,
                    marker={
                        "color": STATUS_COLOURS[status],
                        "size": 7 if len(table) <= 500 else 4,
                        "opacity": 0.8 if len(table) <= 500 else 0.5,
                        "symbol": "circle" if status == names.SUCCEEDED else "diamond",
                    },
                )
            )


def _add_failures(figure: go.Figure, table: TrialTable, rows: Rows) -> None:
    """Trials without a value, on the lower edge."""
    if not len(rows):
        return
    texts = hover_texts(table, rows)
    figure.add_trace(
        scatter(len(table))(
            x=rows + 1,
            y=np.full(len(rows), 0.015),
            yaxis="y2",
            text=[
                f"{text}<br>{table.statuses[row]}" for text, row in zip(texts, rows, strict=True)
            ],
            hovertemplate="%{text}",
            mode="markers",
            name=f"without a value ({len(rows):,})",
            marker={"color": STATUS_COLOURS[names.FAILED], "size": 6, "symbol": "x"},
        )
    )
    figure.update_layout(yaxis2={"overlaying": "y", "range": [0, 1], "visible": False})


def _best_line(found: History, count: int) -> go.Scatter:
    rows = found.improvements
    return go.Scatter(
        x=[*found.numbers[rows], count],
        y=[*found.best[rows], found.best[-1]],
        mode="lines",
        line={"shape": "hv", "color": BEST, "width": 2.5},
        name="best so far",
        hovertemplate="best so far %{y:.6~g}",
    )
