"""The objective over two parameters, as a map of rectangles with the trials upon it."""

from __future__ import annotations

import numpy as np

from katib.client.analysis.axes import Axis, Scale, metric_axis
from katib.client.analysis.contour import Contour, contour
from katib.client.analysis.selection import representative
from katib.client.trial_table import Floats, TrialTable
from katib.web.charts.styling import (
    GOOD_TO_BAD,
    Options,
    across,
    colour_key,
    counted,
    mixed,
    plain,
    scaled_to_unit,
    told,
    value_axis,
)

#: More trials than this hide the map.
MOST_POINTS = 500


def draw_contour(table: TrialTable, x: str, y: str) -> Options:
    """How good the objective is on average wherever trials are near; empty where none is.

    Args:
        table: the trials.
        x: the parameter across.
        y: the parameter upwards.
    """
    found = contour(table, x, y)
    metric = table.objective.objective_metric_name
    return {
        **plain(f"{metric} over {x} and {y}, from {counted(len(found.rows))}"),
        "grid": {"left": 8, "right": 86, "top": 36, "bottom": 40, "containLabel": True},
        # The map lies on axes of its own, a place for each of its columns and lines.
        "xAxis": [_axis(found.x, found.columns, **across(x)), _places(found.columns)],
        "yAxis": [
            _axis(found.y, found.lines, nameTextStyle={"align": "left"}),
            _places(found.lines),
        ],
        "visualMap": colour_key(),
        "series": [
            {
                "type": "heatmap",
                "xAxisIndex": 1,
                "yAxisIndex": 1,
                "data": _cells(found, table),
                "silent": True,
                "emphasis": {"disabled": True},
            },
            {
                "name": "Trials",
                "type": "scatter",
                "data": _points(found, table),
                "symbolSize": 6,
                "itemStyle": {"color": "#ffffff", "borderColor": "#333333", "borderWidth": 1},
            },
        ],
    }


def _axis(axis: Axis, places: Floats, **more: object) -> Options:
    """An axis that ends where the outer cells end, half a cell beyond the space."""
    found = value_axis(axis, splitLine={"show": False}, **more)
    if axis.scale is Scale.WORDS:
        return found
    is_log = axis.scale is Scale.LOG
    scaled = np.log10(places) if is_log else places
    half = (scaled[-1] - scaled[0]) / (2 * max(len(scaled) - 1, 1)) or 0.5
    low, high = float(scaled[0] - half), float(scaled[-1] + half)
    found["min"], found["max"] = (10**low, 10**high) if is_log else (low, high)
    found["axisLabel"] = {**found["axisLabel"], "showMinLabel": False, "showMaxLabel": False}
    return found


def _places(places: Floats) -> Options:
    return {"type": "category", "data": [str(n) for n in range(len(places))], "show": False}


def _cells(found: Contour, table: TrialTable) -> list[Options]:
    objective = metric_axis(table.metrics[table.objective.objective_metric_name])
    scaled = np.log10(found.values) if objective.scale is Scale.LOG else found.values
    losses = -scaled if table.is_maximised else scaled
    units = scaled_to_unit(losses)
    lines, columns = np.nonzero(np.isfinite(units))
    return [
        _cell(column, line, float(units[line, column]))
        for line, column in zip(lines.tolist(), columns.tolist(), strict=True)
    ]


def _cell(column: int, line: int, unit: float) -> Options:
    colour = mixed(GOOD_TO_BAD, unit)
    # Its border lies over the seam between it and the next.
    style = {"color": colour, "borderColor": colour, "borderWidth": 1}
    return {"value": [column, line, told(round(unit, 3))], "itemStyle": style}


def _points(found: Contour, table: TrialTable) -> list[Options]:
    shown = representative(table.losses[found.rows], MOST_POINTS)
    return [
        {
            "name": table.names[int(found.rows[place])],
            "value": [
                _place(found.x, place),
                _place(found.y, place),
                told(float(table.values[found.rows[place]])),
            ],
        }
        for place in shown.tolist()
    ]


def _place(axis: Axis, place: int) -> float | str | None:
    found = float(axis.places[place])
    return axis.words[int(found)] if axis.scale is Scale.WORDS else told(found)
