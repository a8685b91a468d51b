"""What one trial reported: its metrics over time or over the number of the report."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from katib.api.codec import parse_time
from katib.api.numbers import parse_number
from katib.client.observation_log import MetricLog
from katib.web.charts.styling import Options, plain, told

#: More points of one metric than this are thinned out, evenly.
MOST_POINTS = 1000


def draw_reports(entries: Sequence[MetricLog], by_time: bool) -> Options:
    """A line for each metric that was ever a number.

    Args:
        entries: in the order of time.
        by_time: whether they lie by their times, else by their number.
    """
    lines: dict[str, list[tuple[str, float]]] = {}
    for entry in entries:
        value = parse_number(entry.metric.value)
        if value is not None:
            lines.setdefault(entry.metric.name, []).append((entry.time_stamp, value))
    if by_time and entries and not any(entry.time_stamp for entry in entries):
        return _without_times()
    series = [
        {
            "name": name,
            "type": "line",
            "showSymbol": len(line) < 40,
            "data": [_place(number, *pair, by_time) for number, pair in _thinned(line)],
        }
        for name, line in lines.items()
    ]
    axis: Options = {"type": "time"}
    if not by_time:
        axis = {
            "type": "value",
            "name": "Report",
            "nameLocation": "middle",
            "nameGap": 28,
            "minInterval": 1,
            "min": 1,
        }
    return {
        **plain(f"Reports of {', '.join(lines) or 'nothing'}"),
        "grid": {"left": 70, "right": 30, "top": 40, "bottom": 70},
        "legend": {"type": "scroll", "top": 4, "right": 60, "data": list(lines)},
        "tooltip": {"trigger": "axis"},
        "dataZoom": [{"type": "inside"}, {"type": "slider", "bottom": 8, "height": 18}],
        "xAxis": axis,
        "yAxis": {"type": "value", "scale": True},
        "series": series,
    }


def _without_times() -> Options:
    text = "No report says when it was made"
    style = {"fontSize": 14, "fontWeight": "normal"}
    title = {"text": text, "left": "center", "top": "middle", "textStyle": style}
    return {**plain(text), "title": title, "series": []}


def _thinned(line: Sequence[tuple[str, float]]) -> list[tuple[int, tuple[str, float]]]:
    step = max(1, -(-len(line) // MOST_POINTS))
    return [(number + 1, line[number]) for number in range(0, len(line), step)]


def _place(number: int, time: str, value: float, by_time: bool) -> list[object]:
    return [_milliseconds(time) if by_time else number, told(value)]


def _milliseconds(time: str) -> float | None:
    try:
        found: datetime = parse_time(time)
    except ValueError:
        return None
    return found.timestamp() * 1000
