"""Observation logs in a database that several programs share."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from threading import Condition, Event, Thread

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from katib.api.values import Key
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

#: How long the writer lets reports gather when they come faster than one by one, in seconds. A
#: transaction costs as much as some twenty rows.
GATHERING = 0.005

#: Has the lock only when nobody is writing. Only PostgreSQL goes on when its client is gone.
_SETTLE = (
    text("SET LOCAL lock_timeout = '5s'"),
    text("LOCK TABLE observation_logs IN SHARE MODE"),
)


class _Batch:
    """Reports that are written together: all of them, or none."""

    def __init__(self) -> None:
        self.rows: list[Values] = []
        self.reports = 0
        self.done: Future[None] = Future()
        # Nobody of those that wait can take it from the others.
        self.done.set_running_or_notify_cancel()


class SqlObservationLog:
    """Keeps observation logs in one table, which other processes may read and write meanwhile.

    Nothing is held back: a report is safe when it returns, and one that raises has left nothing. A
    thread writes for all callers, those that report at the same time in one transaction. A report
    whose connection is lost while it is being committed raises, although it may have been stored.

    A trial with an empty namespace is one that is known by its name alone: its entries are read and
    deleted with every trial of that name, and reading it reads all of that name.

    Args:
        place: a URL as ``postgresql://user:password@host/katib``, or a SQLite file.

    Raises:
        ConfigurationError: it is no such URL, or the driver is missing.
        SchemaError: a server's database is not of this version; ``katib db upgrade`` mends it.
        StoreUnavailableError: the database cannot be opened.
    """

    def __init__(self, place: str | Path) -> None:
        self._database = open_database(place)
        self._has_doubts = self._is_in_doubt = self._database.engine.name == "postgresql"
        # The writer's alone. Taking one from the pool costs more than an insertion.
        self._connection: Connection | None = None
        # Guards what follows, and wakes the writer.
        self._arrival = Condition()
        self._waiting = _Batch()
        self._writer: Thread | None = None
        self._is_closing = Event()

    def report(self, trial: Key, entries: Sequence[MetricEntry]) -> None:
        if entries:
            self.submit(trial, entries).result()

    def submit(self, trial: Key, entries: Sequence[MetricEntry]) -> Future[None]:
        """Begin a report of some entries and wait for nothing; what comes of it.

        Raises:
            EntryRefusedError: an entry cannot be kept; none will be.
        """
        rows = values_of(trial, storable(trial, entries))
        with self._arrival:
            if self._writer is None:
                self._writer = Thread(target=self._write_all, name="observations", daemon=True)
                self._writer.start()
            self._waiting.rows += rows
            self._waiting.reports += 1
            self._arrival.notify()
            return self._waiting.done

    def read(self, trial: Key, metric: str | None = None) -> Sequence[MetricEntry]:
        if self._is_in_doubt:
            self._settle()
        statement, parameters = reading(trial, metric)
        rows = self._database.run(
            lambda connection: connection.execute(statement, parameters).all()
        )
        return entries_of(rows, metric)

    def delete(self, trial: Key) -> None:
        self._database.run(lambda connection: connection.execute(DELETE, naming(trial)))

    def flush(self) -> None:
        """Nothing waits: what was reported is safe."""

    def delay(self, trial: Key) -> str:
        return ""

    def close(self) -> None:
        self._is_closing.set()
        with self._arrival:
            self._arrival.notify()
        if self._writer is not None:
            self._writer.join()
        self._database.close()

    def _settle(self) -> None:
        """Wait for what lost connections, those of a killed process too, still commit.

        Who was left without an answer reads to find out, and must not read before that.
        """
        self._is_in_doubt = False
        try:
            self._database.run(lambda connection: list(map(connection.execute, _SETTLE)))
        except BaseException:
            self._is_in_doubt = True
            raise

    def _write_all(self) -> None:
        while (batch := self._next_batch()) is not None:
            try:
                with self._database.translated():
                    self._write(batch.rows)
            except BaseException as error:
                # Whatever it is, it is its callers' to know; nobody else would tell them.
                batch.done.set_exception(error)
            else:
                batch.done.set_result(None)
            if batch.reports > 1 or self._waiting.rows:
                self._is_closing.wait(GATHERING)
        self._disconnect()

    def _next_batch(self) -> _Batch | None:
        """What waits, as soon as something does; ``None`` at the end."""
        with self._arrival:
            while not self._waiting.rows:
                if self._is_closing.is_set():
                    return None
                self._arrival.wait()
            batch, self._waiting = self._waiting, _Batch()
            return batch

    def _write(self, rows: list[Values]) -> None:
        try:
            try:
                self._connect().execute(INSERT, rows)
            except DBAPIError as error:
                # Nothing was committed, so it may be done again; a lost commit may not.
                if not error.connection_invalidated:
                    raise
                self._disconnect()
                self._connect().execute(INSERT, rows)
            self._connect().commit()
        except BaseException:
            self._disconnect()
            self._is_in_doubt = self._has_doubts
            raise

    def _connect(self) -> Connection:
        if self._connection is None:
            self._connection = self._database.engine.connect()
        return self._connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
