"""What can be learnt from an experiment's trials, as pictures."""

from __future__ import annotations

from collections.abc import Callable

from nicegui import ui

from katib.client.analysis.importances import importances
from katib.client.analysis.points import points
from katib.client.trial_table import TrialTable
from katib.web.charts.history import draw_history
from katib.web.charts.importances import draw_importances
from katib.web.charts.parallel import draw_parallel
from katib.web.charts.slices import draw_slice
from katib.web.charts.styling import Options
from katib.web.pages.experiment.subject import Subject
from katib.web.shell import computed

_NOTHING = "No trial has a value yet."


class Plots:
    """The tab of the plots."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._parameter = ""

    def build(self) -> None:
        """Make what does not change."""
        self._empty = ui.label(_NOTHING)
        self._all = ui.column().classes("w-full gap-4")
        with self._all:
            self._history = _chart("Optimisation history")
            self._parallel = _chart("Parallel coordinates")
            ui.label(
                "Drag along an axis to keep the trials that pass there; click it to keep all again."
            ).classes("text-caption")
            self._importances = _chart("Importance of parameters")
            ui.label("Slice").classes("text-subtitle1").props("role=heading aria-level=2")
            self._choice = ui.select([], label="Parameter", on_change=self._choose).props(
                "dense outlined"
            )
            self._slice = _chart("")

    async def draw(self) -> None:
        """Draw all of them anew."""
        table = await computed(self._subject.table)
        is_drawn = table is not None and table.best_row is not None
        self._empty.set_visibility(not is_drawn)
        self._all.set_visibility(is_drawn)
        if table is None or not is_drawn:
            return
        await _show(self._history, draw_history, table)
        if table.parameters:
            await _show(self._parallel, _parallel, table)
            await _show(self._importances, lambda one: draw_importances(importances(one)), table)
            self._offer(table)
            await self._draw_slice(table)

    def _offer(self, table: TrialTable) -> None:
        names = list(table.parameters)
        if self._choice.options != names:
            self._choice.set_options(names, value=self._parameter or names[0])

    async def _choose(self) -> None:
        self._parameter = str(self._choice.value or "")
        table = await computed(self._subject.table)
        if table is not None and table.best_row is not None:
            await self._draw_slice(table)

    async def _draw_slice(self, table: TrialTable) -> None:
        name = self._parameter or next(iter(table.parameters))
        await _show(self._slice, lambda one: draw_slice(one, points(one, [name])), table)


def _parallel(table: TrialTable) -> Options:
    return draw_parallel(points(table), table.is_maximised)


def _chart(title: str) -> ui.echart:
    if title:
        ui.label(title).classes("text-subtitle1").props("role=heading aria-level=2")
    return ui.echart({}).classes("w-full").style("height: 22rem")


async def _show(chart: ui.echart, draw: Callable[[TrialTable], Options], table: TrialTable) -> None:
    options = await computed(draw, table)
    chart.options.clear()
    chart.options.update(options)
    chart.update()
