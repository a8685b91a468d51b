"""What happened: events as rows of a table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from nicegui import ui

from katib.api.values import Manifest
from katib.client.backend import Backend
from katib.client.requests import core_path
from katib.errors import KatibError
from katib.web.rights import Deed, Visitor
from katib.web.shell import computed
from katib.web.site import Site

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


class EventTable:
    """A table of the events of some objects.

    Args:
        site: whose server is asked anew at each look.
        visitor: who looks, and must have the right to.
        namespace: of the objects.
        is_ours: whether an object of that name is one of them.
    """

    def __init__(
        self, site: Site, visitor: Visitor, namespace: str, is_ours: Callable[[str], bool]
    ) -> None:
        self._site, self._visitor = site, visitor
        self._namespace, self._is_ours = namespace, is_ours
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
            rows = await computed(self._read)
        except KatibError as error:
            self._problem.set_text(str(error))
            return
        self._problem.set_text("")
        self._table.rows = rows

    def _read(self) -> list[dict[str, Any]]:
        self._site.rights.check(self._visitor, Deed("list", "events", self._namespace))
        return list_events(self._site.backend, self._namespace, self._is_ours)


def list_events(
    backend: Backend, namespace: str, is_ours: Callable[[str], bool]
) -> list[dict[str, Any]]:
    """The events of objects by their names, as rows, the newest first.

    Raises:
        KatibError: the server says why not, or does not answer.
    """
    answer = backend.ask("GET", core_path("events", namespace))
    ours = [
        one
        for one in answer.get("items") or ()
        if is_ours(str((one.get("involvedObject") or {}).get("name") or ""))
    ]
    rows = [_row(number, one) for number, one in enumerate(ours)]
    return sorted(rows, key=lambda row: str(row["time"]), reverse=True)[:MOST]


def _row(number: int, event: Manifest) -> dict[str, Any]:
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


class Looked(Protocol):
    """What a page is about: an experiment or a trial, and who looks at it."""

    @property
    def site(self) -> Site:
        """What pages share."""
        ...

    @property
    def visitor(self) -> Visitor:
        """Who looks."""
        ...

    @property
    def namespace(self) -> str:
        """Where it is."""
        ...

    @property
    def name(self) -> str:
        """Its name."""
        ...


class Events:
    """The tab of the events of something, of what it owns and of its pods.

    Args:
        subject: what the page is about.
    """

    def __init__(self, subject: Looked) -> None:
        self._subject = subject

    def build(self) -> None:
        """Make what does not change."""
        subject = self._subject
        self._events = EventTable(subject.site, subject.visitor, subject.namespace, self._is_ours)

    async def draw(self) -> None:
        """Ask for the events anew."""
        await self._events.draw()

    def _is_ours(self, name: str) -> bool:
        # What it owns has its name, before a hyphen.
        ours = self._subject.name
        return name == ours or name.startswith(f"{ours}-")
