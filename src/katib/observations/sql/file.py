"""Observation logs in a SQLite file that belongs to one program.

A report costs an append to a buffer; the buffer goes to the file in one transaction. Recent series
are kept whole in memory, so that a trial that has just ended is read without a query.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from operator import attrgetter
from pathlib import Path
from threading import Lock, RLock

from sqlalchemy import Connection, func, select
from sqlalchemy.pool import StaticPool

from katib.api.values import Key
from katib.observations.sql.preparing import open_database
from katib.observations.sql.schema import (
    DELETE,
    INSERT,
    LOGS,
    Values,
    entries_of,
    naming,
    reading,
    storable,
    values_of,
)
from katib.ports.observation_log import MetricEntry

#: Rows that wait for a flush; a report that finds more flushes first.
BUFFERED_ROWS = 10_000
#: Entries of whole series kept in memory for reading.
CACHED_ENTRIES = 50_000
#: Trials whose absence from the file is remembered; with more, the file is asked.
REMEMBERED_TRIALS = 100_000

_newest_id = select(func.max(LOGS.c.id))
_trials = select(LOGS.c.namespace, LOGS.c.trial_name).distinct()

_by_time = attrgetter("time")


class SqliteObservationLog:
    """Keeps observation logs in a file; no other process writes there meanwhile.

    Args:
        path: the file; it is made, or brought to this version.

    Raises:
        SchemaError: a later version has made it.
        StoreUnavailableError: it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        # One connection for all threads: `_access` lets one of them at a time use it.
        self._database = open_database(path, poolclass=StaticPool)
        # Held during each use of the database, and taken before `_lock`.
        self._access = RLock()
        self._writer: Connection | None = None
        # Guards what follows, for moments only.
        self._lock = Lock()
        self._pending: dict[Key, list[MetricEntry]] = {}
        self._pending_rows = 0
        self._series: OrderedDict[Key, list[MetricEntry]] = OrderedDict()
        self._series_entries = 0
        self._known = self._database.run(_load_known)

    def report(self, trial: Key, entries: Sequence[MetricEntry]) -> None:
        entries = storable(trial, entries)
        if not entries:
            return
        # Before and not after: when the database refuses, nothing of this report was taken.
        if self._pending_rows >= BUFFERED_ROWS:
            self.flush()
        with self._lock:
            self._pending.setdefault(trial, []).extend(entries)
            self._pending_rows += len(entries)
            self._remember(trial, entries)

    def read(self, trial: Key, metric: str | None = None) -> Sequence[MetricEntry]:
        with self._lock:
            series = self._series.get(trial)
            found = None if series is None else list(series)
            is_new = self._known is not None and trial not in self._known
        if found is None:
            found = [] if is_new else self._query(trial, metric)
        found.sort(key=_by_time)
        return [entry for entry in found if metric is None or entry.name == metric]

    def delete(self, trial: Key) -> None:
        with self._lock:
            if self._known is not None and trial not in self._known:
                return
        with self._access:
            with self._database.translated(), self._database.engine.begin() as connection:
                connection.execute(DELETE, naming(trial))
            with self._lock:
                self._pending_rows -= len(self._pending.pop(trial, ()))
                self._series_entries -= len(self._series.pop(trial, ()))

    def flush(self) -> None:
        with self._access:
            with self._lock:
                batch, self._pending = self._pending, {}
                count, self._pending_rows = self._pending_rows, 0
            if not batch:
                return
            try:
                with self._database.translated():
                    self._insert([row for trial in batch for row in values_of(trial, batch[trial])])
            except BaseException:
                self._put_back(batch, count)
                raise

    def delay(self, trial: Key) -> str:
        return ""

    def close(self) -> None:
        try:
            self.flush()
        finally:
            if self._writer is not None:
                self._writer.close()
            self._database.close()

    def _insert(self, rows: list[Values]) -> None:
        # One connection is kept for this: taking one from the pool costs more than the insertion.
        if self._writer is None:
            self._writer = self._database.engine.connect()
        try:
            self._writer.execute(INSERT, rows)
            self._writer.commit()
        except BaseException:
            writer, self._writer = self._writer, None
            writer.close()
            raise

    def _remember(self, trial: Key, entries: Sequence[MetricEntry]) -> None:
        """Extend the trial's series in memory, or begin one when this is all there is of it."""
        series = self._series.get(trial)
        if series is not None:
            series.extend(entries)
            self._series.move_to_end(trial)
        elif self._known is not None and trial not in self._known:
            self._known.add(trial)
            self._series[trial] = list(entries)
        else:
            return
        self._series_entries += len(entries)
        while self._series_entries > CACHED_ENTRIES:
            _, oldest = self._series.popitem(last=False)
            self._series_entries -= len(oldest)
        if self._known is not None and len(self._known) > REMEMBERED_TRIALS:
            self._known = None

    def _query(self, trial: Key, metric: str | None) -> list[MetricEntry]:
        """What the database holds, then what waits to be written."""
        statement, parameters = reading(trial, metric)
        with self._access:
            with self._database.translated(), self._database.engine.connect() as connection:
                rows = connection.execute(statement, parameters).all()
            with self._lock:
                waiting = list(self._pending.get(trial, ()))
        return entries_of(rows, metric) + waiting

    def _put_back(self, batch: dict[Key, list[MetricEntry]], count: int) -> None:
        with self._lock:
            for trial, entries in self._pending.items():
                batch.setdefault(trial, []).extend(entries)
            self._pending = batch
            self._pending_rows += count


def _load_known(connection: Connection) -> set[Key] | None:
    """The trials that have rows; ``None`` when they are too many."""
    if (connection.execute(_newest_id).scalar() or 0) > REMEMBERED_TRIALS:
        return None
    return {Key(namespace, name) for namespace, name in connection.execute(_trials)}
