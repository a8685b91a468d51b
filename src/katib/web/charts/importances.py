"""Which parameters matter."""

from __future__ import annotations

from collections.abc import Sequence

from katib.client.analysis.importances import Importances
from katib.web.charts.styling import QUIET, TEXT, Options, across, counted, plain, told

#: More bars cannot be read.
MOST = 20


def draw_importances(found: Importances, parameters: Sequence[str] = ()) -> Options:
    """A bar for each parameter, the most important on top.

    Args:
        found: of all parameters: shares are of the whole variance, whichever are shown.
        parameters: only these; all when none are named.
    """
    wanted = [(name, share) for name, share in found.parameters.items() if name in parameters]
    shown = (wanted or list(found.parameters.items()))[:MOST][::-1]
    return {
        **plain(
            f"Importance of {counted(len(shown), 0, 'parameter')}, from {counted(found.trials)}"
        ),
        "grid": {"left": 8, "right": 50, "top": 30, "bottom": 40, "containLabel": True},
        "xAxis": {"type": "value", **across("Share of the variance"), "min": 0, "max": 1},
        "yAxis": {
            "type": "category",
            "data": [name for name, _ in shown],
            "axisLabel": {"width": 130, "overflow": "truncate"},
        },
        "series": [
            {
                "type": "bar",
                "data": [told(round(share.mean, 4)) for _, share in shown],
                "itemStyle": {"color": QUIET},
                "barMaxWidth": 24,
                "label": {"show": True, "position": "right", "color": TEXT},
            }
        ],
    }
