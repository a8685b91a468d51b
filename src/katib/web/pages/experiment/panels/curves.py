"""What trials reported on their way."""

from __future__ import annotations

from datetime import UTC, datetime

from nicegui import ui

from katib.api.codec import parse_time
from katib.client.analysis.curves import curves
from katib.client.observation_log import MetricLog
from katib.client.trial_table import ENDS, TrialTable
from katib.errors import KatibError
from katib.ports.observation_log import MetricEntry
from katib.web.charts.curves import MOST_LINES, choose_trials, draw_curves
from katib.web.charts.styling import Options
from katib.web.listing import heading
from katib.web.pages.experiment.panels.panel import Panel, choice
from katib.web.pages.experiment.subject import Subject
from katib.web.shell import computed

#: The time of an entry whose program told none.
_NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)


class CurvesPanel(Panel):
    """A line for each of some trials."""

    def __init__(self, subject: Subject) -> None:
        super().__init__(subject)
        self._table: TrialTable | None = None
        self._shown = ""

    def build(self) -> None:
        """See :class:`Panel`."""
        heading("Intermediate values")
        self._metric = choice("Metric", self._choose)
        self._curves = self._chart("", "26rem")
        self._told = ui.label().classes("text-caption")

    def can_draw(self, table: TrialTable) -> bool:
        """Whether any trial has begun."""
        return any(one is not None for one in table.started)

    async def draw(self, table: TrialTable) -> None:
        """See :class:`Panel`."""
        self._table = table
        names = list(table.metrics)
        if self._metric.options != names:
            wanted = self._subject.query.find("metric")
            self._shown = wanted if wanted in names else names[0]
            self._metric.set_options(names, value=self._shown)
        await self._draw()

    async def _choose(self) -> None:
        chosen = str(self._metric.value or "")
        # What was not the visitor's choice is drawn already.
        if self._table is not None and chosen and chosen != self._shown:
            self._shown = chosen
            first = next(iter(self._table.metrics))
            self._subject.query.put(metric="" if chosen == first else chosen)
            await self._draw()

    async def _draw(self) -> None:
        table, metric = self._table, self._shown
        if table is None:
            return
        try:
            options, count = await computed(self._read, table, metric)
        except (KatibError, RuntimeError) as error:
            self._curves.say(str(error))
            return
        if not count:
            self._curves.say(f"No trial has reported numbers of {metric} yet.")
            return
        self._curves.show(options)
        self._told.set_text(tell_choice(count, len(table)))

    def _read(self, table: TrialTable, metric: str) -> tuple[Options, int]:
        rows = choose_trials(table).tolist()
        trials = {table.names[row]: table.statuses[row] in ENDS for row in rows}
        logs = self._subject.site.reports.read(self._subject.namespace, trials)
        entries = {name: [_entry(one) for one in log] for name, log in logs.items()}
        found = curves(table, entries, metric, MOST_LINES)
        return draw_curves(table, found), len(found.curves)


def tell_choice(shown: int, total: int) -> str:
    """What a line is, and which trials have one."""
    how = "Click a line to open its trial."
    if shown >= total:
        return how
    chosen = f"Shown are {shown} of {total:,} trials that have reported:"
    return f"{how} {chosen} the best, the newest, and others that stand for all."


def _entry(log: MetricLog) -> MetricEntry:
    time = parse_time(log.time_stamp) if log.time_stamp else _NO_TIME
    return MetricEntry(time, log.metric.name, log.metric.value)
