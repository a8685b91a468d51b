"""Parallel coordinates: a line for each trial, through its objective and its parameters."""

from __future__ import annotations

from collections.abc import Sequence

from katib.client.analysis.axes import Axis, Scale
from katib.client.analysis.points import Points
from katib.client.trial_table import TrialTable
from katib.web.charts.styling import (
    FAINT,
    LINES,
    SHORT,
    Options,
    bounded,
    colour_key,
    counted,
    plain,
    shades,
    told,
    value_axis,
)

#: So many lines can be told apart one by one.
_FEW = 200


def draw_parallel(table: TrialTable, points: Points) -> Options:
    """The objective first, then the parameters; coloured by the objective, the best on top.

    Args:
        table: the trials.
        points: some of them.
    """
    axes = (points.objective, *points.parameters)
    is_maximised = table.is_maximised
    goodness = points.objective.scaled if is_maximised else -points.objective.scaled
    order = goodness.argsort(kind="stable").tolist()
    colours = shades(points.objective, is_maximised, order)
    lines = [
        {
            "value": [_place(axis, row) for axis in axes],
            "name": table.names[int(points.rows[row])],
            "lineStyle": {"color": colour},
        }
        for row, colour in zip(order, colours, strict=True)
    ]
    shown = counted(len(lines), points.of_all)
    return {
        **plain(f"{shown}: {points.objective.name} and what they were assigned"),
        "parallel": {
            "left": 40,
            "right": 96,
            "top": 44,
            "bottom": 36,
            "parallelAxisDefault": {
                "nameLocation": "start",
                "nameGap": 16,
                "realtime": True,
                "areaSelectStyle": {"color": FAINT, "borderColor": LINES, "opacity": 0.5},
            },
        },
        "parallelAxis": [
            {
                "id": str(number),
                "dim": number,
                **(bounded(axis) if number else value_axis(axis)),
                "nameTextStyle": {"width": 96, "overflow": "truncate"},
                "axisLabel": _labels(axis),
            }
            for number, axis in enumerate(axes)
        ],
        "visualMap": colour_key(),
        "series": [
            {
                "type": "parallel",
                "data": lines,
                "smooth": False,
                "lineStyle": {"width": 1.5, "opacity": 0.75 if len(lines) < _FEW else 0.4},
                "inactiveOpacity": 0.03,
                "activeOpacity": 0.85,
            }
        ],
    }


def conditions_of(
    axes: Sequence[Axis], intervals: Sequence[Sequence[Sequence[float]]]
) -> list[str]:
    """What is kept by the areas that were drawn on the axes, as a filter of trials says it.

    Args:
        axes: as they were drawn.
        intervals: of each axis, the areas as pairs of places; none where all is kept.
    """
    found = []
    for axis, areas in zip(axes, intervals, strict=True):
        if not areas:
            continue
        # The filter has no "or": several areas of one axis are what lies between their ends.
        low, high = min(area[0] for area in areas), max(area[1] for area in areas)
        name = f'"{axis.name}"' if " " in axis.name else axis.name
        if axis.scale is Scale.WORDS:
            words = axis.words[max(0, round(low)) : round(high) + 1]
            found.append(f"{name}={'|'.join(_quoted(word) for word in words)}")
        else:
            found += [f"{name}>={low:.6g}", f"{name}<={high:.6g}"]
    return found


def _quoted(word: str) -> str:
    return f'"{word}"' if " " in word or "|" in word else word


def _labels(axis: Axis) -> Options:
    if axis.scale is Scale.WORDS:
        return {"width": 90, "overflow": "truncate", "interval": max(0, len(axis.words) // 16)}
    return dict(SHORT)


def _place(axis: Axis, row: int) -> float | str | None:
    place = float(axis.places[row])
    return axis.words[int(place)] if axis.scale is Scale.WORDS else told(place)
