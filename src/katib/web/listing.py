"""Small tables that several pages show: conditions, metrics, and things side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nicegui import ui

from katib.api.values import Manifest
from katib.web import looks

Row = dict[str, Any]

CONDITIONS = (
    ("type", "Type"),
    ("status", "Status"),
    ("reason", "Reason"),
    ("message", "Message"),
    ("time", "Last transition"),
)
METRICS = (("name", "Metric"), ("latest", "Latest"), ("min", "Min"), ("max", "Max"))
ASSIGNED = (("name", "Parameter"), ("value", "Value"))

_CELL = """
<q-td :props="props" :class="props.row.differs ? 'text-weight-bold' : ''"
style="white-space: pre-wrap; overflow-wrap: anywhere; min-width: 7rem">{{ props.value }}</q-td>
"""
_NAME = """
<q-th scope="row" class="text-left" style="white-space: normal">{{ props.value }}
<q-icon v-if="props.row.differs" name="difference" color="amber-9" role="img"
aria-label="they differ"></q-icon></q-th>
"""
_HEAD = """
<q-th :props="props" style="white-space: normal; overflow-wrap: anywhere">
<a v-if="props.col.address" class="katib-link" :href="props.col.address">{{ props.col.label }}</a>
<span v-else>{{ props.col.label }}</span></q-th>
"""


def heading(title: str) -> ui.label:
    """The heading of a part of a page."""
    return ui.label(title).classes("text-subtitle1").props("role=heading aria-level=2")


def conditions_of(resource: Manifest) -> list[Row]:
    """The rows of the conditions of an experiment or a trial, the newest first."""
    found: Sequence[Manifest] = (resource.get("status") or {}).get("conditions") or ()
    rows = [
        {
            "type": one.get("type"),
            "status": one.get("status"),
            "reason": one.get("reason") or "",
            "message": one.get("message") or "",
            "time": one.get("lastTransitionTime") or "",
        }
        for one in found
    ]
    # Of those of one second, the last of the list is the newest.
    rows.reverse()
    return sorted(rows, key=lambda row: str(row["time"]), reverse=True)


def metric_rows(metrics: Sequence[Manifest]) -> list[Row]:
    """The rows of observed metrics: the latest value, the smallest and the largest."""
    return [
        {"name": one.get("name"), **{key: _told(one.get(key)) for key, _ in METRICS[1:]}}
        for one in metrics
    ]


def assigned_rows(assignments: Sequence[Manifest]) -> list[Row]:
    """The rows of what a trial was assigned."""
    return [
        {"name": one["name"], "value": looks.number(one.get("value", ""))} for one in assignments
    ]


def small_table(columns: Sequence[tuple[str, str]], nothing: str = "") -> ui.table:
    """A small table, all of whose rows are shown.

    Args:
        columns: fields of rows, and what stands above them.
        nothing: what it says without rows.
    """
    found = ui.table(
        columns=[
            {
                "name": name,
                "label": label,
                "field": name,
                "align": "left",
                # Sentences are not broken between letters on a narrow page, which can be scrolled.
                "style": "min-width: 14rem" if name == "message" else "",
            }
            for name, label in columns
        ],
        rows=[],
        pagination={"rowsPerPage": 0},
    ).classes("w-full")
    return found.props(f'flat bordered dense wrap-cells hide-pagination no-data-label="{nothing}"')


def side_by_side() -> ui.table:
    """A table with a column for each thing that is compared, and a mark where they differ."""
    found = ui.table(columns=[], rows=[], row_key="name", pagination={"rowsPerPage": 0})
    found.props("flat bordered dense wrap-cells hide-pagination").classes("w-full")
    found.add_slot("body-cell", _CELL)
    found.add_slot("body-cell-name", _NAME)
    found.add_slot("header-cell", _HEAD)
    return found


def compared_columns(things: Mapping[str, str]) -> list[Row]:
    """The columns of such a table.

    Args:
        things: what stands above each column, and the address that it leads to.
    """
    columns: list[Row] = [{"name": "name", "label": "", "field": "name", "align": "left"}]
    return columns + [
        {"name": f"c{n}", "label": label, "field": f"c{n}", "align": "left", "address": address}
        for n, (label, address) in enumerate(things.items())
    ]


def compared_rows(facts: Sequence[Mapping[str, str]]) -> list[Row]:
    """The rows of such a table: a fact each, in the order in which they first appear."""
    names = dict.fromkeys(name for one in facts for name in one)
    rows = []
    for name in names:
        values = [one.get(name, "") for one in facts]
        cells = {f"c{number}": value or "-" for number, value in enumerate(values)}
        rows.append({"name": name, "differs": len(set(values)) > 1, **cells})
    return rows


def _told(value: object) -> str:
    return "" if value in (None, "") else looks.number(value)
