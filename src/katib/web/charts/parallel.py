"""Parallel coordinates: a line for each trial, through its objective and its parameters."""

from __future__ import annotations

from katib.client.analysis.axes import Axis, Scale
from katib.client.analysis.points import Points
from katib.web.charts.styling import GOOD_TO_BAD, Options, plain, told, value_axis


def draw_parallel(points: Points, is_maximised: bool) -> Options:
    """The objective first, then the parameters; coloured by the objective, the best on top.

    Args:
        points: the trials.
        is_maximised: whether more of the objective is better.
    """
    axes = (points.objective, *points.parameters)
    goodness = points.objective.scaled if is_maximised else -points.objective.scaled
    lines = [
        [_place(axis, row) for axis in axes] for row in goodness.argsort(kind="stable").tolist()
    ]
    low, high = points.objective.bounds
    colours = list(reversed(GOOD_TO_BAD)) if is_maximised else list(GOOD_TO_BAD)
    shown = f"{len(lines)} of {points.of_all}" if len(lines) < points.of_all else str(len(lines))
    return {
        **plain(f"{shown} trials: {points.objective.name} and what they were assigned"),
        "parallel": {
            "left": 70,
            "right": 90,
            "top": 60,
            "bottom": 30,
            "parallelAxisDefault": {"nameLocation": "start", "nameGap": 16, "realtime": True},
        },
        "parallelAxis": [
            {
                "dim": number,
                **value_axis(axis),
                "nameTextStyle": {"width": 110, "overflow": "truncate"},
            }
            for number, axis in enumerate(axes)
        ],
        "visualMap": {
            "type": "continuous",
            "dimension": 0,
            "min": told(low),
            "max": told(high),
            "inRange": {"color": colours},
            "right": 0,
            "top": "center",
            "itemHeight": 160,
            "precision": 3,
            "calculable": False,
        },
        "series": [
            {
                "type": "parallel",
                "data": lines,
                "smooth": False,
                "progressive": 500,
                "lineStyle": {"width": 1.5, "opacity": 0.5 if len(lines) < 200 else 0.25},
                "inactiveOpacity": 0.02,
                "activeOpacity": 0.7,
            }
        ],
    }


def _place(axis: Axis, row: int) -> float | str | None:
    place = float(axis.places[row])
    return axis.words[int(place)] if axis.scale is Scale.WORDS else told(place)
