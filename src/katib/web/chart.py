"""A chart on a page with its heading, or the words why there is none."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from nicegui import events, ui

from katib.web.chart_view import ChartView
from katib.web.charts.styling import Options
from katib.web.listing import heading

#: How often a browser tells of a brush that moves, in seconds.
_BRUSH_EVERY = 0.25

Brushed = Callable[[int, Sequence[Sequence[float]]], Awaitable[None]]


class Chart:
    """A chart, or words.

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
        with ui.column().classes("w-full gap-1"):
            if title:
                heading(title)
            self._words = ui.label().props("role=status")
            self._view = ChartView().classes("w-full").style(f"height: {height}")
            self._caption = ui.label().classes("text-caption")
        self._words.set_visibility(False)
        self._view.set_visibility(False)
        if on_open is not None:
            self._view.on("open", lambda event: on_open([str(one) for one in event.args["names"]]))

    def listen(self, hear: Brushed) -> None:
        """Hear which areas are kept on the axes of parallel coordinates."""

        async def told(event: events.GenericEventArguments) -> None:
            await hear(int(event.args["axis"]), event.args["intervals"])

        self._view.on("brush", told, throttle=_BRUSH_EVERY)

    def say(self, words: str) -> None:
        """Say why there is nothing to see."""
        self._words.set_text(words)
        self._words.set_visibility(True)
        self._view.set_visibility(False)
        self._caption.set_text("")

    def show(self, options: Options) -> None:
        """Show it; as long as it has the same shape, it keeps its zoom and its selection."""
        self._words.set_visibility(False)
        self._view.set_visibility(True)
        self._view.show(options)
        self._caption.set_text(options["aria"]["label"]["description"])
