from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from databases import DatabaseServer, execute, insert_as_katib
from katib.api.values import Key
from katib.errors import SchemaError
from katib.observations.sql import SqliteObservationLog, SqlObservationLog
from katib.observations.sql.database import Database
from katib.observations.sql.preparing import prepare_database, read_revision
from katib.observations.sql.schema import HEAD, METADATA
from katib.ports.observation_log import NO_TIME
from katib.testing.observation_log_contract import TRIAL, entry, values

pytest_plugins = ("databases",)

HERE, ELSEWHERE = Key("here", "tune-x"), Key("elsewhere", "tune-x")

#: The table of a home before there were migrations.
FORMER = """
CREATE TABLE observation_logs (
    id INTEGER NOT NULL, namespace VARCHAR(255) NOT NULL, trial_name VARCHAR(255) NOT NULL,
    time DATETIME NOT NULL, metric_name VARCHAR(255) NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX observation_logs_by_trial
    ON observation_logs (namespace, trial_name, metric_name, time, id);
INSERT INTO observation_logs (namespace, trial_name, time, metric_name, value)
    VALUES ('default', 'trial-a', '2026-01-01 12:00:00.250000', 'loss', '0.5');
"""


class Sqlite(DatabaseServer):
    """SQLite among the servers: a file for each database."""

    driver, name, prefix = "sqlite", "sqlite", "SQLITE"
    katibs_table = """CREATE TABLE observation_logs
        (trial_name VARCHAR(255) NOT NULL, id INTEGER PRIMARY KEY, time DATETIME,
        metric_name VARCHAR(255) NOT NULL, value TEXT NOT NULL)"""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def create(self) -> str:
        return f"sqlite:///{self.folder}/observations.db"

    def _needed(self) -> list[str]:
        return []

    def _install(self) -> None:
        pass

    def _line(self) -> list[str]:
        return []

    def _first(self) -> str:
        return ""


@pytest.fixture(params=["sqlite", "postgres", "mariadb"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> DatabaseServer:
    if request.param == "sqlite":
        return Sqlite(tmp_path)
    found: DatabaseServer = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def katibs(server: DatabaseServer) -> str:
    """A database that Kubeflow's Katib has made, with rows of one trial."""
    rows = [
        ("2026-01-01 12:00:00.250000", "loss", "0.5"),
        ("0001-01-01 00:00:00", "loss", "\u00fc"),
    ]
    return server.create_katibs(*(("tune-x", *row) for row in rows))


def opened(url: str) -> Iterator[SqlObservationLog]:
    log = SqlObservationLog(url)
    yield log
    log.close()


def differences(url: str) -> list[object]:
    database = Database(url)
    try:
        with database.engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            return list(compare_metadata(context, METADATA))
    finally:
        database.close()


def test_an_empty_database_gets_the_table(server: DatabaseServer) -> None:
    url = server.create()
    assert read_revision(url) == (None, False)
    assert prepare_database(url) is None
    assert prepare_database(url) == HEAD
    assert read_revision(url) == (HEAD, True)
    assert differences(url) == []
    log = SqlObservationLog(url)
    log.report(TRIAL, [entry("1")])
    assert values(log) == ["1"]
    log.close()


def test_a_table_of_katibs_is_taken_over_with_its_rows(server: DatabaseServer, katibs: str) -> None:
    assert prepare_database(katibs) is None
    assert read_revision(katibs) == (HEAD, True)
    if server.name != "sqlite":
        assert differences(katibs) == []
    log = SqlObservationLog(katibs)
    (first, second) = log.read(HERE)
    assert (first.time, first.value) == (NO_TIME, "\u00fc")
    assert (second.time.microsecond, second.value) == (250_000, "0.5")
    log.report(HERE, [entry("\N{SNOWMAN} \U0001f600")])
    assert values(log, HERE, "loss")[1:] == ["\N{SNOWMAN} \U0001f600", "0.5"]
    log.close()


def test_katib_goes_on_writing_into_a_table_that_was_taken_over(katibs: str) -> None:
    prepare_database(katibs)
    insert_as_katib(katibs, "tune-x", "2027-01-01 00:00:00", "loss", "late")
    for log in opened(katibs):
        assert values(log, HERE) == ["\u00fc", "0.5", "late"]


def test_rows_without_a_namespace_are_every_trials_of_that_name(katibs: str) -> None:
    prepare_database(katibs)
    for log in opened(katibs):
        log.report(HERE, [entry("here", 60)])
        log.report(ELSEWHERE, [entry("elsewhere", 120)])
        assert values(log, HERE) == ["\u00fc", "0.5", "here"]
        assert values(log, ELSEWHERE) == ["\u00fc", "0.5", "elsewhere"]
        assert values(log, Key("", "tune-x")) == ["\u00fc", "0.5", "here", "elsewhere"]
        log.delete(HERE)
        assert values(log, HERE) == []
        assert values(log, ELSEWHERE) == ["elsewhere"]


def test_who_knows_no_namespace_deletes_only_what_has_none(katibs: str) -> None:
    prepare_database(katibs)
    for log in opened(katibs):
        log.report(HERE, [entry("here")])
        log.report(Key("", "tune-x"), [entry("bare", 1)])
        log.delete(Key("", "tune-x"))
        assert values(log, Key("", "tune-x")) == ["here"]


def test_several_that_prepare_at_once_do_it_once(katibs: str) -> None:
    with ThreadPoolExecutor(4) as many:
        found = list(many.map(prepare_database, [katibs] * 4))
    assert sorted(map(str, found)) == [HEAD] * 3 + ["None"]


def test_what_a_killed_one_has_begun_is_brought_to_its_end(
    server: DatabaseServer, katibs: str
) -> None:
    execute(
        katibs, "ALTER TABLE observation_logs ADD COLUMN namespace VARCHAR(255) NOT NULL DEFAULT ''"
    )
    prepare_database(katibs)
    assert read_revision(katibs) == (HEAD, True)
    if server.name != "sqlite":
        assert differences(katibs) == []


@pytest.mark.parametrize("has_rows", [True, False])
@pytest.mark.parametrize("name", ["postgres", "mariadb"])
def test_a_servers_database_is_not_changed_without_being_asked(
    name: str, has_rows: bool, request: pytest.FixtureRequest
) -> None:
    server: DatabaseServer = request.getfixturevalue(name)
    url = server.create_katibs(("x", "2026-01-01", "loss", "1")) if has_rows else server.create()
    with pytest.raises(SchemaError, match="katib db upgrade"):
        SqlObservationLog(url)
    assert read_revision(url) == (None, has_rows)


def test_a_database_of_a_later_version_is_left_alone(server: DatabaseServer) -> None:
    url = server.create()
    prepare_database(url)
    execute(url, "UPDATE alembic_version SET version_num = '9999'")
    for attempt in (SqlObservationLog, prepare_database):
        with pytest.raises(SchemaError, match="later Katib"):
            attempt(url)


def test_a_home_of_before_is_brought_here_in_silence(tmp_path: Path) -> None:
    place = tmp_path / "observations.db"
    connection = sqlite3.connect(place)
    connection.executescript(FORMER)
    connection.close()
    log = SqliteObservationLog(place)
    assert values(log) == ["0.5"]
    log.report(TRIAL, [entry("1", 60)])
    log.close()
    url = f"sqlite:///{place}"
    assert read_revision(url) == (HEAD, True)
    names = execute(url, "SELECT name FROM sqlite_master WHERE type = 'index' AND name LIKE 'obs%'")
    assert names == [("observation_logs_of_trial",)]
    for shared in opened(url):
        assert values(shared) == ["0.5", "1"]


def test_alembic_is_loaded_by_those_who_migrate(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from katib.observations.sql import SqliteObservationLog as Log;"
        "place = pathlib.Path(sys.argv[1]); Log(place).close(); Log(place).close();"
        "sys.exit('alembic' in sys.modules)"
    )
    line = [sys.executable, "-c", code, str(tmp_path / "observations.db")]
    assert subprocess.run(line, check=False).returncode == 0
