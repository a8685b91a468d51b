"""Kubernetes events, in a table of their own.

They are told much more often than they are read, and only to people, so they do not pass through
the store of resources: a record costs an append, and a table row once a second. A crash loses the
last second of them.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from katib.api.codec import format_time
from katib.api.kinds import EVENTS
from katib.api.values import Manifest, ObjectMeta, Resource, Unstructured
from katib.errors import StoreUnavailableError
from katib.ports.clock import Clock
from katib.ports.resource_store import Unsubscribe
from katib.stores.reading import open_to_read

#: How many events are kept; and among how many new ones an equal one is looked for.
KEPT, COMPARED = 10_000, 256

#: How long an event may wait to be written, in seconds.
WRITE_EVERY = 1.0

_SCHEMA = """
CREATE TABLE IF NOT EXISTS events (
    id INTEGER PRIMARY KEY,
    uid TEXT NOT NULL,
    kind TEXT NOT NULL,
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    api_version TEXT NOT NULL,
    type TEXT NOT NULL,
    reason TEXT NOT NULL,
    message TEXT NOT NULL,
    source TEXT NOT NULL,
    count INTEGER NOT NULL,
    first TEXT NOT NULL,
    last TEXT NOT NULL
);
"""
_COLUMNS = (
    "id, uid, kind, namespace, name, api_version, type, reason, message, source, count, first, last"
)
_NAMES = tuple(_COLUMNS.split(", "))


@dataclass(frozen=True, slots=True)
class _Told:
    """One event."""

    id: int
    resource: Resource
    is_warning: bool
    reason: str
    message: str
    count: int
    first: datetime
    last: datetime

    def row(self) -> tuple[object, ...]:
        metadata = self.resource.metadata
        source = f"{self.resource.kind.lower()}-controller"
        return (
            self.id,
            metadata.uid,
            self.resource.kind,
            metadata.namespace,
            metadata.name,
            self.resource.api_version,
            "Warning" if self.is_warning else "Normal",
            self.reason,
            self.message,
            source,
            self.count,
            format_time(self.first),
            format_time(self.last),
        )

    def columns(self) -> Manifest:
        return dict(zip(_NAMES, self.row(), strict=True))


class SqliteEventRecorder:
    """Keeps the newest events in the file of the resource store.

    Args:
        path: the database file.
        clock: for their times.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._clock, self._path = clock, path
        self._lock = threading.Lock()
        self._recent: OrderedDict[tuple[str, str, str], _Told] = OrderedDict()
        self._unwritten: dict[int, _Told] = {}
        self._listeners: list[Callable[[Unstructured], None]] = []
        self._written_at = clock.monotonic()
        try:
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._connection.execute("PRAGMA synchronous=NORMAL")
            self._connection.executescript(_SCHEMA)
            newest = self._connection.execute("SELECT max(id) FROM events").fetchone()[0]
        except sqlite3.Error as error:
            raise StoreUnavailableError(path, str(error)) from error
        self._next = 1 + (newest or 0)

    def record(self, resource: Resource, reason: str, message: str, warning: bool = False) -> None:
        """See the port."""
        now = self._clock.now()
        identity = (resource.metadata.uid, reason, message)
        with self._lock:
            told = self._recent.pop(identity, None)
            if told is None:
                told = _Told(self._next, resource, warning, reason, message, 1, now, now)
                self._next += 1
            else:
                told = replace(told, count=told.count + 1, last=now)
            self._recent[identity] = self._unwritten[told.id] = told
            if len(self._recent) > COMPARED:
                self._recent.popitem(last=False)
            # As a resource it is made for those who listen, and costs nothing else.
            if self._listeners:
                event = _resource(told.columns())
                for listener in self._listeners:
                    listener(event)

    def subscribe(self, listener: Callable[[Unstructured], None]) -> Unsubscribe:
        """Call somebody with each event from now on, new or told again, in their order.

        Args:
            listener: must return soon, and record nothing.
        """
        with self._lock:
            self._listeners.append(listener)

        def unsubscribe() -> None:
            with self._lock:
                self._listeners.remove(listener)

        return unsubscribe

    def flush(self, is_last: bool = False) -> None:
        """Write what waits, if it has waited long enough.

        Raises:
            StoreUnavailableError: the disk refuses; a later flush tries again.
        """
        now = self._clock.monotonic()
        if not is_last and now - self._written_at < WRITE_EVERY:
            return
        self._written_at = now
        with self._lock:
            batch, self._unwritten = self._unwritten, {}
        if not batch:
            return
        try:
            self._save([told.row() for told in batch.values()])
        except sqlite3.Error as error:
            with self._lock:
                self._unwritten = {**batch, **self._unwritten}
            raise StoreUnavailableError(self._path, str(error)) from error

    def list_events(self, namespace: str | None, uid: str | None) -> Sequence[Unstructured]:
        """The events so far, written or not, the oldest first, as resources.

        Args:
            namespace: of this namespace only; ``None`` for all.
            uid: about this resource only; ``None`` for all.

        Raises:
            StoreUnavailableError: the file cannot be read.
        """
        wanted = {"namespace": namespace, "uid": uid}
        given = {name: value for name, value in wanted.items() if value is not None}
        rows = {row["id"]: row for row in _read(self._path, given)}
        with self._lock:
            newest = [*self._recent.values(), *self._unwritten.values()]
        for told in newest:
            row = told.columns()
            if all(row[name] == value for name, value in given.items()):
                rows[told.id] = row
        return [_resource(rows[id]) for id in sorted(rows)]

    def close(self) -> None:
        """Write what waits and release the file."""
        try:
            self.flush(is_last=True)
        finally:
            self._connection.close()

    def _save(self, rows: Sequence[tuple[object, ...]]) -> None:
        run = self._connection
        run.execute("BEGIN IMMEDIATE")
        try:
            marks = ", ".join("?" * len(rows[0]))
            run.executemany(f"INSERT OR REPLACE INTO events ({_COLUMNS}) VALUES ({marks})", rows)
            run.execute("DELETE FROM events WHERE id <= ?", (self._next - 1 - KEPT,))
            run.execute("COMMIT")
        except sqlite3.Error:
            if run.in_transaction:
                run.execute("ROLLBACK")
            raise


def list_events(path: Path, resource: Resource) -> Sequence[Unstructured]:
    """The events about a resource, the oldest first, as resources.

    Args:
        path: the database file.
        resource: whose events; found by its ``uid``.
    """
    metadata = resource.metadata
    given = {"namespace": metadata.namespace, "name": metadata.name, "uid": metadata.uid}
    return [_resource(row) for row in _read(path, given)]


def _read(path: Path, given: Mapping[str, str]) -> list[Manifest]:
    """The rows whose columns have these values, the oldest first."""
    where = " AND ".join(f"{name}=?" for name in given) or "1"
    try:
        with closing(open_to_read(path)) as connection:
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM events WHERE {where} ORDER BY id", tuple(given.values())
            ).fetchall()
    except sqlite3.Error as error:
        raise StoreUnavailableError(path, str(error)) from error
    return [dict(zip(_NAMES, row, strict=True)) for row in rows]


def _resource(row: Manifest) -> Unstructured:
    metadata = ObjectMeta(name=f"{row['name']}.{row['id']:016x}", namespace=row["namespace"])
    involved = {
        "apiVersion": row["api_version"],
        "kind": row["kind"],
        "name": row["name"],
        "namespace": row["namespace"],
        "uid": row["uid"],
    }
    body = {
        "involvedObject": involved,
        "type": row["type"],
        "reason": row["reason"],
        "message": row["message"],
        "source": {"component": row["source"]},
        "count": row["count"],
        "firstTimestamp": row["first"],
        "lastTimestamp": row["last"],
    }
    return Unstructured(
        api_version=EVENTS.api_version, kind=EVENTS.name, metadata=metadata, body=body
    )
