"""Trials by two metrics, and those that no other beats."""

from __future__ import annotations

import numpy as np

from katib.client.analysis.axes import is_wide
from katib.client.analysis.pareto import ParetoFront, pareto_front
from katib.client.analysis.selection import Rows
from katib.client.trial_table import TrialTable
from katib.web.charts.styling import (
    BEST,
    QUIET,
    SHORT,
    Options,
    across,
    counted,
    plain,
    told,
)

#: More points than this that are beaten are thinned out, evenly; and so is a longer front.
MOST_OTHERS, MOST_FRONT = 1200, 300


def draw_pareto(table: TrialTable, x: str, y: str) -> Options:
    """Points for the trials, and a border along those that are not beaten.

    Args:
        table: the trials.
        x: the metric across.
        y: the metric upwards.
    """
    found = pareto_front(table, (x, y))
    front = np.flatnonzero(found.is_front)
    front = front[np.argsort(found.values[front, 0], kind="stable")]
    others = np.flatnonzero(~found.is_front)
    title = f"{x} and {y} of {counted(len(found.rows))}, of which {len(front):,} no other beats"
    return {
        **plain(title),
        "grid": {"left": 8, "right": 24, "top": 56, "bottom": 40, "containLabel": True},
        "legend": {"top": 0, "left": 0, "data": ["Not beaten", "Others"]},
        "xAxis": {**_axis(found, 0), **across(_name(found, 0))},
        "yAxis": {**_axis(found, 1), "nameTextStyle": {"align": "left"}},
        "series": [
            {
                "name": "Others",
                "type": "scatter",
                "data": _points(found, table, _thinned(others, MOST_OTHERS)),
                "symbolSize": 6,
                "itemStyle": {"color": QUIET, "opacity": 0.6},
            },
            {
                "name": "Not beaten",
                "type": "line",
                # What is beaten lies on the far side of the border.
                "step": "start" if found.is_maximised[0] else "end",
                "data": _points(found, table, _thinned(front, MOST_FRONT)),
                "symbol": "circle",
                "symbolSize": 8,
                "lineStyle": {"width": 1.5, "color": BEST},
                "itemStyle": {"color": BEST},
            },
        ],
    }


def _name(found: ParetoFront, number: int) -> str:
    better = "more" if found.is_maximised[number] else "less"
    return f"{found.metrics[number]} ({better} is better)"


def _axis(found: ParetoFront, number: int) -> Options:
    kind = "log" if is_wide(found.values[:, number]) else "value"
    return {"type": kind, "name": _name(found, number), "scale": True, "axisLabel": SHORT}


def _thinned(places: Rows, most: int) -> Rows:
    if len(places) <= most:
        return places
    return places[np.linspace(0, len(places) - 1, most).round().astype(np.intp)]


def _points(found: ParetoFront, table: TrialTable, places: Rows) -> list[Options]:
    return [
        {
            "name": table.names[int(found.rows[place])],
            "value": [told(float(one)) for one in found.values[place]],
        }
        for place in places.tolist()
    ]
