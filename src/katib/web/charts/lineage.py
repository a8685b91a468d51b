"""A population, generation by generation: who descends from whom, and how good they are."""

from __future__ import annotations

from collections.abc import Sequence

from katib.client.analysis.lineage import Descent, Life
from katib.web.charts.styling import (
    BEST,
    LINES,
    QUIET,
    SHORT,
    Options,
    across,
    counted,
    plain,
    told,
)

#: More trials than this cannot be told apart; the newest generations are shown then.
MOST_LIVES = 1000


def draw_lineage(found: Descent) -> Options:
    """Points at generations, lines from parents to children, the best one's ancestors thick."""
    lives = [one for one in found.lives if one.value is not None][-MOST_LIVES:]
    shown = {one.trial: one for one in lives}
    line = [one.trial for one in found.ancestry]
    edges = [(shown[one.parent], one) for one in lives if one.parent in shown]
    bred = [pair for pair in edges if not (pair[0].trial in line and pair[1].trial in line)]
    best = [pair for pair in edges if pair[0].trial in line and pair[1].trial in line]
    generations = {one.generation for one in lives}
    title = (
        f"{found.metric} of {counted(len(lives))} in {counted(len(generations), 0, 'generation')}"
    )
    return {
        **plain(title),
        "grid": {"left": 8, "right": 24, "top": 56, "bottom": 40, "containLabel": True},
        "legend": {"top": 0, "left": 0, "right": 60, "type": "scroll"},
        "tooltip": {"trigger": "item", "confine": True, "formatter": "{b}"},
        "xAxis": {"type": "value", **across("Generation"), "minInterval": 1, "min": 0},
        "yAxis": {
            "type": "value",
            "name": found.metric,
            "nameTextStyle": {"align": "left"},
            "scale": True,
            "axisLabel": SHORT,
        },
        "series": [
            _edges("Parent to child", bred, LINES, 1),
            _edges("Ancestors of the best", best, BEST, 3),
            _points("Trials", [one for one in lives if not one.replaced], QUIET, "circle"),
            _points(
                "Took another's place", [one for one in lives if one.replaced], BEST, "diamond"
            ),
        ],
    }


def _edges(name: str, pairs: Sequence[tuple[Life, Life]], colour: str, width: int) -> Options:
    return {
        "name": name,
        "type": "lines",
        "coordinateSystem": "cartesian2d",
        "silent": True,
        "data": [{"coords": [_place(one), _place(other)]} for one, other in pairs],
        "lineStyle": {"color": colour, "width": width, "opacity": 0.9 if width > 1 else 0.5},
        "itemStyle": {"color": colour},
    }


def _points(name: str, lives: Sequence[Life], colour: str, symbol: str) -> Options:
    return {
        "name": name,
        "type": "scatter",
        "symbol": symbol,
        "symbolSize": 9,
        "itemStyle": {"color": colour},
        "data": [{"name": _told(one), "trial": one.trial, "value": _place(one)} for one in lives],
    }


def _told(life: Life) -> str:
    assigned = ", ".join(f"{name}={value}" for name, value in list(life.assignments.items())[:6])
    return f"{life.trial}: {told(life.value or 0.0)}; {assigned}"


def _place(life: Life) -> list[float | None]:
    return [life.generation, told(life.value if life.value is not None else float("nan"))]
