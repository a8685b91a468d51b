"""One parameter against the objective."""

from __future__ import annotations

from katib.client.analysis.axes import Scale
from katib.client.analysis.points import Points
from katib.client.trial_table import TrialTable
from katib.web.charts.styling import (
    EARLY_TO_LATE,
    Options,
    across,
    bounded,
    counted,
    plain,
    told,
    value_axis,
)


def draw_slice(table: TrialTable, points: Points) -> Options:
    """A point for each trial, coloured by when it was created.

    Args:
        table: the trials.
        points: some of them, with one parameter.
    """
    (parameter,) = points.parameters
    is_worded = parameter.scale is Scale.WORDS
    data = []
    for place, row in enumerate(points.rows.tolist()):
        x = float(parameter.places[place])
        data.append(
            {
                "name": table.names[row],
                "value": [
                    parameter.words[int(x)] if is_worded else told(x),
                    told(float(points.objective.places[place])),
                    row + 1,
                ],
            }
        )
    return {
        **plain(
            f"{points.objective.name} against {parameter.name}, {counted(len(data), points.of_all)}"
        ),
        "grid": {"left": 8, "right": 86, "top": 36, "bottom": 40, "containLabel": True},
        "xAxis": bounded(parameter, **across(parameter.name)),
        "yAxis": value_axis(points.objective, nameTextStyle={"align": "left"}),
        "visualMap": {
            "type": "continuous",
            "dimension": 2,
            "min": 1,
            "max": max(len(table), 2),
            "inRange": {"color": list(EARLY_TO_LATE)},
            "right": 0,
            "top": "center",
            "text": ["last trial", "first"],
            "itemHeight": 110,
            "itemWidth": 12,
        },
        "series": [{"type": "scatter", "data": data, "symbolSize": 7}],
    }
