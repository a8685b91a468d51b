"""Whether a database has the table that this version needs, and how it gets it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, inspect, text

from katib.errors import SchemaError
from katib.observations.sql.database import Database
from katib.observations.sql.schema import HEAD, LOGS, METADATA, REVISION, VERSIONS

#: How long one that prepares waits for another that does, in seconds.
LONGEST_PREPARATION = 3_600

# By which they know each other. What they hold is given up when their connection ends.
_TURNS = {
    "postgresql": ("SELECT pg_advisory_lock(7305671912)", "SELECT pg_advisory_unlock(7305671912)"),
    "mysql": (
        f"SELECT GET_LOCK('katib.observation_logs', {LONGEST_PREPARATION})",
        "SELECT RELEASE_LOCK('katib.observation_logs')",
    ),
    "sqlite": ("BEGIN IMMEDIATE", ""),
}


def open_database(place: str | Path, **options: Any) -> Database:
    """The database of a URL, or a SQLite file, ready to be used.

    A file is brought to this version in silence. A server's database is not: others may use it.

    Raises:
        ConfigurationError: it is no such URL, or the driver is missing.
        SchemaError: it is not of this version, and no file or of a later one.
        StoreUnavailableError: it cannot be opened.
    """
    database = Database(place, **options)
    try:
        revision = database.run(find_revision)
        if revision != HEAD:
            if not database.is_file:
                raise SchemaError(database.place, revision, HEAD)
            prepare(database)
    except BaseException:
        database.close()
        raise
    return database


def prepare_database(url: str) -> str | None:
    """Give a database the table of this version, with all that is in an older one.

    It may be done by several programs at once, and again after one that was killed.

    Returns:
        The revision that it had; ``None`` when it did not say.

    Raises:
        ConfigurationError: it is no such URL, or the driver is missing.
        SchemaError: it is of a later version.
        StoreUnavailableError: the database refuses.
    """
    database = Database(url, answers_soon=False)
    try:
        return prepare(database)
    finally:
        database.close()


def read_revision(url: str) -> tuple[str | None, bool]:
    """The revision that a database says it has, and whether it has a table of observation logs.

    Raises:
        ConfigurationError: it is no such URL, or the driver is missing.
        StoreUnavailableError: the database refuses.
    """
    database = Database(url)
    try:
        return database.run(find_revision), database.run(_has_logs)
    finally:
        database.close()


def find_revision(connection: Connection) -> str | None:
    """The revision that the database says it has; ``None`` when it says nothing."""
    if not inspect(connection).has_table(VERSIONS.name):
        return None
    return connection.execute(REVISION).scalar()


def prepare(database: Database) -> str | None:
    """As :func:`prepare_database`, where the database is open."""
    with database.translated(), database.engine.connect() as connection, _turn(connection):
        revision = find_revision(connection)
        if revision == HEAD:
            return revision
        if revision is not None and revision > HEAD:
            raise SchemaError(database.place, revision, HEAD)
        if _has_logs(connection):
            # Loaded by those who have something to migrate.
            from katib.observations.sql.migrations import migrate

            migrate(connection)
        else:
            METADATA.create_all(connection)
            connection.execute(VERSIONS.insert().values(version_num=HEAD))
        connection.commit()
        return revision


def _has_logs(connection: Connection) -> bool:
    return inspect(connection).has_table(LOGS.name)


@contextmanager
def _turn(connection: Connection) -> Iterator[None]:
    """Wait until nobody else prepares this database, and keep others waiting."""
    take, give = _TURNS[connection.dialect.name]
    connection.execute(text(take))
    yield
    if give:
        connection.execute(text(give))
        connection.commit()
