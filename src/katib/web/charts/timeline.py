"""When trials ran: a bar for each, as many lines as ran at once."""

from __future__ import annotations

import numpy as np

from katib.client.analysis.selection import Rows
from katib.client.analysis.slots import Slots, slots
from katib.client.trial_table import TrialTable
from katib.web import looks
from katib.web.charts.styling import STATUS_COLOURS, Options, counted, plain, precise

#: More bars than this are narrower than a screen shows.
MOST_BARS = 1500

#: How long a bar is at least, as times are known to the second: in seconds, and as a share of all.
_LEAST_SECONDS, _LEAST_SHARE = 0.5, 0.003


def draw_timeline(table: TrialTable) -> Options:
    """Each trial from its beginning to its end, coloured by how it ended.

    Of very many every n-th is shown, by its beginning.
    """
    found = slots(table)
    places = _shown(len(found.rows))
    width = int(found.slots.max()) + 1 if len(found.rows) else 1
    least = _least(found)
    series = []
    for status, colour in STATUS_COLOURS.items():
        ours = [place for place in places.tolist() if _status(table, found, place) == status]
        if ours:
            series.append(
                {
                    "name": status,
                    "type": "lines",
                    "coordinateSystem": "cartesian2d",
                    "data": [_bar(table, found, place, least) for place in ours],
                    "lineStyle": {
                        "color": colour,
                        "width": max(2, min(14, 240 // width)),
                        "opacity": 0.9,
                    },
                    "itemStyle": {"color": colour},
                }
            )
    shown = counted(len(places), len(found.rows))
    at_once = f"at most {width} at once"
    if (found.ended == found.begun).any():
        at_once = "which are known to the second: shorter trials may lie over each other"
    return {
        **plain(f"{shown} from beginning to end, {at_once}"),
        "grid": {"left": 8, "right": 24, "top": 40, "bottom": 60, "containLabel": True},
        "legend": {"top": 0, "left": 0, "right": 60, "type": "scroll"},
        "tooltip": {"trigger": "item", "confine": True, "formatter": "{b}"},
        "dataZoom": [{"type": "inside"}, {"type": "slider", "bottom": 6, "height": 18}],
        "xAxis": {
            "type": "time",
            "splitLine": {"show": False},
            "axisLine": {"onZero": False},
            **_ends(found),
        },
        "yAxis": {"type": "value", "min": -0.7, "max": width - 0.3, "show": False},
        "series": series,
    }


def _ends(found: Slots) -> Options:
    """Of the axis: lines of several places have none by themselves."""
    if not len(found.rows):
        return {}
    low, high = float(found.begun.min()), float(found.ended.max())
    margin = max(0.01 * (high - low), 1.0)
    return {"min": precise((low - margin) * 1000), "max": precise((high + margin) * 1000)}


def _shown(count: int) -> Rows:
    if count <= MOST_BARS:
        return np.arange(count)
    return np.linspace(0, count - 1, MOST_BARS).round().astype(np.intp)


def _status(table: TrialTable, found: Slots, place: int) -> str:
    return table.statuses[int(found.rows[place])]


def _least(found: Slots) -> float:
    """The length of the shortest bar, in seconds."""
    span = float(found.ended.max() - found.begun.min()) if len(found.rows) else 0.0
    return max(_LEAST_SECONDS, _LEAST_SHARE * span)


def _bar(table: TrialTable, found: Slots, place: int, least: float) -> Options:
    begun, ended = float(found.begun[place]), float(found.ended[place])
    name = table.names[int(found.rows[place])]
    slot = int(found.slots[place])
    # A little is left between one and the next.
    end = max(begun + least, ended - 0.08 * (ended - begun))
    return {
        "name": f"{name}: {_status(table, found, place)}, {looks.length(ended - begun)}",
        "trial": name,
        "coords": [[precise(begun * 1000), slot], [precise(end * 1000), slot]],
    }
