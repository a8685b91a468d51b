"""Which parameters matter."""

from __future__ import annotations

from katib.client.analysis.importances import Importances
from katib.web.charts.styling import ACCENT, Options, plain, told

#: More bars cannot be read.
MOST = 20


def draw_importances(found: Importances) -> Options:
    """A bar for each parameter, the most important on top."""
    shown = list(found.parameters.items())[:MOST][::-1]
    return {
        **plain(f"Importance of {len(found.parameters)} parameters, from {found.trials} trials"),
        "grid": {"left": 8, "right": 50, "top": 30, "bottom": 40, "containLabel": True},
        "tooltip": {},
        "xAxis": {
            "type": "value",
            "name": "Share of the variance",
            "nameLocation": "middle",
            "nameGap": 26,
            "min": 0,
            "max": 1,
        },
        "yAxis": {
            "type": "category",
            "data": [name for name, _ in shown],
            "axisLabel": {"width": 160, "overflow": "truncate"},
        },
        "series": [
            {
                "type": "bar",
                "data": [told(share.mean) for _, share in shown],
                "itemStyle": {"color": ACCENT},
                "barMaxWidth": 24,
                "label": {"show": True, "position": "right", "color": "inherit"},
            }
        ],
    }
