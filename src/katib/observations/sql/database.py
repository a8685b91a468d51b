"""A database: opened, asked, and its errors in our words."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from katib.errors import ConfigurationError, StoreUnavailableError

Result = TypeVar("Result")

#: How long a server may take to let us in, and to answer, in seconds.
LONGEST_GREETING, LONGEST_ANSWER = 5, 60
#: How long another process may write into a SQLite file meanwhile, in seconds.
LONGEST_TURN = 30

_SQLITE, _POSTGRES, _MYSQL = "sqlite", "postgres", "mysql"
#: How users write the beginning of a URL → the database, and how SQLAlchemy writes it.
_KINDS = {
    "sqlite": (_SQLITE, "sqlite"),
    "postgresql": (_POSTGRES, "postgresql+psycopg"),
    "postgresql+psycopg": (_POSTGRES, "postgresql+psycopg"),
    "postgres": (_POSTGRES, "postgresql+psycopg"),
    "mysql": (_MYSQL, "mysql+pymysql"),
    "mysql+pymysql": (_MYSQL, "mysql+pymysql"),
    "mariadb": (_MYSQL, "mysql+pymysql"),
    "mariadb+pymysql": (_MYSQL, "mysql+pymysql"),
}
_ARGUMENTS: Mapping[str, Mapping[str, Any]] = {
    # One thread at a time has a connection, but not always the one that opened it.
    _SQLITE: {"timeout": LONGEST_TURN, "check_same_thread": False},
    _POSTGRES: {"connect_timeout": LONGEST_GREETING},
    _MYSQL: {"connect_timeout": LONGEST_GREETING, "charset": "utf8mb4"},
}
_PATIENCE: Mapping[str, Mapping[str, Any]] = {
    _SQLITE: {},
    _POSTGRES: {"tcp_user_timeout": LONGEST_ANSWER * 1000},
    _MYSQL: {"read_timeout": LONGEST_ANSWER, "write_timeout": LONGEST_ANSWER},
}
_EXAMPLES = (
    "sqlite:////path/observations.db, postgresql://user@host/katib or mysql://user@host/katib"
)


class Database:
    """Where observation logs are; nothing is opened before it is used.

    Args:
        place: a SQLite file, or a URL as ``postgresql://user:password@host:5432/katib``.
        answers_soon: whether a server that takes long to answer is given up.
        options: of SQLAlchemy's ``create_engine``.

    Attributes:
        engine: SQLAlchemy's.
        place: the URL for people, without its password.

    Raises:
        ConfigurationError: it is no URL of a database that we know, or the driver is missing.
    """

    def __init__(self, place: str | Path, answers_soon: bool = True, **options: Any) -> None:
        kind, address = _read(place)
        shown = address.set(drivername=address.get_backend_name())
        self.place = shown.render_as_string(hide_password=True)
        self.is_file = kind == _SQLITE
        arguments = {**_ARGUMENTS[kind], **(_PATIENCE[kind] if answers_soon else {})}
        try:
            self.engine: Engine = create_engine(address, connect_args=arguments, **options)
        except ImportError as error:
            raise ConfigurationError(
                f"{self.place} needs a driver that is not installed ({error.name}): "
                f"pip install 'katib[{kind}]'"
            ) from error
        if self.is_file:
            event.listen(self.engine, "connect", _set_pragmas)

    def run(self, action: Callable[[Connection], Result]) -> Result:
        """Do something in a transaction of its own, once more when the connection was lost.

        Args:
            action: may be done twice without harm.

        Raises:
            StoreUnavailableError: the database refuses.
        """
        with self.translated():
            try:
                with self.engine.begin() as connection:
                    return action(connection)
            except DBAPIError as error:
                if not error.connection_invalidated:
                    raise
            # One that was lost while nobody used it: the pool has now dropped all of its age.
            with self.engine.begin() as connection:
                return action(connection)

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Turn SQLAlchemy's errors into ours."""
        try:
            yield
        except SQLAlchemyError as error:
            problem = " ".join(str(getattr(error, "orig", None) or error).split())
            raise StoreUnavailableError(self.place, problem) from error

    def close(self) -> None:
        """Release what is open."""
        self.engine.dispose()


def _read(place: str | Path) -> tuple[str, URL]:
    """What kind of database it is, and its URL as SQLAlchemy needs it."""
    if isinstance(place, Path):
        return _SQLITE, URL.create("sqlite", database=str(place))
    scheme, mark, _ = place.partition("://")
    if not mark or scheme not in _KINDS:
        # Not the whole URL: it may hold a password.
        shown = f"{scheme}://…" if mark else "this"
        raise ConfigurationError(f"{shown} names no database for observation logs: {_EXAMPLES}")
    kind, driver = _KINDS[scheme]
    try:
        return kind, make_url(place).set(drivername=driver)
    except (SQLAlchemyError, ValueError) as error:
        raise ConfigurationError(f"{scheme}://… is no URL of a database: {_EXAMPLES}") from error


def _set_pragmas(connection: sqlite3.Connection, _: ConnectionPoolEntry) -> None:
    # With a write-ahead log, NORMAL is safe from a crash of the process, and a commit waits for no
    # disk.
    _begin_write_ahead(connection)
    connection.execute("PRAGMA synchronous=NORMAL")


def _begin_write_ahead(connection: sqlite3.Connection) -> None:
    """Use a write-ahead log, as soon as nobody else is doing the same."""
    deadline = time.monotonic() + LONGEST_TURN
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            # For this change alone, SQLite does not wait its time for others.
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline:
                raise
            time.sleep(0.01)
