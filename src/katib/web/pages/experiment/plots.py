"""What can be learnt from an experiment's trials, as pictures: the visitor chooses which."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping

from nicegui import ui

from katib.client.trial_table import TrialTable
from katib.web.pages.experiment.panels.curves import CurvesPanel
from katib.web.pages.experiment.panels.pairs import ContourPanel, ParetoPanel
from katib.web.pages.experiment.panels.panel import MOST_PARAMETERS, Panel
from katib.web.pages.experiment.panels.parallel import ParallelPanel
from katib.web.pages.experiment.panels.pictures import (
    HistoryPanel,
    ImportancesPanel,
    SlicesPanel,
    TimelinePanel,
)
from katib.web.pages.experiment.subject import Subject
from katib.web.shell import computed

#: By the names that stand in a page's address, in the order in which they are shown.
_PANELS: Mapping[str, tuple[str, Callable[[Subject], Panel]]] = {
    "history": ("History", HistoryPanel),
    "parallel": ("Parallel coordinates", ParallelPanel),
    "importances": ("Importances", ImportancesPanel),
    "slices": ("Slices", SlicesPanel),
    "contour": ("Contour", ContourPanel),
    "curves": ("Intermediate values", CurvesPanel),
    "pareto": ("Pareto front", ParetoPanel),
    "timeline": ("Timeline", TimelinePanel),
}

#: What is shown to whoever has not chosen.
_DEFAULT = ("history", "parallel", "importances", "slices")

#: What an address says when all are switched off.
_NO_PLOT = "none"

#: Said while it is not known what there is.
_READING = "The trials are being read."

#: How many times as long as the pictures took they are left before they are drawn anew.
_PATIENCE = 3.0


class Plots:
    """The tab of the plots."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        wanted = subject.query.list("plots")
        known = [one for one in wanted if one in _PANELS]
        self._shown = known if known or wanted == [_NO_PLOT] else list(_DEFAULT)
        self._built: dict[str, Panel] = {}
        # Those that have something to show.
        self._drawn: set[str] = set()
        self._rest = 0.0
        self._chosen: list[str] = []

    def build(self) -> None:
        """Make what does not change."""
        with ui.row().classes("gap-1").props('role=group aria-label="Plots that are shown"'):
            self._buttons = {name: self._button(name) for name in _PANELS}
        self._parameters = (
            ui.select(
                [],
                label="Parameters",
                multiple=True,
                clearable=True,
                on_change=self._choose,
            )
            .props("dense outlined use-chips options-dense")
            .classes("w-full")
            .style("max-width: 40rem")
        )
        self._words = ui.label(_READING).props("role=status")
        self._areas = {name: ui.column().classes("w-full gap-1") for name in _PANELS}
        for name in self._shown:
            self._panel(name)
        self._paint()

    def _button(self, name: str) -> ui.button:
        label, _ = _PANELS[name]
        return ui.button(label, on_click=lambda: self._toggle(name)).props("dense no-caps size=sm")

    async def _toggle(self, name: str) -> None:
        shown = set(self._shown) ^ {name}
        self._shown = [one for one in _PANELS if one in shown]
        self._subject.query.put(
            plots="" if self._shown == list(_DEFAULT) else self._shown or [_NO_PLOT]
        )
        self._paint()
        await self._draw_all([name] if name in shown else [])

    def _paint(self) -> None:
        for name, button in self._buttons.items():
            is_shown = name in self._shown
            button.props(f"aria-pressed={str(is_shown).lower()}")
            button.props(remove="outline") if is_shown else button.props("outline")
            self._areas[name].set_visibility(is_shown and name in self._drawn)

    def _panel(self, name: str) -> Panel:
        """The panel of that name, which is made when it is shown first."""
        panel = self._built.get(name)
        if panel is None:
            panel = self._built[name] = _PANELS[name][1](self._subject)
            with self._areas[name]:
                panel.build()
        return panel

    async def draw(self) -> None:
        """Draw all that are shown anew; seldom, when that takes long."""
        await asyncio.sleep(self._rest)
        begun = time.monotonic()
        await self._draw_all(self._shown)
        self._rest = min(10.0, _PATIENCE * (time.monotonic() - begun))

    async def _draw_all(self, names: list[str]) -> None:
        table = await computed(self._subject.table)
        is_drawn = table is not None and table.best_row is not None
        self._words.set_visibility(not is_drawn)
        self._words.set_text(_READING if table is None else "No trial has a value yet.")
        if table is None:
            return
        await self._offer(table)
        for name in names:
            panel = self._panel(name)
            if not panel.can_draw(table):
                self._drawn.discard(name)
                self._areas[name].set_visibility(False)
                continue
            self._drawn.add(name)
            self._areas[name].set_visibility(name in self._shown)
            await panel.draw(table)

    async def _offer(self, table: TrialTable) -> None:
        names = list(table.parameters)
        self._parameters.set_visibility(len(names) > 1 and table.best_row is not None)
        if self._parameters.options == names or table.best_row is None:
            return
        wanted = [one for one in self._subject.query.list("parameters") if one in names]
        chosen = wanted or await computed(self._subject.important, table, MOST_PARAMETERS)
        self._chosen = chosen
        self._parameters.set_options(names, value=chosen)

    async def _choose(self) -> None:
        chosen = list(self._parameters.value or ())
        # What was not the visitor's choice is drawn already.
        if chosen == self._chosen:
            return
        self._chosen = chosen
        offered = list(self._parameters.options)
        self._subject.query.put(parameters="" if chosen == offered else chosen)
        await self._draw_all(
            [one for one in ("parallel", "importances", "slices") if one in self._shown]
        )
