"""The optimisation history: what each trial reached, and the best so far."""

from __future__ import annotations

import numpy as np

from katib.client.analysis.axes import is_wide
from katib.client.analysis.history import history
from katib.client.analysis.selection import representative
from katib.client.trial_table import TrialTable
from katib.web.charts.styling import ACCENT, QUIET, Options, plain, told

#: More points than this are a cloud.
MOST_POINTS = 1500


def draw_history(table: TrialTable) -> Options:
    """Points for the trials, a line for the best so far."""
    found = history(table)
    metric = table.objective.objective_metric_name
    rows = np.union1d(representative(table.losses, MOST_POINTS), found.improvements)
    points = [
        {"value": [int(found.numbers[row]), told(found.values[row])], "name": table.names[row]}
        for row in rows
    ]
    steps = [[int(found.numbers[row]), told(found.best[row])] for row in found.improvements]
    if steps:
        steps.append([len(table), steps[-1][1]])
    return {
        **plain(f"{metric} of {len(table)} trials in the order of their creation"),
        "grid": {"left": 70, "right": 30, "top": 40, "bottom": 50},
        "legend": {"top": 4, "data": ["Trials", "Best so far"]},
        "tooltip": {"trigger": "item"},
        "xAxis": {
            "type": "value",
            "name": "Trial",
            "nameLocation": "middle",
            "nameGap": 28,
            "minInterval": 1,
            "min": 1,
            "max": max(len(table), 2),
        },
        "yAxis": {
            "type": "log" if is_wide(found.values) else "value",
            "name": metric,
            "scale": True,
        },
        "series": [
            {
                "name": "Trials",
                "type": "scatter",
                "data": points,
                "symbolSize": 6,
                "itemStyle": {"color": QUIET, "opacity": 0.7},
            },
            {
                "name": "Best so far",
                "type": "line",
                "step": "end",
                "data": steps,
                "symbol": "circle",
                "symbolSize": 5,
                "lineStyle": {"width": 2, "color": ACCENT},
                "itemStyle": {"color": ACCENT},
            },
        ],
    }
