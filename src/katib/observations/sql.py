"""Observation logs in a database, through SQLAlchemy Core.

A report costs an append to a buffer; the buffer goes to the database in one transaction. Recent
series are kept whole in memory, so that a trial that has just ended is read without a query.
"""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from operator import attrgetter
from threading import Lock, RLock

from sqlalchemy import (
    Column,
    Connection,
    DateTime,
    Engine,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    bindparam,
    create_engine,
    event,
    func,
    select,
)
from sqlalchemy.dialects.mysql import DATETIME
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry, StaticPool

from katib.api.values import Key
from katib.errors import StoreUnavailableError
from katib.ports.observation_log import MetricEntry

#: Rows that wait for a flush; a report that finds more flushes first.
BUFFERED_ROWS = 10_000
#: Entries of whole series kept in memory for reading.
CACHED_ENTRIES = 50_000
#: Trials whose absence from the database is remembered; with more, the database is asked.
REMEMBERED_TRIALS = 100_000

_metadata = MetaData()
_logs = Table(
    "observation_logs",
    _metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("namespace", String(255), nullable=False),
    Column("trial_name", String(255), nullable=False),
    Column("time", DateTime().with_variant(DATETIME(fsp=6), "mysql", "mariadb"), nullable=False),
    Column("metric_name", String(255), nullable=False),
    Column("value", Text, nullable=False),
    mysql_charset="utf8mb4",
    mysql_collate="utf8mb4_bin",
)
Index(
    "observation_logs_by_trial",
    _logs.c.namespace,
    _logs.c.trial_name,
    _logs.c.metric_name,
    _logs.c.time,
    _logs.c.id,
)

# Built once: SQLAlchemy finds the compiled text of a statement by the statement's own cache key.
_of_trial = (_logs.c.namespace == bindparam("of_namespace")) & (
    _logs.c.trial_name == bindparam("of_trial")
)
_insert = _logs.insert()
_delete = _logs.delete().where(_of_trial)
_read = (
    select(_logs.c.time, _logs.c.metric_name, _logs.c.value)
    .where(_of_trial)
    .order_by(_logs.c.time, _logs.c.id)
)
_read_metric = _read.where(_logs.c.metric_name == bindparam("of_metric"))
_newest_id = select(func.max(_logs.c.id))
_trials = select(_logs.c.namespace, _logs.c.trial_name).distinct()

_by_time = attrgetter("time")


class SqlObservationLog:
    """Keeps observation logs in one table of a database.

    A SQLite file belongs to one such object at a time; other databases may be shared, and then
    every read asks the database.

    Args:
        url: as SQLAlchemy writes it, ``sqlite:////home/me/observations.db``.

    Raises:
        StoreUnavailableError: the database cannot be opened.
    """

    def __init__(self, url: str) -> None:
        self._engine = _open(url)
        self._place = self._engine.url.render_as_string(hide_password=True)
        # Held during each use of the database, and taken before `_lock`.
        self._database = RLock()
        self._writer: Connection | None = None
        # Guards what follows, for moments only.
        self._lock = Lock()
        self._pending: dict[Key, list[MetricEntry]] = {}
        self._pending_rows = 0
        self._series: OrderedDict[Key, list[MetricEntry]] = OrderedDict()
        self._series_entries = 0
        with self._translated():
            _metadata.create_all(self._engine)
            self._known = self._load_known()

    def report(self, trial: Key, entries: Sequence[MetricEntry]) -> None:
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
        with self._database:
            with self._translated(), self._engine.begin() as connection:
                connection.execute(_delete, _name(trial))
            with self._lock:
                self._pending_rows -= len(self._pending.pop(trial, ()))
                self._series_entries -= len(self._series.pop(trial, ()))

    def flush(self) -> None:
        with self._database:
            with self._lock:
                batch, self._pending = self._pending, {}
                count, self._pending_rows = self._pending_rows, 0
            if not batch:
                return
            try:
                with self._translated():
                    self._insert(list(_rows(batch)))
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
            self._engine.dispose()

    def _insert(self, rows: list[dict[str, str | datetime]]) -> None:
        # One connection is kept for this: taking one from the pool costs more than the insertion.
        if self._writer is None:
            self._writer = self._engine.connect()
        try:
            self._writer.execute(_insert, rows)
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
        parameters = _name(trial)
        statement = _read
        if metric is not None:
            statement, parameters["of_metric"] = _read_metric, metric
        with self._database:
            with self._translated(), self._engine.connect() as connection:
                rows = connection.execute(statement, parameters).all()
            with self._lock:
                waiting = list(self._pending.get(trial, ()))
        stored = [MetricEntry(time.replace(tzinfo=UTC), name, value) for time, name, value in rows]
        return stored + waiting

    def _put_back(self, batch: dict[Key, list[MetricEntry]], count: int) -> None:
        with self._lock:
            for trial, entries in self._pending.items():
                batch.setdefault(trial, []).extend(entries)
            self._pending = batch
            self._pending_rows += count

    def _load_known(self) -> set[Key] | None:
        """The trials that have rows; ``None`` when they are too many, or others write too."""
        if self._engine.dialect.name != "sqlite":
            return None
        with self._engine.connect() as connection:
            if (connection.execute(_newest_id).scalar() or 0) > REMEMBERED_TRIALS:
                return None
            return {Key(namespace, name) for namespace, name in connection.execute(_trials)}

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            problem = str(getattr(error, "orig", None) or error)
            raise StoreUnavailableError(self._place, problem) from error


def _open(url: str) -> Engine:
    try:
        if not url.startswith("sqlite"):
            return create_engine(url)
        # One connection for all threads: `_database` lets one of them at a time use it.
        engine = create_engine(url, poolclass=StaticPool, connect_args={"check_same_thread": False})
    except SQLAlchemyError as error:
        # Not the whole URL: it may hold a password.
        raise StoreUnavailableError(url.partition("://")[0], str(error)) from error
    event.listen(engine, "connect", _set_pragmas)
    return engine


def _set_pragmas(connection: sqlite3.Connection, _: ConnectionPoolEntry) -> None:
    # With a write-ahead log, NORMAL is safe from a crash of the process, and a commit waits for no
    # disk.
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")


def _name(trial: Key) -> dict[str, str]:
    return {"of_namespace": trial.namespace, "of_trial": trial.name}


def _rows(batch: dict[Key, list[MetricEntry]]) -> Iterable[dict[str, str | datetime]]:
    for trial, entries in batch.items():
        for entry in entries:
            yield {
                "namespace": trial.namespace,
                "trial_name": trial.name,
                "time": entry.time.astimezone(UTC).replace(tzinfo=None),
                "metric_name": _storable(entry.name),
                "value": _storable(entry.value),
            }


def _storable(text: str) -> str:
    # A lone surrogate has no UTF-8; left in, it would keep the whole buffer from being written.
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
