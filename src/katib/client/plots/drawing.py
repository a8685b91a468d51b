"""What all plots look like: on light and on dark pages, with much data and with none."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
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

#: Above lines of any colour, with the white rim that plotly gives such texts.
TEXT_ON_LINES = "#333333"

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
_MOST_TEXTS = 300
_MOST_ASSIGNMENTS = 15

_LONGEST_NAME = 24

_QUARTERS = np.linspace(0, 1, 5)


def new_figure(title: str, subtitle: str = "", height: int = 450) -> go.Figure:
    """A figure with a title, neutral colours and nothing in it."""
    return go.Figure(layout=new_layout(title, subtitle, height))


def new_layout(title: str, subtitle: str, height: int) -> dict[str, Any]:
    """The layout that all figures have."""
    axis = {"gridcolor": _LINES, "zeroline": False, "linecolor": _LINES, "automargin": True}
    return {
        "title": {
            "text": title,
            "subtitle": {"text": subtitle},
            "x": 0.01,
            "xanchor": "left",
            "y": 1,
            "yanchor": "top",
            "pad": {"t": 14},
        },
        "height": height,
        "margin": {"l": 60, "r": 30, "t": 80, "b": 50},
        "font": {"color": TEXT, "family": "sans-serif"},
        "paper_bgcolor": "rgba(0, 0, 0, 0)",
        "plot_bgcolor": "rgba(0, 0, 0, 0)",
        "hoverlabel": {"align": "left"},
        "modebar": {"bgcolor": "rgba(0, 0, 0, 0)", "color": TEXT, "activecolor": BEST},
        "legend": {"orientation": "h", "x": 1, "xanchor": "right", "y": 1, "yanchor": "bottom"},
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
    return f"no trial has a finite value of {label(metric, 60)} ({told})"


def scatter(count: int) -> Any:
    """The kind of trace for so many points."""
    return go.Scatter if count <= _MOST_SHAPES else go.Scattergl


def shorten(text: str, longest: int = _LONGEST_NAME) -> str:
    """A name that is not longer than that: the middle is left out, both ends tell most."""
    if len(text) <= longest:
        return text
    tail = longest // 3
    return f"{text[: longest - tail - 1]}…{text[-tail:]}"


def shorten_all(words: Sequence[str], longest: int) -> list[str]:
    """Words that are not longer than that, and as different as they were.

    What all have in common is left out when they would look alike; at last they are numbered.
    """
    short = [shorten(word, longest) for word in words]
    if len(set(short)) < len(set(words)):
        head = _count_alike(words)
        tail = _count_alike([word[head:][::-1] for word in words])
        short = [shorten(f"…{word[head : len(word) - tail]}", longest) for word in words]
    if len(set(short)) < len(set(words)):
        short = [f"{number}: {shorten(word, longest)}" for number, word in enumerate(words, 1)]
    return short


def _count_alike(words: Sequence[str]) -> int:
    """How many characters all begin with."""
    places = enumerate(zip(*words, strict=False))
    last = min(len(word) for word in words)
    return next((place for place, found in places if len(set(found)) > 1), last)


def label(text: str, longest: int = _LONGEST_NAME) -> str:
    """The same, for texts in which plotly looks for HTML."""
    return html.escape(shorten(text, longest), quote=False)


def counted(count: int, what: str = "trial") -> str:
    """``1 trial``, ``5,000 trials``."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def spread(axis: Axis, rows: Rows, width: float) -> Floats:
    """Places of the trials; around a word many are spread, each by its row."""
    if axis.scale is not Scale.WORDS:
        return axis.places
    # Steps of the golden ratio fill the width evenly, however many there are.
    steps = (rows * 0.6180339887) % 1 - 0.5
    return np.asarray(axis.places + steps * min(width, len(rows) / 200))


def whole_ticks(last: int) -> list[int]:
    """Some numbers of trials, from 1 to the last."""
    return sorted(set(np.linspace(1, last, 6).round().astype(int).tolist()))


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
                *(f"{label(one.name)} = {label(one.texts[row] or 'none', 40)}" for one in shown),
            ]
        )
        + tail
        for row in rows
    ]


def axis_layout(axis: Axis, room: float = 1.0) -> dict[str, Any]:
    """An axis of plotly's for a parameter or a metric, with words at their places.

    Args:
        axis: what is drawn along it.
        room: how much of a figure's width it has.
    """
    title = {"text": label(axis.name, int(14 + 26 * room))}
    if axis.scale is Scale.WORDS:
        places = word_places(axis, int(2 + 10 * room))
        shown = shorten_all([axis.words[place] for place in places], int(7 + 9 * room))
        texts = [html.escape(text, quote=False) for text in shown]
        ends = [-0.5, max(len(axis.words), 1) - 0.5]
        return {"title": title, "tickvals": places, "ticktext": texts, "range": ends}
    low, high = axis.scaled_bounds
    margin = 0.03 * ((high - low) or 1.0)
    return {"title": title, "range": [low - margin, high + margin], **scale_layout(axis, room)}


def scale_layout(axis: Axis, room: float = 1.0) -> dict[str, Any]:
    """How an axis of plotly's is scaled, for numbers."""
    if axis.scale is not Scale.LOG:
        return {"type": "linear"}
    low, high = axis.scaled_bounds
    # Fewer than two powers of ten need steps between them.
    steps = {"dtick": math.ceil((high - low) / (2 + 8 * room))} if high - low >= 2 else {}
    return {"type": "log", "tickformat": "~g", **steps}


def word_places(axis: Axis, most: int) -> list[int]:
    """The places of an axis' words; of very many, some."""
    return list(range(0, len(axis.words), max(1, -(-len(axis.words) // most))))


def limits_of(axis: Axis, table: TrialTable) -> tuple[float, float]:
    """The part of the objective's axis that is worth looking at, as it is scaled."""
    if table.is_maximised:
        low, high = main_range(-axis.scaled)
        return -high, -low
    return main_range(axis.scaled)


def quality(table: TrialTable, scaled: Floats) -> Floats:
    """Values of the objective turned so that the best are the highest, as colours need it."""
    return scaled if table.is_maximised else -scaled


def rank_colours(axis: Axis, table: TrialTable) -> dict[str, Any]:
    """Colours of trials by how many of them are worse: as many of each colour, however values lie.

    Args:
        axis: the objective's; every trial has a place.
        table: says which end is best.
    """
    qualities = quality(table, axis.places)
    ranks = np.searchsorted(np.sort(qualities), qualities, side="right") / len(qualities)
    found, ticks = np.unique(np.quantile(qualities, _QUARTERS), return_index=True)
    return _with_scale(axis, ranks, (0.0, 1.0), _QUARTERS[ticks], quality(table, found))


def colours(
    axis: Axis, table: TrialTable, limits: tuple[float, float] | None = None
) -> dict[str, Any]:
    """Colours of trials by their objective, with the scale that explains them.

    Args:
        axis: the objective's.
        table: says which end is best.
        limits: between which colours differ; what is worth looking at when none are given.
    """
    low, high = limits or limits_of(axis, table)
    ticks = np.linspace(low, high, 5) if low < high else np.array([low])
    worst, best = sorted(quality(table, np.array([low, high])).tolist())
    ends = (worst if worst < best else worst - 1, best)
    values = 10**ticks if axis.scale is Scale.LOG else ticks
    return _with_scale(axis, quality(table, axis.scaled), ends, quality(table, ticks), values)


def _with_scale(
    axis: Axis, colours: Floats, ends: tuple[float, float], ticks: Floats, values: Floats
) -> dict[str, Any]:
    bar = {
        "tickvals": ticks,
        "ticktext": [number(value) for value in values],
        "thickness": 12,
        "outlinewidth": 0,
        "title": {"text": label(axis.name, 18)},
    }
    return {
        "color": colours,
        "colorscale": _COLOURS,
        "cmin": ends[0],
        "cmax": ends[1],
        "showscale": True,
        "colorbar": bar,
    }
