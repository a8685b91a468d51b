"""Parallel coordinates, and what of them is kept."""

from __future__ import annotations

from collections.abc import Sequence

from nicegui import ui

from katib.client.analysis.axes import Axis
from katib.client.analysis.points import points
from katib.client.trial_table import TrialTable
from katib.web.charts.parallel import conditions_of, draw_parallel
from katib.web.charts.styling import counted
from katib.web.filtering import Filter
from katib.web.pages.experiment.panels.panel import Panel
from katib.web.pages.experiment.subject import Subject
from katib.web.shell import computed

_HOW = "Drag along an axis to keep the trials that pass there; click it to keep all again."


class ParallelPanel(Panel):
    """A line for each trial; areas on the axes keep some, and lead to them in the table."""

    def __init__(self, subject: Subject) -> None:
        super().__init__(subject)
        self._table: TrialTable | None = None
        self._axes: Sequence[Axis] = ()
        self._areas: dict[int, Sequence[Sequence[float]]] = {}

    def build(self) -> None:
        """See :class:`Panel`."""
        self._parallel = self._chart("Parallel coordinates", "24rem")
        self._parallel.listen(self._brush)
        with ui.row().classes("items-center gap-2"):
            self._kept = ui.label(_HOW).classes("text-caption").props("role=status")
            self._show = ui.button("Show them in the table", on_click=self._go).props(
                "flat dense no-caps size=sm"
            )
        self._show.set_visibility(False)

    def can_draw(self, table: TrialTable) -> bool:
        """Whether there are values, and parameters that they depend on."""
        return super().can_draw(table) and bool(table.parameters)

    async def draw(self, table: TrialTable) -> None:
        """See :class:`Panel`."""
        found = await computed(points, table, await computed(self._chosen, table))
        axes = (found.objective, *found.parameters)
        if [one.name for one in axes] != [one.name for one in self._axes]:
            # The chart is made anew, without areas.
            self._areas.clear()
        self._table, self._axes = table, axes
        self._parallel.show(await computed(draw_parallel, table, found))
        await self._tell()

    async def _brush(self, axis: int, intervals: Sequence[Sequence[float]]) -> None:
        self._areas[axis] = intervals
        await self._tell()

    async def _tell(self) -> None:
        table, conditions = self._table, self._conditions()
        self._show.set_visibility(bool(conditions))
        if table is None or not conditions:
            self._kept.set_text(_HOW)
            return
        kept = await computed(Filter.of(conditions).fits, table)
        self._kept.set_text(f"Kept: {counted(int(kept.sum()), len(table))}.")

    def _conditions(self) -> str:
        areas = [self._areas.get(number, []) for number in range(len(self._axes))]
        return " ".join(conditions_of(self._axes, areas))

    def _go(self) -> None:
        self._subject.query.put(filter=self._conditions())
        self._subject.turn("trials")
