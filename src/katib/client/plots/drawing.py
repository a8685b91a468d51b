"""What all plots look like: on light and on dark pages, with much data and with none."""

from __future__ import annotations

import html
from typing import Any

import numpy as np

from katib.api import names
from katib.client.analysis.axes import Axis, Scale, main_range
from katib.client.analysis.selection import Rows
from katib.client.trial_table import PENDING, Floats, TrialTable
from katib.errors import MissingExtraError

try:
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots
except ImportError as error:
    raise MissingExtraError("plots", "plotly", "plots") from error

__all__ = ["go", "make_subplots"]

#: Readable on white and on black.
TEXT = "#808080"
_LINES = "rgba(128, 128, 128, 0.25)"

#: The best stands out; what is ordinary lies between the colours of both pages.
BEST = "#e8590c"
TRIAL = "#4c8fd6"
PALE = "#97a1ae"
_COLOURS = [[0.0, PALE], [0.55, TRIAL], [0.85, "#8a63d2"], [1.0, BEST]]

STATUS_COLOURS = {
    names.SUCCEEDED: TRIAL,
    names.EARLY_STOPPED: "#8a63d2",
    names.RUNNING: "#2f9e6e",
    names.FAILED: "#d64545",
    names.KILLED: "#b5651d",
    names.METRICS_UNAVAILABLE: "#b59a1d",
    PENDING: PALE,
}

#: More points than this are drawn by the graphics card.
_MOST_SHAPES = 1000

#: More trials than this have no assignments beside their points.
_MOST_TEXTS = 1000
_MOST_ASSIGNMENTS = 15

_LONGEST_NAME = 24
_MOST_WORDS = 12


def new_figure(title: str, subtitle: str = "", height: int = 450) -> go.Figure:
    """A figure with a title, neutral colours and nothing in it."""
    return go.Figure(layout=new_layout(title, subtitle, height))


def new_layout(title: str, subtitle: str, height: int) -> dict[str, Any]:
    """The layout that all figures have."""
    axis = {"gridcolor": _LINES, "zeroline": False, "linecolor": _LINES, "automargin": True}
    return {
        "title": {"text": title, "subtitle": {"text": subtitle}, "x": 0.01, "xanchor": "left"},
        "height": height,
        "margin": {"l": 60, "r": 30, "t": 80, "b": 50},
        "font": {"color": TEXT, "family": "sans-serif"},
        "paper_bgcolor": "rgba(0, 0, 0, 0)",
        "plot_bgcolor": "rgba(0, 0, 0, 0)",
        "hoverlabel": {"align": "left"},
        "legend": {"orientation": "h", "x": 0, "y": -0.18, "yanchor": "top"},
        "template": {"layout": {"xaxis": axis, "yaxis": axis}},
    }


def empty_figure(title: str, why: str) -> go.Figure:
    """A figure that says why there is nothing to see."""
    figure = new_figure(title, height=300)
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    figure.add_annotation(text=why, x=0.5, y=0.5, xref="paper", yref="paper", showarrow=False)
    return figure


def why_empty(table: TrialTable) -> str:
    """Why no trial has a value of the objective."""
    metric = table.objective.objective_metric_name
    if not len(table):
        return f"{table.experiment} has no trials yet"
    counts = {status: table.statuses.count(status) for status in dict.fromkeys(table.statuses)}
    told = ", ".join(f"{count} {status}" for status, count in counts.items())
    return f"no trial has a finite value of {shorten(metric, 60)} ({told})"


def scatter(count: int) -> Any:
    """The kind of trace for so many points."""
    return go.Scatter if count <= _MOST_SHAPES else go.Scattergl


def shorten(text: str, longest: int = _LONGEST_NAME) -> str:
    """A name that is not longer than that, and is shown as it is written.

    The middle is left out: both ends tell most.
    """
    if len(text) > longest:
        tail = longest // 3
        text = f"{text[: longest - tail - 1]}…{text[-tail:]}"
    return html.escape(text, quote=False)


def counted(count: int, what: str = "trial") -> str:
    """``1 trial``, ``5,000 trials``."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def number(value: float) -> str:
    """A number as people read it."""
    return f"{value:.4g}"


def hover_texts(table: TrialTable, rows: Rows) -> list[str]:
    """What is told of each of these trials: its name, and its assignments unless there are many."""
    if len(rows) > _MOST_TEXTS:
        return [table.names[row] for row in rows]
    shown = list(table.parameters.values())[:_MOST_ASSIGNMENTS]
    more = len(table.parameters) - len(shown)
    tail = f"<br>and {more} more parameters" if more else ""
    return [
        "<br>".join(
            [
                f"<b>{table.names[row]}</b>",
                *(
                    f"{shorten(one.name)} = {shorten(one.texts[row] or 'none', 40)}"
                    for one in shown
                ),
            ]
        )
        + tail
        for row in rows
    ]


def axis_layout(axis: Axis) -> dict[str, Any]:
    """An axis of plotly's for a parameter or a metric, with words at their places."""
    title = {"text": shorten(axis.name, 40)}
    if axis.scale is Scale.WORDS:
        places, texts = word_ticks(axis)
        ends = [-0.5, max(len(axis.words), 1) - 0.5]
        return {"title": title, "tickvals": places, "ticktext": texts, "range": ends}
    low, high = axis.scaled_bounds
    margin = 0.03 * ((high - low) or 1.0)
    kind = "log" if axis.scale is Scale.LOG else "linear"
    return {"title": title, "type": kind, "range": [low - margin, high + margin]}


def word_ticks(axis: Axis) -> tuple[list[int], list[str]]:
    """Places and texts of an axis' words; of very many, some."""
    count = len(axis.words)
    shown = range(count) if count <= _MOST_WORDS else range(0, count, -(-count // _MOST_WORDS))
    return list(shown), [shorten(axis.words[place], 16) for place in shown]


def limits_of(axis: Axis, table: TrialTable) -> tuple[float, float]:
    """The part of the objective's axis that is worth looking at, as it is scaled."""
    if table.is_maximised:
        low, high = main_range(-axis.scaled)
        return -high, -low
    return main_range(axis.scaled)


def quality(table: TrialTable, scaled: Floats) -> Floats:
    """Values of the objective turned so that the best are the highest, as colours need it."""
    return scaled if table.is_maximised else -scaled


def colours(axis: Axis, table: TrialTable) -> dict[str, Any]:
    """Colours of trials by their objective, with the scale that explains them.

    Args:
        axis: the objective's.
        table: says which end is best.
    """
    low, high = limits_of(axis, table)
    ticks = np.linspace(low, high, 5) if low < high else np.array([low])
    texts = [number(10**tick if axis.scale is Scale.LOG else tick) for tick in ticks]
    worst, best = sorted(quality(table, np.array([low, high])).tolist())
    bar = {
        "tickvals": quality(table, ticks),
        "ticktext": texts,
        "thickness": 12,
        "outlinewidth": 0,
        "title": {"text": shorten(axis.name, 18)},
    }
    return {
        "color": quality(table, axis.scaled),
        "colorscale": _COLOURS,
        "cmin": worst if worst < best else worst - 1,
        "cmax": best,
        "showscale": True,
        "colorbar": bar,
    }
