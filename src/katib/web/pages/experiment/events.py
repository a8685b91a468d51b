"""What happened: the events of an experiment and of its trials."""

from __future__ import annotations

from nicegui import ui

from katib.api.values import Manifest
from katib.client.requests import core_path
from katib.errors import KatibError
from katib.web.pages.experiment.subject import Subject
from katib.web.shell import computed

#: How many are shown; older ones are seldom kept anyway.
MOST = 500

_COLUMNS = (
    ("time", "Last seen"),
    ("type", "Type"),
    ("object", "Object"),
    ("reason", "Reason"),
    ("message", "Message"),
    ("count", "Times"),
)


class Events:
    """The tab of the events."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject

    def build(self) -> None:
        """Make what does not change."""
        columns = [
            {"name": name, "label": label, "field": name, "align": "left", "sortable": True}
            for name, label in _COLUMNS
        ]
        self._problem = ui.label().classes("text-negative").props("role=alert")
        self._table = ui.table(
            columns=columns, rows=[], row_key="key", pagination={"rowsPerPage": 25}
        ).classes("w-full")
        self._table.props('flat bordered dense wrap-cells no-data-label="No events."')

    async def draw(self) -> None:
        """Ask for the events anew."""
        try:
            rows = await computed(self._rows)
        except KatibError as error:
            self._problem.set_text(str(error))
            return
        self._problem.set_text("")
        self._table.rows = rows

    def _rows(self) -> list[Manifest]:
        subject = self._subject
        answer = subject.site.backend.ask("GET", core_path("events", subject.namespace))
        ours = [one for one in answer.get("items") or () if self._is_ours(one)]
        rows = [_row(number, one) for number, one in enumerate(ours)]
        return sorted(rows, key=lambda row: str(row["time"]), reverse=True)[:MOST]

    def _is_ours(self, event: Manifest) -> bool:
        about = event.get("involvedObject") or {}
        name = str(about.get("name") or "")
        return name == self._subject.name or name.startswith(f"{self._subject.name}-")


def _row(number: int, event: Manifest) -> Manifest:
    about = event.get("involvedObject") or {}
    return {
        "key": number,
        "time": event.get("lastTimestamp") or event.get("eventTime") or "",
        "type": event.get("type") or "",
        "object": f"{about.get('kind')}/{about.get('name')}",
        "reason": event.get("reason") or "",
        "message": event.get("message") or "",
        "count": event.get("count") or 1,
    }
