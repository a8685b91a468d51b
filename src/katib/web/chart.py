"""A chart on a page: what it shows may change, and a click may open what was clicked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from nicegui import events, ui

from katib.web.charts.styling import THEME, Options

Hear = Callable[[events.GenericEventArguments], Awaitable[None] | None]

#: What is told of a click: the names that may be a trial's.
_CLICKED = ["name", "data", "seriesId"]

#: The parts of a chart of which one more or one less cannot be merged into what is drawn.
_PARTS = ("series", "xAxis", "yAxis", "parallelAxis", "visualMap", "legend")


class Chart:
    """A chart with a heading, or the words why there is none.

    Args:
        title: above it; empty for none.
        height: of the chart, as CSS has it.
        on_open: called with the names that a click may have meant, the likeliest first.
    """

    def __init__(
        self,
        title: str,
        height: str = "22rem",
        on_open: Callable[[Sequence[str]], None] | None = None,
    ) -> None:
        self._height, self._on_open = height, on_open
        self._area = ui.column().classes("w-full gap-1")
        self._listeners: list[tuple[str, Hear]] = []
        with self._area:
            if title:
                ui.label(title).classes("text-subtitle1").props("role=heading aria-level=2")
            self._words = ui.label().props("role=status")
            self._frame = ui.element("div").classes("w-full")
        self._words.set_visibility(False)
        self._chart: ui.echart | None = None
        self._shape: object = None

    def listen(self, event: str, hear: Hear) -> None:
        """Hear an event of ECharts; before anything is shown."""
        self._listeners.append((event, hear))

    def say(self, words: str) -> None:
        """Say why there is nothing to see."""
        self._words.set_text(words)
        self._words.set_visibility(True)
        self._frame.set_visibility(False)

    def show(self, options: Options) -> None:
        """Show it; what is the same as before keeps its zoom and its selection."""
        self._words.set_visibility(False)
        self._frame.set_visibility(True)
        shape = _shape(options)
        if self._chart is None or shape != self._shape:
            self._shape = shape
            self._frame.clear()
            with self._frame:
                self._chart = self._make(options)
        elif self._chart.options != options:
            self._chart.options.clear()
            self._chart.options.update(options)
            self._chart.update()

    def _make(self, options: Options) -> ui.echart:
        chart = ui.echart(dict(options), renderer="svg", theme=THEME).classes("w-full")
        chart.style(f"height: {self._height}")
        if self._on_open is not None:
            chart.on("componentClick", self._open, _CLICKED)
        for event, hear in self._listeners:
            chart.on(f"chart:{event}", hear, throttle=0.25)
        return chart

    def _open(self, event: events.GenericEventArguments) -> None:
        told = event.args if isinstance(event.args, dict) else {}
        data = told.get("data")
        trial = data.get("trial") if isinstance(data, dict) else None
        names = [str(one) for one in (trial, told.get("name"), told.get("seriesId")) if one]
        if self._on_open is not None:
            self._on_open(names)


def _shape(options: Options) -> object:
    """What must be the same for a chart to be changed rather than made anew."""
    return [
        (part, one.get("type"), "" if part == "series" else one.get("name"))
        for part in _PARTS
        for one in _listed(options.get(part))
    ]


def _listed(parts: Any) -> Sequence[Options]:
    if isinstance(parts, list):
        return parts
    return [parts] if parts else []
