"""Pictures for which nothing is chosen but the parameters that all share."""

from __future__ import annotations

from nicegui import ui

from katib.client.analysis.points import points
from katib.client.trial_table import TrialTable
from katib.web.chart import Chart
from katib.web.charts.history import draw_history
from katib.web.charts.importances import draw_importances
from katib.web.charts.slices import draw_slice
from katib.web.charts.styling import Options
from katib.web.charts.timeline import draw_timeline
from katib.web.listing import heading
from katib.web.pages.experiment.panels.panel import Panel
from katib.web.shell import computed

#: More slices than this do not fit on a screen.
MOST_SLICES = 12


class HistoryPanel(Panel):
    """What each trial reached."""

    def build(self) -> None:
        """See :class:`Panel`."""
        self._history = self._chart("Optimisation history")

    async def draw(self, table: TrialTable) -> None:
        """See :class:`Panel`."""
        self._history.show(await computed(draw_history, table))


class TimelinePanel(Panel):
    """When trials ran."""

    def build(self) -> None:
        """See :class:`Panel`."""
        self._timeline = self._chart("Timeline")

    def can_draw(self, table: TrialTable) -> bool:
        """Whether any trial has begun."""
        return any(one is not None for one in table.started)

    async def draw(self, table: TrialTable) -> None:
        """See :class:`Panel`."""
        self._timeline.show(await computed(draw_timeline, table))


class ImportancesPanel(Panel):
    """Which parameters matter."""

    def build(self) -> None:
        """See :class:`Panel`."""
        self._importances = self._chart("Importance of parameters", "18rem")

    def can_draw(self, table: TrialTable) -> bool:
        """Whether there are values, and parameters that they depend on."""
        return super().can_draw(table) and bool(table.parameters)

    async def draw(self, table: TrialTable) -> None:
        """See :class:`Panel`."""
        chosen = await computed(self._chosen, table)
        found = await computed(self._subject.site.tables.importances, table)
        if found.trials < 2:
            self._importances.say(
                "Two trials must have succeeded before it can be told what matters."
            )
            return
        self._importances.show(draw_importances(found, chosen))


class SlicesPanel(Panel):
    """The objective against each parameter."""

    def build(self) -> None:
        """See :class:`Panel`."""
        heading("Slices")
        self._grid = ui.element("div").classes("katib-grid katib-slices")
        self._slices: dict[str, Chart] = {}

    def can_draw(self, table: TrialTable) -> bool:
        """Whether there are values, and parameters that they depend on."""
        return super().can_draw(table) and bool(table.parameters)

    async def draw(self, table: TrialTable) -> None:
        """See :class:`Panel`."""
        names = (await computed(self._chosen, table))[:MOST_SLICES]
        if list(self._slices) != names:
            self._grid.clear()
            with self._grid:
                self._slices = {name: self._one() for name in names}
        for name, chart in self._slices.items():
            chart.show(await computed(_slice, table, name))

    def _one(self) -> Chart:
        with ui.element("div"):
            return self._chart("", "17rem")


def _slice(table: TrialTable, name: str) -> Options:
    return draw_slice(table, points(table, [name]))
