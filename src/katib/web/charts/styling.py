"""What all charts have in common: readable on light and on dark pages."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from katib.api import names
from katib.client.analysis.axes import Axis, Scale, main_range
from katib.client.trial_table import PENDING, Floats

Options = dict[str, Any]

#: Texts take the colour of the page that they stand on, and pictures that are saved its own.
TEXT, PAGE = "currentColor", "Canvas"

#: Of axes and of the lines between their ticks.
LINES, FAINT = "rgba(128, 128, 128, 0.7)", "rgba(128, 128, 128, 0.22)"

#: What is best stands out; all lie between the colours of both pages, and differ in lightness.
BEST, QUIET, PALE, BAD = "#e8590c", "#4c8fd6", "#97a1ae", "#d64545"

#: From the best to the worst.
GOOD_TO_BAD = (BEST, "#8a63d2", QUIET, PALE)

#: From the first to the last, where neither is better.
EARLY_TO_LATE = ("#b59a1d", "#2f9e6e", QUIET, "#8a63d2")

#: Of trials, by how they ended.
STATUS_COLOURS: Mapping[str, str] = {
    names.SUCCEEDED: QUIET,
    names.EARLY_STOPPED: "#8a63d2",
    names.RUNNING: "#2f9e6e",
    names.FAILED: BAD,
    names.KILLED: "#b5651d",
    names.METRICS_UNAVAILABLE: "#b59a1d",
    PENDING: PALE,
}

#: Told apart when there are several lines, in this order.
SERIES = (QUIET, BEST, "#2f9e6e", "#8a63d2", "#b59a1d", BAD, "#b5651d", PALE)

#: Kinds of axes as ECharts has them.
_KINDS = {Scale.LINEAR: "value", Scale.LOG: "log", Scale.WORDS: "category"}

_AXIS: Options = {
    "axisLine": {"lineStyle": {"color": LINES}},
    "axisTick": {"lineStyle": {"color": LINES}},
    "axisLabel": {"color": TEXT},
    "nameTextStyle": {"color": TEXT},
    "splitLine": {"lineStyle": {"color": FAINT}},
    "minorTick": {"show": False},
}

#: What ECharts begins with for every chart.
THEME: Options = {
    "color": list(SERIES),
    "textStyle": {"color": TEXT},
    "legend": {
        "textStyle": {"color": TEXT},
        "pageTextStyle": {"color": TEXT},
        "pageIconColor": LINES,
        "inactiveColor": FAINT,
    },
    "visualMap": {"textStyle": {"color": TEXT}},
    "toolbox": {"iconStyle": {"borderColor": TEXT}},
    "dataZoom": {"textStyle": {"color": TEXT}},
    **{f"{kind}Axis": _AXIS for kind in ("value", "log", "category", "time")},
}

#: Sharp in print.
_IMAGE: Options = {"title": "Save as image", "backgroundColor": PAGE, "pixelRatio": 3}


def plain(title: str) -> Options:
    """The options that every chart begins with.

    Args:
        title: what is seen, for those who do not see it; a saved image is named after it.
    """
    return {
        "aria": {"enabled": True, "label": {"description": title}},
        "animation": False,
        "backgroundColor": "transparent",
        "toolbox": {"right": 8, "top": 0, "feature": {"saveAsImage": {**_IMAGE, "name": title}}},
        "tooltip": {"trigger": "item", "confine": True},
    }


def value_axis(axis: Axis, **more: Any) -> Options:
    """An axis of ECharts for the places of ours."""
    found: Options = {"type": _KINDS[axis.scale], "name": axis.name, "scale": True, **more}
    if axis.scale is Scale.WORDS:
        found["data"] = list(axis.words)
    else:
        found["axisLabel"] = {**more.get("axisLabel", {}), **SHORT}
    return found


#: Labels of numbers, which must not be long: the ends of a logarithmic axis are seldom round.
SHORT: Options = {
    "hideOverlap": True,
    ":formatter": "value => String(Number(Number(value).toPrecision(4)))",
}


def across(name: str, **more: Any) -> Options:
    """How an axis below a chart tells its name."""
    return {"name": name, "nameLocation": "middle", "nameGap": 28, **more}


def bounded(axis: Axis, **more: Any) -> Options:
    """An axis that reaches over the whole feasible space, and no further."""
    found = value_axis(axis, **more)
    low, high = axis.bounds
    if axis.scale is not Scale.WORDS and low < high:
        found["min"], found["max"] = told(low), told(high)
    return found


def shades(objective: Axis, is_maximised: bool, rows: Iterable[int]) -> list[str]:
    """The colours of trials by how good they are, the bad that lie far out like the next ones.

    Args:
        objective: of all trials that are shown.
        is_maximised: whether more of it is better.
        rows: places on the axis.
    """
    losses = -objective.scaled if is_maximised else objective.scaled
    units = scaled_to_unit(losses)
    return [mixed(GOOD_TO_BAD, float(units[row])) for row in rows]


def mixed(colours: Sequence[str], share: float) -> str:
    """A colour between some, evenly spaced; ``share`` is from 0 to 1."""
    place = min(max(share, 0.0), 1.0) * (len(colours) - 1)
    first = min(int(place), len(colours) - 2)
    pairs = zip(_parts(colours[first]), _parts(colours[first + 1]), strict=True)
    found = [round(one + (other - one) * (place - first)) for one, other in pairs]
    return "#" + "".join(f"{part:02x}" for part in found)


def colour_key(best: str = "best", worst: str = "worst") -> Options:
    """Explains the colours from good to bad, and colours nothing itself."""
    return {
        "type": "continuous",
        "seriesIndex": [],
        "min": 0,
        "max": 1,
        "inRange": {"color": list(reversed(GOOD_TO_BAD))},
        "text": [best, worst],
        "calculable": False,
        "hoverLink": False,
        "right": 0,
        "top": "center",
        "itemHeight": 110,
        "itemWidth": 12,
    }


def counted(shown: int, total: int = 0, what: str = "trial") -> str:
    """``1 trial``, ``1,500 of 5,000 trials``.

    Args:
        shown: how many there are.
        total: of how many; left out when these are all.
        what: they are.
    """
    of = f" of {total:,}" if total > shown else ""
    return f"{shown:,}{of} {what}{'' if max(shown, total) == 1 else 's'}"


def scaled_to_unit(losses: Floats) -> Floats:
    """From 0 for the best to 1 for the bad ones, beyond which all are alike; ``nan`` stays."""
    low, high = main_range(losses)
    # What differs by a rounding error is the same.
    span = 0.0 if math.isclose(low, high, rel_tol=1e-9) else high - low
    return np.asarray(np.clip((losses - low) / span, 0, 1) if span else losses * 0.0)


def told(value: float) -> float | None:
    """A number for JSON, which knows no ``nan``."""
    return float(f"{value:.6g}") if math.isfinite(value) else None


def precise(value: float) -> float | None:
    """The same of a time in milliseconds, which has more digits than a value."""
    return round(value) if math.isfinite(value) else None


def all_told(values: Floats) -> list[float | None]:
    """Numbers for JSON."""
    return [told(float(one)) for one in values]


def _parts(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
