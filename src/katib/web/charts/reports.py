"""What one trial reported: its metrics over time or over the number of the report."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np

from katib.api.codec import parse_time
from katib.api.numbers import parse_number
from katib.client.observation_log import MetricLog
from katib.web.charts.curves import thinned
from katib.web.charts.styling import SERIES, SHORT, Options, across, plain, precise, told

#: More points of one metric than this are thinned out.
MOST_POINTS = 1500


def metrics_of(entries: Sequence[MetricLog]) -> list[str]:
    """The metrics that were ever a number, by their first report."""
    found = dict.fromkeys(
        one.metric.name for one in entries if parse_number(one.metric.value) is not None
    )
    return list(found)


def draw_reports(
    entries: Sequence[MetricLog], by_time: bool, metrics: Sequence[str] | None = None
) -> Options:
    """A line for each metric that was ever a number.

    Args:
        entries: in the order of time.
        by_time: whether they lie by their times, else by their number.
        metrics: only these; all when none are given.
    """
    if by_time and entries and not any(one.time_stamp for one in entries):
        return _without_times()
    known = metrics_of(entries)
    names = known if metrics is None else [one for one in known if one in metrics]
    lines = {name: _line(entries, name) for name in names}
    x: Options = {"type": "time"}
    if not by_time:
        x = {"type": "value", **across("Report"), "minInterval": 1, "min": 1}
    return {
        **plain(f"Reports of {', '.join(lines) or 'nothing'}"),
        "grid": {"left": 8, "right": 24, "top": 56, "bottom": 64, "containLabel": True},
        "legend": {"type": "scroll", "top": 0, "left": 0, "right": 60, "data": list(lines)},
        "tooltip": {"trigger": "axis", "confine": True},
        "dataZoom": [{"type": "inside"}, {"type": "slider", "bottom": 6, "height": 18}],
        "xAxis": x,
        "yAxis": {"type": "value", "scale": True, "axisLabel": SHORT},
        "series": [
            {
                "name": name,
                "type": "line",
                "showSymbol": len(line) < 40,
                # A metric keeps its colour when others are left out.
                "color": SERIES[known.index(name) % len(SERIES)],
                "data": _places(line, by_time),
            }
            for name, line in lines.items()
        ],
    }


def _without_times() -> Options:
    text = "No report says when it was made"
    style = {"fontSize": 14, "fontWeight": "normal"}
    title = {"text": text, "left": "center", "top": "middle", "textStyle": style}
    return {**plain(text), "title": title, "series": []}


def _line(entries: Sequence[MetricLog], metric: str) -> list[tuple[str, float]]:
    numbers = (
        (one.time_stamp, parse_number(one.metric.value))
        for one in entries
        if one.metric.name == metric
    )
    return [(time, value) for time, value in numbers if value is not None]


def _places(line: Sequence[tuple[str, float]], by_time: bool) -> list[list[float | None]]:
    values = np.array([value for _, value in line], dtype=np.float64)
    places = thinned(np.nan_to_num(values), MOST_POINTS).tolist()
    return [
        [_milliseconds(line[place][0]) if by_time else place + 1, told(float(values[place]))]
        for place in places
    ]


def _milliseconds(time: str) -> float | None:
    try:
        found: datetime = parse_time(time)
    except ValueError:
        return None
    return precise(found.timestamp() * 1000)
