"""Several experiments, or several trials, over each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from katib.api.numbers import parse_number
from katib.client.analysis.axes import is_wide
from katib.client.analysis.history import history
from katib.client.analysis.selection import Rows
from katib.client.observation_log import MetricLog
from katib.client.trial_table import Floats, TrialTable
from katib.web.charts.curves import thinned
from katib.web.charts.styling import SERIES, SHORT, Options, across, counted, plain, told

#: More steps than this of one line are thinned out, evenly.
MOST_STEPS = 500

#: And more points than this of one trial, so that its shape is kept.
MOST_POINTS = 1500


def draw_progress(tables: Mapping[str, TrialTable], by_time: bool) -> Options:
    """A stepped line for each experiment: the best value so far.

    Args:
        tables: by what the lines are called.
        by_time: over the hours since each one's first trial began, else over its trials.
    """
    lines = {name: _steps(table, by_time) for name, table in tables.items()}
    metrics = list(dict.fromkeys(one.objective.objective_metric_name for one in tables.values()))
    found = [values for _, values in lines.values() if len(values)]
    wide = bool(found) and is_wide(np.concatenate(found))
    name = "Minutes since the first trial" if by_time else "Trials"
    return {
        **plain(f"Best {', '.join(metrics)} so far of {counted(len(tables), what='experiment')}"),
        "grid": {"left": 8, "right": 24, "top": 56, "bottom": 40, "containLabel": True},
        "legend": {"top": 0, "left": 0, "right": 60, "type": "scroll"},
        "tooltip": {"trigger": "axis", "confine": True},
        "xAxis": {"type": "value", **across(name), "min": 0},
        "yAxis": {
            "type": "log" if wide else "value",
            "name": ", ".join(metrics),
            "nameTextStyle": {"align": "left"},
            "scale": True,
            "axisLabel": SHORT,
        },
        "series": [
            {
                "name": name,
                "type": "line",
                "step": "end",
                # A line of no length would not be seen.
                "symbol": "circle" if len(set(places)) == 1 else "none",
                "data": [
                    [told(float(one)), told(float(value))]
                    for one, value in zip(places, values, strict=True)
                ],
                **_style(number),
            }
            for number, (name, (places, values)) in enumerate(lines.items())
        ],
    }


def _steps(table: TrialTable, by_time: bool) -> tuple[Floats, Floats]:
    """Where the line steps, and how high; its last step is where the experiment is now."""
    if by_time:
        return _steps_in_time(table)
    found = history(table)
    rows = _thinned(found.improvements)
    places, values = found.numbers[rows].astype(np.float64), found.best[rows]
    return _prolonged(places, values, float(len(table)))


def _steps_in_time(table: TrialTable) -> tuple[Floats, Floats]:
    """By when trials ended: a value is known from then on."""
    ended = np.array([np.nan if one is None else one.timestamp() for one in table.completed])
    begun = [one.timestamp() for one in table.started if one is not None]
    known = np.flatnonzero(np.isfinite(ended) & np.isfinite(table.losses))
    order = known[np.argsort(ended[known], kind="stable")]
    if not len(order) or not begun:
        return np.empty(0), np.empty(0)
    losses = np.minimum.accumulate(table.losses[order])
    is_better = np.concatenate([[True], losses[1:] < losses[:-1]])
    rows = _thinned(np.flatnonzero(is_better))
    minutes = (ended[order] - min(begun)) / 60
    values = -losses if table.is_maximised else losses
    return _prolonged(minutes[rows], values[rows], float(minutes[-1]))


def _prolonged(places: Floats, values: Floats, end: float) -> tuple[Floats, Floats]:
    if not len(places):
        return places, values
    return np.append(places, end), np.append(values, values[-1])


def _thinned(rows: Rows) -> Rows:
    if len(rows) <= MOST_STEPS:
        return rows
    return rows[np.linspace(0, len(rows) - 1, MOST_STEPS).round().astype(np.intp)]


def draw_trials(logs: Mapping[str, Sequence[MetricLog]], metric: str) -> Options:
    """A line for each trial: what it reported of a metric.

    Args:
        logs: by the trials' names, by time.
        metric: its name.
    """
    lines = {name: _numbers(entries, metric) for name, entries in logs.items()}
    return {
        **plain(f"{metric} of {counted(len(lines))}, report by report"),
        "grid": {"left": 8, "right": 24, "top": 56, "bottom": 64, "containLabel": True},
        "legend": {"top": 0, "left": 0, "right": 60, "type": "scroll"},
        "tooltip": {"trigger": "axis", "confine": True},
        "dataZoom": [{"type": "inside"}, {"type": "slider", "bottom": 6, "height": 18}],
        "xAxis": {"type": "value", **across("Report"), "minInterval": 1, "min": 1},
        "yAxis": {
            "type": "value",
            "name": metric,
            "nameTextStyle": {"align": "left"},
            "scale": True,
            "axisLabel": SHORT,
        },
        "series": [
            {
                "name": name,
                "type": "line",
                "showSymbol": len(values) < 40,
                "data": [
                    [place + 1, told(float(values[place]))]
                    for place in thinned(np.nan_to_num(values), MOST_POINTS).tolist()
                ],
                **_style(number),
            }
            for number, (name, values) in enumerate(lines.items())
        ],
    }


def _numbers(entries: Sequence[MetricLog], metric: str) -> Floats:
    found = (parse_number(one.metric.value) for one in entries if one.metric.name == metric)
    return np.array([one for one in found if one is not None], dtype=np.float64)


def _style(number: int) -> Options:
    """Of more lines than there are colours, each round has its own dashes."""
    colour = SERIES[number % len(SERIES)]
    kind = ("solid", "dashed", "dotted")[number // len(SERIES) % 3]
    return {
        "lineStyle": {"width": 2, "color": colour, "type": kind},
        "itemStyle": {"color": colour},
    }
