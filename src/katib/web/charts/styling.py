"""What all charts have in common."""

from __future__ import annotations

import math
from typing import Any

from katib.client.analysis.axes import Axis, Scale

Options = dict[str, Any]

#: Good to bad; told apart by those who see few colours, and by lightness alone.
GOOD_TO_BAD = ("#30123b", "#4662d7", "#1ae4b6", "#a4fc3b", "#faba39", "#e4460a")

#: Of lines and points that stand for all trials.
ACCENT, QUIET, BAD = "#1a5fb4", "#90a4ae", "#c62828"


def plain(title: str) -> Options:
    """The options that every chart begins with.

    Args:
        title: what is seen, for those who do not see it.
    """
    return {
        "aria": {"enabled": True, "label": {"description": title}},
        "animation": False,
        "backgroundColor": "transparent",
        "textStyle": {"fontFamily": "inherit"},
        "toolbox": {"right": 8, "feature": {"saveAsImage": {"title": "Save as image"}}},
    }


def value_axis(axis: Axis, **more: Any) -> Options:
    """An axis of ECharts for the places of ours."""
    kind = {Scale.LINEAR: "value", Scale.LOG: "log", Scale.WORDS: "category"}[axis.scale]
    found: Options = {"type": kind, "name": axis.name, "scale": True, **more}
    if axis.scale is Scale.WORDS:
        found["data"] = list(axis.words)
    return found


def told(value: float) -> float | None:
    """A number for JSON, which knows no ``nan``."""
    return float(f"{value:.6g}") if math.isfinite(value) else None
