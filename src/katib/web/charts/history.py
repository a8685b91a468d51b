"""The optimisation history: what each trial reached, and the best so far."""

from __future__ import annotations

import numpy as np

from katib.client.analysis.axes import is_wide
from katib.client.analysis.history import history
from katib.client.analysis.selection import representative
from katib.client.trial_table import TrialTable
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

#: More points than this are a cloud.
MOST_POINTS = 1500


def draw_history(table: TrialTable) -> Options:
    """Points for the trials by how they ended, a line for the best so far."""
    found = history(table)
    metric = table.objective.objective_metric_name
    rows = np.union1d(representative(table.losses, MOST_POINTS), found.improvements)
    points: dict[str, list[Options]] = {}
    for row in rows.tolist():
        place = [int(found.numbers[row]), told(found.values[row])]
        one = {"value": place, "name": table.names[row]}
        points.setdefault(table.statuses[row], []).append(one)
    steps = [[int(found.numbers[row]), told(found.best[row])] for row in found.improvements]
    if steps:
        steps.append([len(table), steps[-1][1]])
    return {
        **plain(f"{metric} of {counted(len(rows), len(table))} in the order of their creation"),
        "grid": {"left": 8, "right": 24, "top": 56, "bottom": 40, "containLabel": True},
        "legend": {"top": 0, "left": 0, "right": 60, "type": "scroll"},
        "xAxis": {
            "type": "value",
            **across("Trial"),
            "minInterval": 1,
            "min": 1,
            "max": max(len(table), 2),
        },
        "yAxis": {
            "type": "log" if is_wide(found.values) else "value",
            "name": metric,
            "nameTextStyle": {"align": "left"},
            "scale": True,
            "axisLabel": SHORT,
        },
        "series": [
            *(
                {
                    "name": status,
                    "type": "scatter",
                    "data": data,
                    "symbolSize": 7,
                    "itemStyle": {"color": STATUS_COLOURS[status], "opacity": 0.75},
                }
                for status, data in points.items()
            ),
            {
                "name": "Best so far",
                "type": "line",
                "step": "end",
                "data": steps,
                "symbol": "none",
                "lineStyle": {"width": 2, "color": BEST},
                "itemStyle": {"color": BEST},
                **_goal(table),
            },
        ],
    }


def _goal(table: TrialTable) -> Options:
    goal = table.objective.goal
    if not isinstance(goal, float | int):
        return {}
    line = {"yAxis": told(float(goal)), "name": "goal"}
    return {
        "markLine": {
            "silent": True,
            "symbol": "none",
            "data": [line],
            "lineStyle": {"color": "#2f9e6e", "type": "dashed"},
            "label": {"formatter": "goal {c}", "position": "insideEndTop", "color": "#2f9e6e"},
        }
    }
