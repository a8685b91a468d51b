"""How a metric went within many trials, report by report."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from katib.api import names
from katib.client.analysis.axes import is_wide
from katib.client.analysis.curves import Curve, Curves
from katib.client.analysis.selection import Rows, representative
from katib.client.trial_table import PENDING, Floats, TrialTable
from katib.web.charts.styling import (
    BEST,
    SHORT,
    STATUS_COLOURS,
    Options,
    across,
    counted,
    plain,
    told,
)

#: More lines than this cannot be told apart, and all together have at most so many points.
MOST_LINES, MOST_POINTS = 200, 20_000

#: So much of the lines is for the newest trials.
_NEWEST = 0.2

#: With fewer points each has its symbol.
_FEW = 1000


def choose_trials(table: TrialTable, most: int = MOST_LINES) -> Rows:
    """The trials whose curves are shown: the best, the newest, and others that stand for all."""
    begun = np.array([status != PENDING for status in table.statuses], dtype=np.bool_)
    rows = np.flatnonzero(begun)
    if len(rows) <= most:
        return rows
    newest = rows[-int(most * _NEWEST) :]
    losses = table.losses.copy()
    losses[~begun] = np.nan
    losses[newest] = np.nan
    return np.union1d(representative(losses, most - len(newest)), newest)


def draw_curves(table: TrialTable, found: Curves) -> Options:
    """A line for each trial, coloured by how it ended; those that were stopped early are dashed.

    Args:
        table: the trials.
        found: their curves.
    """
    most = max(20, MOST_POINTS // max(len(found.curves), 1))
    total = sum(min(len(one.steps), most) for one in found.curves)
    # What is drawn last lies on top.
    curves = sorted(found.curves, key=lambda one: one.row == table.best_row)
    values = [one.values for one in curves]
    wide = bool(curves) and is_wide(np.concatenate(values))
    shown = counted(len(curves), len(table))
    return {
        **plain(f"{found.metric} of {shown}, report by report"),
        "grid": {"left": 8, "right": 24, "top": 56, "bottom": 64, "containLabel": True},
        "legend": {"top": 0, "left": 0, "right": 60, "type": "scroll"},
        "tooltip": {"trigger": "item", "confine": True, "formatter": "{b}: {c}"},
        "dataZoom": [{"type": "inside"}, {"type": "slider", "bottom": 6, "height": 18}],
        "xAxis": {"type": "value", **across("Report"), "minInterval": 1, "min": 1},
        "yAxis": {
            "type": "log" if wide else "value",
            "name": found.metric,
            "nameTextStyle": {"align": "left"},
            "scale": True,
            "axisLabel": SHORT,
        },
        "series": [_line(table, one, most, total <= _FEW) for one in curves],
    }


def _line(table: TrialTable, curve: Curve, most: int, has_symbols: bool) -> Options:
    status, name = table.statuses[curve.row], table.names[curve.row]
    is_best = curve.row == table.best_row
    colour = BEST if is_best else STATUS_COLOURS[status]
    kind = "dashed" if status == names.EARLY_STOPPED and not is_best else "solid"
    places = thinned(curve.values, most)
    return {
        "name": f"Best: {name}" if is_best else status,
        "id": name,
        "type": "line",
        "triggerLineEvent": True,
        "showSymbol": has_symbols or len(places) == 1,
        "symbol": "circle",
        "symbolSize": 5,
        "data": [
            {"name": name, "value": [int(curve.steps[place]), told(float(curve.values[place]))]}
            if has_symbols
            else [int(curve.steps[place]), told(float(curve.values[place]))]
            for place in places.tolist()
        ],
        "lineStyle": {
            "width": 2.5 if is_best else 1.2,
            "type": kind,
            "color": colour,
            "opacity": 1 if is_best else 0.55,
        },
        "itemStyle": {"color": colour},
        "z": 3 if is_best else 2,
        "emphasis": {
            "focus": "series",
            "lineStyle": {"width": 3, "opacity": 1},
            "endLabel": {
                "show": True,
                "formatter": name,
                "color": colour,
                "align": "right",
                "verticalAlign": "bottom",
            },
        },
    }


def thinned(values: Floats, most: int) -> NDArray[np.intp]:
    """The places of a line that show its shape: of each part the smallest and the largest."""
    count = len(values)
    if count <= most:
        return np.arange(count)
    parts = np.array_split(np.arange(count), max(1, most // 2 - 1))
    extremes = [
        place
        for part in parts
        for place in (part[values[part].argmin()], part[values[part].argmax()])
    ]
    return np.unique(np.array([0, *extremes, count - 1], dtype=np.intp))
