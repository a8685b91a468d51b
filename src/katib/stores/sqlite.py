"""Resources in one SQLite file: what the engine of a single machine uses.

All resources are served from memory; changes are collected and written in one transaction by
:meth:`SqliteStore.flush`, so that ten steps of a trial cost one commit. The write-ahead log is not
forced to the disk at each commit (``synchronous=NORMAL``): a killed process loses nothing, a power
cut at most the last moments, and never the file's consistency.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from katib.api.codec import decode, encode
from katib.api.kinds import kind_of
from katib.api.suggestion import SUGGESTIONS, Suggestion
from katib.api.values import Key, Kind, Resource
from katib.errors import NotFoundError, StoreUnavailableError
from katib.ports.clock import Clock
from katib.ports.resource_store import EVERYTHING, Selector
from katib.stores import assignments
from katib.stores.assignments import AssignmentRows, Assignments
from katib.stores.reading import open_to_read
from katib.stores.table import Address, Record
from katib.stores.versioned import VersionedStore

R = TypeVar("R", bound=Resource)

#: From 2 on the assignments of suggestions have rows of their own.
_SCHEMA_VERSION = 2
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS resources (
    api_version TEXT NOT NULL,
    kind TEXT NOT NULL,
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (api_version, kind, namespace, name)
);
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
{assignments.SCHEMA}
"""
_WRITE = "INSERT OR REPLACE INTO resources VALUES (?, ?, ?, ?, ?, ?)"
_REMOVE = "DELETE FROM resources WHERE api_version=? AND kind=? AND namespace=? AND name=?"
_COUNT = "INSERT OR REPLACE INTO counters VALUES ('version', ?)"
_SELECT = "SELECT version, data FROM resources WHERE api_version=? AND kind=?{} ORDER BY version"
_SELECT_JOINED = (
    "SELECT version, resources.data, assignments.data FROM resources "
    "LEFT JOIN assignments USING (namespace, name) "
    "WHERE api_version=? AND kind=?{} ORDER BY version, number"
)

#: Pages of the write-ahead log before they are copied into the file: 64 MB, since a page that is
#: written often is copied once.
_CHECKPOINT_PAGES = 16_384


class SqliteStore(VersionedStore):
    """A store in a file. One process writes it; others may read it with :class:`SqliteReader`.

    Args:
        path: the database file, made when it is missing.
        clock: for creation times.
        save_first: makes safe what resources speak of. A flush calls it when it knows what it will
            write, and before it writes.

    Raises:
        StoreUnavailableError: the file cannot be opened, or a newer Katib wrote it.
    """

    _in_parts = (Suggestion,)

    def __init__(
        self, path: Path, clock: Clock, save_first: Callable[[], None] = lambda: None
    ) -> None:
        super().__init__(clock)
        self._path, self._save_first = path, save_first
        self._io = threading.Lock()
        try:
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._prepare()
            self._assignments = AssignmentRows(self._connection)
            version = self._connection.execute("SELECT value FROM counters").fetchone()
            self._load(self._records(), version[0] if version else 0)
        except sqlite3.Error as error:
            raise StoreUnavailableError(path, str(error)) from error

    def flush(self) -> None:
        with self._io:
            changes, version = self._take_changes()
            if not changes:
                return
            try:
                self._save_first()
                self._save(changes, version)
            except sqlite3.Error as error:
                self._give_back(changes)
                raise StoreUnavailableError(self._path, str(error)) from error
            except StoreUnavailableError:
                self._give_back(changes)
                raise

    def close(self) -> None:
        try:
            self.flush()
        finally:
            self._connection.close()

    def _prepare(self) -> None:
        connection = self._connection
        found = connection.execute("PRAGMA user_version").fetchone()[0]
        if found > _SCHEMA_VERSION:
            raise StoreUnavailableError(
                self._path, f"a newer Katib wrote it (format {found}); update this one"
            )
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute(f"PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES}")
        connection.executescript(_SCHEMA)
        connection.execute(f"PRAGMA user_version={_SCHEMA_VERSION}")

    def _records(self) -> Iterator[Record]:
        run = self._connection
        rows = run.execute(_SELECT_JOINED.format(""), SUGGESTIONS.address)
        whole = dict(assignments.joined(rows))
        rows = run.execute(
            "SELECT api_version, kind, namespace, name, version, data "
            "FROM resources ORDER BY version"
        )
        for api_version, name, *key, version, data in rows:
            kind = kind_of(api_version, name)
            data = encode(whole[version]) if version in whole else data
            metadata = decode(kind, data).metadata
            yield Record(kind, Key(*key), version, metadata, data, size=len(data))

    def _save(self, changes: dict[Address, Record | None], version: int) -> None:
        gone = [address for address, record in changes.items() if not record]
        kept: list[tuple[object, ...]] = []
        lists: dict[Key, Assignments] = {}
        for record in filter(None, changes.values()):
            suggestion = _suggestion_in(record)
            if suggestion is None:
                data = record.bytes()
            else:
                data = encode(assignments.without(suggestion))
                lists[record.key] = suggestion.status.suggestions
                record.size = len(data) + assignments.about_size(lists[record.key])
            kept.append((*record.kind.address, *record.key, record.version, data))
        run = self._connection
        run.execute("BEGIN")
        try:
            run.executemany(_REMOVE, [(*kind, *key) for *kind, key in gone])
            run.executemany(_WRITE, kept)
            self._assignments.remove(one[2] for one in gone if one[:2] == SUGGESTIONS.address)
            self._assignments.write(lists)
            run.execute(_COUNT, (version,))
            run.execute("COMMIT")
        except sqlite3.Error:
            self._assignments.forget()
            if run.in_transaction:
                run.execute("ROLLBACK")
            raise


class SqliteReader:
    """Looks into a store's file, also while an engine writes it.

    Args:
        path: the database file.

    Raises:
        StoreUnavailableError: the file cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._connection = open_to_read(path)
        except sqlite3.Error as error:
            raise StoreUnavailableError(path, str(error)) from error
        self._query("PRAGMA query_only=ON")

    def get(self, kind: Kind[R], key: Key) -> R:
        found = self.find(kind, key)
        if found is None:
            raise NotFoundError(kind.name, *key, [one.key for one in self.list(kind)])
        return found

    def find(self, kind: Kind[R], key: Key) -> R | None:
        found = self._select(kind, " AND namespace=? AND name=?", key)
        return next((one for _, one in found), None)

    def list(self, kind: Kind[R], where: Selector = EVERYTHING) -> Sequence[R]:
        values: tuple[object, ...] = (where.since,)
        narrow = " AND version>?"
        if where.namespace is not None:
            narrow, values = narrow + " AND namespace=?", (where.since, where.namespace)
        found = self._select(kind, narrow, values)
        return [one for version, one in found if where.fits(one.metadata, version)]

    def generation(self) -> int:
        """A number that differs after every change by another process."""
        number: int = self._query("PRAGMA data_version")[0][0]
        return number

    def close(self) -> None:
        """Release the file."""
        self._connection.close()

    def _select(self, kind: Kind[R], narrow: str, values: Sequence[Any]) -> Iterable[tuple[int, R]]:
        """What is found, in the order of writing, with its versions."""
        has_rows = kind.type is Suggestion and self._query("PRAGMA user_version")[0][0] >= 2
        select = _SELECT_JOINED if has_rows else _SELECT
        rows = self._query(select.format(narrow), (kind.api_version, kind.name, *values))
        if has_rows:
            whole: Iterable[tuple[int, Any]] = assignments.joined(rows)
            return whole
        return ((version, decode(kind, data)) for version, data in rows)

    def _query(self, text: str, values: Sequence[Any] = ()) -> Sequence[Any]:
        try:
            return self._connection.execute(text, values).fetchall()
        except sqlite3.Error as error:
            raise StoreUnavailableError(self._path, str(error)) from error


def _suggestion_in(record: Record) -> Suggestion | None:
    """The suggestion that a record is of; ``None`` when it is of another kind."""
    value = record.value
    if value is None and record.kind.type is Suggestion:
        return decode(SUGGESTIONS, record.bytes())
    return value if isinstance(value, Suggestion) else None
