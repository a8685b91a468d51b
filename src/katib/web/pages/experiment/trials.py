"""All trials of an experiment, a screenful at a time: sorted and filtered here, not there."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from nicegui import events, ui
from numpy.typing import NDArray

from katib.client.trial_table import TrialTable
from katib.web import looks
from katib.web.pages.experiment.subject import Subject
from katib.web.shell import computed

_STATUS = """
<q-td :props="props"><q-icon :name="props.row.icon" :color="props.row.colour" size="xs"
aria-hidden="true"></q-icon> {{ props.row.status }}</q-td>
"""
_NAME = """
<q-td :props="props"><a class="katib-link" :href="props.row.address">{{ props.row.name }}</a>
<q-icon v-if="props.row.best" name="star" color="amber-9" aria-label="best trial"></q-icon></q-td>
"""


class Trials:
    """The tab of the trials."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._pagination: dict[str, Any] = {
            "page": 1,
            "rowsPerPage": 25,
            "sortBy": "",
            "descending": False,
            "rowsNumber": 0,
        }
        self._filter = ""

    def build(self) -> None:
        """Make what does not change."""
        with ui.row().classes("items-center w-full gap-2"):
            ui.input(placeholder="Filter", on_change=self._narrow).props(
                'dense outlined clearable debounce=300 aria-label="Filter trials"'
            )
        self._table = ui.table(
            columns=[], rows=[], row_key="name", pagination=self._pagination
        ).classes("w-full")
        self._table.props("flat bordered dense binary-state-sort")
        self._table.add_slot("body-cell-status", _STATUS)
        self._table.add_slot("body-cell-name", _NAME)
        self._table.on("request", self._request)

    async def draw(self) -> None:
        """Draw the rows that are shown."""
        table = await computed(self._subject.table)
        if table is None:
            return
        rows, count = await computed(self._rows, table)
        self._table.columns = _columns(table)
        self._pagination["rowsNumber"] = count
        self._table.pagination = self._pagination
        self._table.rows = rows

    async def _narrow(self, event: events.ValueChangeEventArguments[str | None]) -> None:
        self._filter = (event.value or "").strip().lower()
        self._pagination["page"] = 1
        await self.draw()

    async def _request(self, event: events.GenericEventArguments) -> None:
        self._pagination.update(event.args["pagination"])
        await self.draw()

    def _rows(self, table: TrialTable) -> tuple[list[dict[str, Any]], int]:
        order = _order(table, self._pagination["sortBy"] or "", self._pagination["descending"])
        if self._filter:
            order = np.array([row for row in order if self._fits(table, row)], dtype=np.intp)
        size = self._pagination["rowsPerPage"] or len(order)
        begin = (self._pagination["page"] - 1) * size
        if begin >= len(order):
            begin = self._pagination["page"] = 0
            self._pagination["page"] = 1
        best = table.best_row
        site, address = self._subject.site, self._subject.address
        shown = [int(row) for row in order[begin : begin + size]]
        return [
            _row(table, row, site.url(f"{address}/trial/{table.names[row]}"), row == best)
            for row in shown
        ], len(order)

    def _fits(self, table: TrialTable, row: int) -> bool:
        wanted = self._filter
        if wanted in table.names[row].lower() or wanted in table.statuses[row].lower():
            return True
        return any(
            wanted in (column.texts[row] or "").lower() for column in table.parameters.values()
        )


def _columns(table: TrialTable) -> list[dict[str, Any]]:
    def column(name: str, label: str, align: str = "left") -> dict[str, Any]:
        return {"name": name, "label": label, "field": name, "align": align, "sortable": True}

    return [
        column("status", "Status"),
        column("name", "Trial"),
        *(column(f"m:{name}", name, "right") for name in table.metrics),
        *(
            column(f"p:{name}", name, "right" if one.is_numeric else "left")
            for name, one in table.parameters.items()
        ),
        column("time", "Duration", "right"),
    ]


def _row(table: TrialTable, row: int, address: str, is_best: bool) -> dict[str, Any]:
    icon, colour = looks.STATUSES.get(table.statuses[row], ("help", "grey-8"))
    found: dict[str, Any] = {
        "name": table.names[row],
        "address": address,
        "status": table.statuses[row],
        "icon": icon,
        "colour": colour,
        "best": is_best,
        "time": _duration(table, row),
    }
    for name, metric in table.metrics.items():
        value = float(metric.values[row])
        found[f"m:{name}"] = "" if math.isnan(value) else looks.number(value)
    for name, parameter in table.parameters.items():
        text = parameter.texts[row]
        shown = looks.number(text) if parameter.is_numeric and text is not None else text
        found[f"p:{name}"] = shown or ""
    return found


def _duration(table: TrialTable, row: int) -> str:
    begun, ended = table.started[row], table.completed[row]
    return "" if begun is None or ended is None else looks.length((ended - begun).total_seconds())


def _order(table: TrialTable, by: str, is_descending: bool) -> NDArray[np.intp]:
    """The rows in the order that is asked for; without a value, they come last."""
    keys = _keys(table, by)
    if keys is None:
        return np.arange(len(table))[::-1]
    if keys.dtype.kind == "f":
        order = np.argsort(-keys if is_descending else keys, kind="stable")
        return order[np.argsort(np.isnan(keys[order]), kind="stable")]
    order = np.argsort(keys, kind="stable")
    return order[::-1] if is_descending else order


def _keys(table: TrialTable, by: str) -> NDArray[Any] | None:
    kind, _, name = by.partition(":")
    if kind == "m" and name in table.metrics:
        return table.metrics[name].values
    if kind == "p" and name in table.parameters:
        parameter = table.parameters[name]
        if parameter.is_numeric:
            return parameter.numbers
        return np.array([text or "" for text in parameter.texts])
    if by == "status":
        return np.array(table.statuses)
    if by == "name":
        return np.array(table.names)
    if by == "time":
        pairs = zip(table.started, table.completed, strict=True)
        return np.array(
            [
                math.nan if begun is None or ended is None else (ended - begun).total_seconds()
                for begun, ended in pairs
            ]
        )
    return None
