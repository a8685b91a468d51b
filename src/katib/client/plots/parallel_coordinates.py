"""Every trial as a line through its objective and its parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from katib.client.analysis.axes import Axis, Scale
from katib.client.analysis.points import Points, points
from katib.client.plots.drawing import (
    TEXT,
    TEXT_ON_LINES,
    counted,
    empty_figure,
    go,
    label,
    limits_of,
    new_figure,
    number,
    quality,
    rank_colours,
    shorten,
    shorten_all,
    why_empty,
    word_places,
)
from katib.client.trial_table import TrialTable

_TITLE = "Parallel coordinates"


def plot_parallel_coordinates(
    table: TrialTable, parameters: Sequence[str] | None = None
) -> go.Figure:
    """One line for each trial: the objective first, then the parameters; the best in colour.

    Of very many trials the best are shown, and a sample of the others. Drag along an axis to see
    only the trials that pass there.

    Args:
        table: the trials.
        parameters: names, in the order wanted; the most important when none are given.

    Raises:
        UnknownNameError: there is no parameter of one of those names.
    """
    found = points(table, parameters)
    if not len(found.rows):
        return empty_figure(_TITLE, why_empty(table))
    figure = new_figure(_TITLE, _told(found), height=480)
    # The best are drawn last, above the others.
    order = np.argsort(quality(table, found.objective.places), kind="stable")
    objective = found.objective.at(order)
    names = [axis.name for axis in (found.objective, *found.parameters)]
    dimensions = [_objective(objective, table)]
    dimensions += [
        _dimension(axis.at(order), min(1.0, 3 / len(names))) for axis in found.parameters
    ]
    is_narrow = len(names) * max(len(shorten(name, 18)) for name in names) > 90
    figure.add_trace(
        go.Parcoords(
            line=rank_colours(objective, table),
            dimensions=dimensions,
            labelangle=-20 if is_narrow else 0,
            labelfont={"color": TEXT, "size": 12},
            tickfont={"color": TEXT_ON_LINES, "size": 11},
            rangefont={"color": TEXT, "size": 1},
            unselected={"line": {"opacity": 0.05}},
        )
    )
    figure.update_layout(margin={"l": 90, "r": 40, "t": 160 if is_narrow else 120, "b": 40})
    return figure


def _told(found: Points) -> str:
    shown, count = len(found.rows), len(found.parameters)
    trials = counted(found.of_all)
    if shown < found.of_all:
        trials = f"the best of {trials}, and some that stand for the others: {shown:,} lines"
    if count < found.of_parameters:
        return f"{trials}; {count} of {found.of_parameters} parameters"
    return trials


def _objective(axis: Axis, table: TrialTable) -> dict[str, Any]:
    """Values beyond what is worth looking at lie on its end."""
    low, high = limits_of(axis, table)
    ends = (low, high) if low < high else (low - 0.5, high + 0.5)
    ticks = np.linspace(*ends, 6) if low < high else np.array([low])
    return {
        "label": label(axis.name, 18),
        "values": np.clip(axis.scaled, *ends),
        "range": ends,
        "tickvals": ticks,
        "ticktext": [number(_unscaled(axis, tick)) for tick in ticks],
    }


def _dimension(axis: Axis, room: float) -> dict[str, Any]:
    name, (low, high) = label(axis.name, 18), axis.scaled_bounds
    if axis.scale is Scale.WORDS:
        ticks = word_places(axis, int(4 + 8 * room))
        texts = shorten_all([axis.words[place] for place in ticks], int(7 + 9 * room))
        low, high = (low, high) if low < high else (low - 0.5, high + 0.5)
        return {
            "label": name,
            "values": axis.places,
            "range": (low, high),
            "tickvals": ticks,
            "ticktext": texts,
        }
    if low == high:
        return {
            "label": name,
            "values": axis.scaled,
            "range": (low - 0.5, high + 0.5),
            "tickvals": [low],
            "ticktext": [number(_unscaled(axis, low))],
        }
    found: dict[str, Any] = {"label": name, "values": axis.scaled, "range": (low, high)}
    if axis.scale is Scale.LOG:
        powers = _log_ticks(low, high)
        found |= {"tickvals": powers, "ticktext": [number(10**power) for power in powers]}
    return found


def _log_ticks(low: float, high: float) -> list[float]:
    """Powers of ten, and both ends."""
    inner = np.arange(np.ceil(low + 0.1), high - 0.1)
    return [low, *inner[:: max(1, len(inner) // 8)].tolist(), high]


def _unscaled(axis: Axis, place: float) -> float:
    return float(10**place if axis.scale is Scale.LOG else place)
