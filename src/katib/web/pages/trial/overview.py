"""What a trial was assigned, what it observed, what it reported on its way, and its conditions."""

from __future__ import annotations

from nicegui import ui

from katib.errors import KatibError
from katib.web.chart import Chart
from katib.web.charts.reports import draw_reports, metrics_of
from katib.web.charts.styling import Options
from katib.web.listing import (
    ASSIGNED,
    CONDITIONS,
    METRICS,
    assigned_rows,
    conditions_of,
    heading,
    metric_rows,
    small_table,
)
from katib.web.pages.trial.subject import Subject
from katib.web.shell import computed

#: How often a running trial's reports are asked for, in seconds.
REPORTS_EVERY = 2.0


class Overview:
    """The first tab."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._shown: tuple[list[str], object] = ([], None)

    def build(self) -> None:
        """Make what does not change."""
        query = self._subject.query
        with ui.element("div").classes("katib-grid"):
            with ui.element("div"):
                heading("Assignments")
                self._assigned = small_table(ASSIGNED, "It was assigned nothing.")
            with ui.element("div"):
                heading("Performance")
                self._metrics = small_table(METRICS, "No metrics yet.")
        heading("Reports")
        with ui.row().classes("items-center gap-2"):
            by = "time" if query.find("by") == "time" else "number"
            self._by = ui.toggle(
                {"number": "By report", "time": "By time"}, value=by, on_change=self._turn
            ).props("dense no-caps")
            self._chosen = (
                ui.select([], label="Metrics", multiple=True, on_change=self._turn)
                .props("dense outlined options-dense use-chips")
                .style("min-width: 12rem")
            )
        self._chart = Chart("", "24rem")
        heading("Conditions")
        self._conditions = small_table(CONDITIONS, "No conditions yet.")
        ui.timer(REPORTS_EVERY, self._draw_later, immediate=False)

    async def draw(self) -> None:
        """Draw how it stands."""
        trial = self._subject.find()
        if trial is None:
            return
        status = trial.get("status") or {}
        assigned = (trial.get("spec") or {}).get("parameterAssignments") or ()
        self._assigned.rows = assigned_rows(assigned)
        self._metrics.rows = metric_rows((status.get("observation") or {}).get("metrics") or ())
        self._conditions.rows = conditions_of(trial)
        await self._draw_reports()

    async def _turn(self) -> None:
        chosen, offered = list(self._chosen.value or ()), list(self._chosen.options)
        # What was not the visitor's choice is drawn already.
        if (chosen, self._by.value) == self._shown:
            return
        self._shown = chosen, self._by.value
        by = "" if self._by.value == "number" else "time"
        self._subject.query.put(by=by, metrics="" if chosen == offered else chosen)
        await self._draw_reports()

    async def _draw_later(self) -> None:
        # A trial that is over reports no more.
        if not self._is_over:
            await self._draw_reports()

    @property
    def _is_over(self) -> bool:
        trial = self._subject.find() or {}
        return bool((trial.get("status") or {}).get("completionTime"))

    async def _draw_reports(self) -> None:
        try:
            options, known = await computed(self._read)
        except (KatibError, RuntimeError) as error:
            self._chart.say(str(error))
            return
        if not known:
            self._chart.say("It has reported no numbers yet.")
        elif self._chosen.options != known:
            wanted = [one for one in self._subject.query.list("metrics") if one in known]
            self._shown = wanted or known, self._by.value
            self._chosen.set_options(known, value=wanted or known)
        if known:
            self._chart.show(options)

    def _read(self) -> tuple[Options, list[str]]:
        subject = self._subject
        found = subject.site.reports.read(subject.namespace, {subject.name: self._is_over})
        entries = found.get(subject.name, ())
        known = metrics_of(entries)
        chosen = self._chosen.value if self._chosen.options == known else None
        return draw_reports(entries, self._by.value == "time", chosen), known
