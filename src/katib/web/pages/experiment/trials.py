"""All trials of an experiment, a screenful at a time: sorted and filtered here, not there."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from typing import Any
from urllib.parse import urlencode

from nicegui import events, ui

from katib.client.exchange.results import Results
from katib.client.exchange.text import word_csv, word_json
from katib.client.trial_table import TrialTable
from katib.errors import KatibError
from katib.web.charts.styling import counted
from katib.web.comparing import MOST_TRIALS
from katib.web.filtering import Filter
from katib.web.pages.experiment.subject import Subject
from katib.web.pages.experiment.trial_rows import (
    Row,
    choose_rows,
    columns_of,
    pipeline_run_address,
    pipeline_runs_of,
    row_of,
)
from katib.web.shell import computed

_STATUS = """
<q-td :props="props"><q-icon :name="props.row.icon" :color="props.row.colour" size="xs"
aria-hidden="true"></q-icon> {{ props.row.status }}</q-td>
"""
_NAME = """
<q-td :props="props" :class="props.row.best ? 'text-weight-bold' : ''">
<a class="katib-link" :href="props.row.address">{{ props.row.name }}</a>
<q-icon v-if="props.row.best" name="star" color="amber-9" role="img"
aria-label="best trial"></q-icon></q-td>
"""
_PIPELINE = """
<q-td :props="props"><a v-if="props.row.pipeline" class="katib-link" :href="props.row.pipeline"
target="_top">{{ props.row.run }}</a></q-td>
"""

#: Where a browser keeps which columns it does not show.
_HIDDEN = "katib-hidden-columns"

_HELP = "Words, and conditions such as  lr<0.01  loss>2  optimizer=adam|sgd  status=Failed"


class Trials:
    """The tab of the trials."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        query = subject.query
        by = query.find("sort")
        self._pagination: dict[str, Any] = {
            "page": 1,
            "rowsPerPage": 25,
            "sortBy": by.removeprefix("-"),
            "descending": by.startswith("-"),
            "rowsNumber": 0,
        }
        self._chosen: dict[str, None] = {}
        self._hidden: set[str] | None = None
        self._columns: list[dict[str, Any]] = []
        self._pipeline_runs: dict[str, str] = {}

    def build(self) -> None:
        """Make what does not change."""
        with ui.row().classes("items-center w-full gap-2"):
            self._input = (
                ui.input("Filter", value=self._filter, on_change=self._narrow)
                .props('dense outlined clearable debounce=300 aria-describedby="filter-help"')
                .classes("col-grow")
                .style("min-width: 14rem; max-width: 40rem")
            )
            self._select = (
                ui.select([], multiple=True, on_change=self._choose_columns)
                .props(
                    'dense outlined options-dense display-value="Columns" '
                    'aria-label="Columns that are shown"'
                )
                .style("min-width: 8rem")
            )
            with ui.dropdown_button("Export", icon="download", auto_close=True).props(
                "outline dense no-caps"
            ):
                for label, kind, is_all in _EXPORTS:
                    ui.item(label, on_click=partial(self._export, kind, is_all))
            self._compare = ui.button("Compare", icon="compare", on_click=self._go).props(
                "outline dense no-caps"
            )
        ui.label(_HELP).classes("text-caption").props("id=filter-help")
        self._problem = ui.label().classes("text-negative").props("role=alert")
        self._count = ui.label().classes("text-caption").props("role=status")
        self._table = ui.table(
            columns=[],
            rows=[],
            row_key="name",
            selection="multiple",
            pagination=self._pagination,
            on_select=self._mark,
        ).classes("w-full")
        self._table.props(
            'flat bordered dense binary-state-sort no-data-label="The trials are being read."'
        )
        self._table.add_slot("body-cell-status", _STATUS)
        self._table.add_slot("body-cell-name", _NAME)
        self._table.add_slot("body-cell-pipeline", _PIPELINE)
        self._table.on("request", self._request)
        self._tell_chosen()

    @property
    def _filter(self) -> str:
        return self._subject.query.find("filter")

    async def draw(self) -> None:
        """Draw the rows that are shown."""
        table = await computed(self._subject.table)
        if table is None:
            return
        if (self._input.value or "") != self._filter:
            self._input.set_value(self._filter)
        self._pipeline_runs = await computed(pipeline_runs_of, self._subject.trials())
        await self._offer_columns(table)
        try:
            rows, count = await computed(self._rows, table)
        except KatibError as error:
            self._problem.set_text(str(error))
            return
        self._problem.set_text("")
        self._table.props('no-data-label="No trials."')
        self._count.set_text(counted(count, len(table)))
        self._pagination["rowsNumber"] = count
        self._table.pagination = self._pagination
        self._table.rows = rows

    def _rows(self, table: TrialTable) -> tuple[list[Row], int]:
        page = self._pagination
        by, is_descending = page["sortBy"] or "", page["descending"]
        order = choose_rows(table, Filter.of(self._filter), by, is_descending)
        size = page["rowsPerPage"] or len(order)
        if (page["page"] - 1) * size >= len(order):
            page["page"] = 1
        begin = (page["page"] - 1) * size
        shown = order[begin : begin + size].tolist()
        return [self._row(table, row) for row in shown], len(order)

    def _row(self, table: TrialTable, row: int) -> Row:
        run = self._pipeline_runs.get(table.names[row], "")
        linked = {"run": run, "pipeline": pipeline_run_address(run)}
        return {**row_of(table, row, self._subject.trial_url), **linked}

    async def _narrow(self, event: events.ValueChangeEventArguments[str | None]) -> None:
        text = (event.value or "").strip()
        if text != self._filter:
            self._subject.query.put(filter=text)
            self._pagination["page"] = 1
            await self.draw()

    async def _request(self, event: events.GenericEventArguments) -> None:
        self._pagination.update(event.args["pagination"])
        sign = "-" if self._pagination["descending"] else ""
        by = self._pagination["sortBy"] or ""
        self._subject.query.put(sort=f"{sign}{by}" if by else "")
        await self.draw()

    async def _offer_columns(self, table: TrialTable) -> None:
        if self._hidden is None:
            self._hidden = await _read_hidden()
        columns = columns_of(table, has_pipeline_runs=bool(self._pipeline_runs))
        if columns == self._columns:
            return
        self._columns = columns
        labels = {one["name"]: one["label"] for one in columns if one["name"] != "name"}
        shown = [name for name in labels if name not in self._hidden]
        self._select.set_options(labels, value=shown)
        self._show_columns()

    def _show_columns(self) -> None:
        hidden = self._hidden or set()
        self._table.columns = [one for one in self._columns if one["name"] not in hidden]

    def _choose_columns(self) -> None:
        shown = set(self._select.value or ())
        offered = set(self._select.options)
        # Those of other experiments stay hidden there.
        self._hidden = ((self._hidden or set()) - offered) | (offered - shown)
        text = json.dumps(json.dumps(sorted(self._hidden)))
        ui.run_javascript(f"localStorage.setItem('{_HIDDEN}', {text})")
        self._show_columns()

    def _mark(self, event: events.TableSelectionEventArguments) -> None:
        # The table knows the rows of this page only.
        here = {row["name"] for row in self._table.rows}
        now = {row["name"] for row in event.selection}
        self._chosen = {
            name: None for name in (*self._chosen, *now) if name in now or name not in here
        }
        self._tell_chosen()

    def _tell_chosen(self) -> None:
        count = len(self._chosen)
        self._compare.set_text(f"Compare {count} trials" if count else "Compare")
        self._compare.set_enabled(1 < count <= MOST_TRIALS)

    def _go(self) -> None:
        subject = self._subject
        key = f"{subject.namespace}/{subject.name}"
        pairs = [("trial", f"{key}/{name}") for name in self._chosen]
        ui.navigate.to(f"/compare?{urlencode(pairs)}")

    async def _export(self, kind: str, is_all: bool) -> None:
        try:
            text = await computed(self._word, kind, is_all)
        except KatibError as error:
            ui.notify(str(error), type="negative")
            return
        media = {"csv": "text/csv", "json": "application/json"}[kind]
        ui.download.content(text, f"{self._subject.name}.{kind}", media)

    def _word(self, kind: str, is_all: bool) -> str:
        experiment, trials = self._subject.find(), self._subject.trials()
        if experiment is None:
            return ""
        if not is_all:
            table = TrialTable.of(experiment, trials)
            rows = choose_rows(table, Filter.of(self._filter), "", False)
            wanted = {table.names[row] for row in rows.tolist()}
            trials = [one for one in trials if one["metadata"]["name"] in wanted]
        results = Results(experiment, trials)
        return {"csv": word_csv, "json": word_json}[kind](results)


_EXPORTS: Sequence[tuple[str, str, bool]] = (
    ("CSV of what is filtered", "csv", False),
    ("CSV of all trials", "csv", True),
    ("JSON of what is filtered", "json", False),
    ("JSON of all trials", "json", True),
)


async def _read_hidden() -> set[str]:
    """Which columns this browser hides; whatever else is stored there is not ours."""
    try:
        text = await ui.run_javascript(f"localStorage.getItem('{_HIDDEN}')", timeout=5.0)
        found = json.loads(text or "[]")
    except (TimeoutError, ValueError):
        # A browser that keeps nothing, or is slow, shows all.
        return set()
    return {str(one) for one in found} if isinstance(found, list) else set()
