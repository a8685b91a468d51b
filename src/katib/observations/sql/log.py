"""Observation logs in a database that several programs share."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock

from sqlalchemy import Connection, select
from sqlalchemy.exc import DBAPIError

from katib.api.values import Key
from katib.errors import KatibError
from katib.observations.sql.preparing import open_database
from katib.observations.sql.schema import (
    DELETE,
    INSERT,
    Values,
    entries_of,
    naming,
    reading,
    storable,
    values_of,
)
from katib.ports.observation_log import MetricEntry


class _Batch:
    """Reports that are written together: all of them, or none."""

    def __init__(self) -> None:
        self.rows: list[Values] = []
        self.is_done = False
        self.error: KatibError | None = None


class SqlObservationLog:
    """Keeps observation logs in one table, which other processes may read and write meanwhile.

    Nothing is held back: a report is safe when it returns, and one that raises has left nothing.
    Callers that report at the same time share one transaction. A report whose connection is lost
    while it is being committed raises, although it may have been stored.

    A trial with an empty namespace is one that is known by its name alone: its entries are read and
    deleted with every trial of that name, and reading it reads all of that name.

    Args:
        url: as ``postgresql://user:password@host/katib``.

    Raises:
        ConfigurationError: it is no such URL, or the driver is missing.
        SchemaError: a server's database is not of this version; ``katib db upgrade`` mends it.
        StoreUnavailableError: the database cannot be opened.
    """

    def __init__(self, url: str) -> None:
        self._database = open_database(url)
        # Held while one caller writes for all who wait, and taken before `_lock`.
        self._writing = Lock()
        self._writer: Connection | None = None
        self._lock = Lock()
        self._waiting = _Batch()

    def report(self, trial: Key, entries: Sequence[MetricEntry]) -> None:
        rows = values_of(trial, storable(trial, entries))
        if not rows:
            return
        with self._lock:
            batch = self._waiting
            batch.rows += rows
        with self._writing:
            if not batch.is_done:
                self._write_waiting()
        if batch.error is not None:
            raise batch.error

    def read(self, trial: Key, metric: str | None = None) -> Sequence[MetricEntry]:
        statement, parameters = reading(trial, metric)
        rows = self._database.run(
            lambda connection: connection.execute(statement, parameters).all()
        )
        return entries_of(rows, metric)

    def delete(self, trial: Key) -> None:
        self._database.run(lambda connection: connection.execute(DELETE, naming(trial)))

    def flush(self) -> None:
        """Nothing waits here; this only asks whether the database is there."""
        self._database.run(lambda connection: connection.execute(select(1)))

    def delay(self, trial: Key) -> str:
        return ""

    def close(self) -> None:
        with self._writing:
            self._release_writer()
        self._database.close()

    def _write_waiting(self) -> None:
        with self._lock:
            batch, self._waiting = self._waiting, _Batch()
        batch.is_done = True
        try:
            with self._database.translated():
                self._write(batch.rows)
        except KatibError as error:
            batch.error = error

    def _write(self, rows: list[Values]) -> None:
        try:
            try:
                self._insert(rows)
            except DBAPIError as error:
                # Nothing was committed, so it may be done again; a lost commit may not.
                if not error.connection_invalidated:
                    raise
                self._release_writer()
                self._insert(rows)
            self._open_writer().commit()
        except BaseException:
            self._release_writer()
            raise

    def _insert(self, rows: list[Values]) -> None:
        self._open_writer().execute(INSERT, rows)

    def _open_writer(self) -> Connection:
        # One connection is kept: taking one from the pool costs more than the insertion.
        if self._writer is None:
            self._writer = self._database.engine.connect()
        return self._writer

    def _release_writer(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
