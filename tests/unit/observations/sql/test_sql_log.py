from __future__ import annotations

import sys
from collections.abc import Iterator
from threading import Barrier, Event, Thread

import pytest
from sqlalchemy import Connection
from sqlalchemy import event as sqlalchemy_event

from databases import DatabaseServer, MariaDB, Postgres, execute
from katib.api.values import Key
from katib.errors import ConfigurationError, EntryRefusedError, StoreUnavailableError
from katib.observations.sql import SqlObservationLog
from katib.observations.sql.preparing import prepare_database
from katib.observations.sql.schema import LONGEST_NAME, LONGEST_VALUE
from katib.ports.observation_log import MetricEntry
from katib.testing.observation_log_contract import NOON, TRIAL, entry, values

pytest_plugins = ("databases",)

OTHER = Key("default", "trial-b")


@pytest.fixture(params=["postgres", "mariadb"])
def url(request: pytest.FixtureRequest) -> str:
    server: DatabaseServer = request.getfixturevalue(request.param)
    url = server.create()
    prepare_database(url)
    return url


@pytest.fixture
def log(url: str) -> Iterator[SqlObservationLog]:
    log = SqlObservationLog(url)
    yield log
    log.close()


def test_a_report_is_there_for_other_processes_when_it_returns(
    log: SqlObservationLog, url: str
) -> None:
    log.report(TRIAL, [entry("1")])
    other = SqlObservationLog(url)
    assert values(other) == ["1"]
    other.report(TRIAL, [entry("2", 1)])
    assert values(log) == ["1", "2"]
    other.delete(TRIAL)
    assert values(log) == []
    other.close()


def test_any_text_is_a_value(log: SqlObservationLog) -> None:
    log.report(TRIAL, [entry("\U0001f600\x01 'quoted' %s :x \\"), entry("a\0b"), entry("\ud800")])
    assert values(log) == ["\U0001f600\x01 'quoted' %s :x \\", "a\N{REPLACEMENT CHARACTER}b", "?"]


def test_names_differ_by_case_and_by_accents(log: SqlObservationLog) -> None:
    for name in ("loss", "Loss", "l\u00f6ss", "loss "):
        log.report(TRIAL, [entry(name, name=name)])
    assert values(log, metric="loss") == ["loss"]
    assert values(log, metric="loss ") == ["loss "]


@pytest.mark.parametrize(
    "refused",
    [
        (TRIAL, entry("1", name="m" * (LONGEST_NAME + 1))),
        (TRIAL, entry("v" * (LONGEST_VALUE + 1))),
        (Key("default", "t" * (LONGEST_NAME + 1)), entry("1")),
    ],
    ids=["metric", "value", "trial"],
)
def test_what_is_too_long_is_refused_with_all_of_its_report(
    refused: tuple[Key, MetricEntry], log: SqlObservationLog
) -> None:
    trial, long = refused
    with pytest.raises(EntryRefusedError, match=r"has \d+ characters; at most \d+ are kept"):
        log.report(trial, [entry("1"), long])
    assert values(log, trial) == []


def test_the_longest_names_and_values_are_kept(log: SqlObservationLog) -> None:
    trial = Key("\u00fc" * LONGEST_NAME, "\U0001f600" * LONGEST_NAME)
    long = MetricEntry(NOON, "\U0001f600" * LONGEST_NAME, "\U0001f600" * LONGEST_VALUE)
    log.report(trial, [long])
    assert log.read(trial, long.name) == [long]


def test_a_report_may_be_large(log: SqlObservationLog) -> None:
    log.report(TRIAL, [entry(str(number)) for number in range(20_000)])
    assert values(log) == [str(number) for number in range(20_000)]


def test_those_that_report_at_once_share_a_transaction(log: SqlObservationLog) -> None:
    """While one is being committed the others gather; they are committed together."""
    is_held, may_commit, commits = Event(), Event(), []

    def hold(connection: Connection) -> None:
        commits.append(1)
        is_held.set()
        assert may_commit.wait(60)

    sqlalchemy_event.listen(log._database.engine, "commit", hold)
    first = Thread(target=log.report, args=(TRIAL, [entry("first")]))
    first.start()
    assert is_held.wait(60)
    rest = [Thread(target=log.report, args=(OTHER, [entry(str(n))])) for n in range(10)]
    for one in rest:
        one.start()
    while len(log._waiting.rows) < 10:
        assert all(one.is_alive() for one in rest)
    may_commit.set()
    for one in [first, *rest]:
        one.join()
    assert len(commits) == 2
    assert sorted(values(log, OTHER)) == sorted(map(str, range(10)))


def test_what_is_submitted_is_written_with_what_else_waits(log: SqlObservationLog) -> None:
    begun = log.submit(TRIAL, [entry("1")])
    # One that gives up takes nothing from those that wait for the same commit.
    assert not begun.cancel()
    log.report(TRIAL, [entry("2", 1)])
    assert begun.result(60) is None
    assert values(log) == ["1", "2"]


def test_what_cannot_be_kept_is_not_submitted(log: SqlObservationLog) -> None:
    with pytest.raises(EntryRefusedError, match="256 characters"):
        log.submit(TRIAL, [MetricEntry(NOON, "m" * (LONGEST_NAME + 1), "1")])
    assert values(log) == []


def test_when_the_database_refuses_every_caller_is_told_and_nothing_is_kept(
    log: SqlObservationLog, url: str
) -> None:
    execute(url, "ALTER TABLE observation_logs RENAME TO hidden")
    barrier, told = Barrier(5), []

    def report(number: int) -> None:
        barrier.wait()
        try:
            log.report(TRIAL, [entry(str(number))])
        except StoreUnavailableError as error:
            told.append(str(error))

    callers = [Thread(target=report, args=(number,)) for number in range(5)]
    for one in callers:
        one.start()
    for one in callers:
        one.join()
    assert len(told) == 5
    assert all("observation_logs" in one and "s3cret" not in one for one in told)
    execute(url, "ALTER TABLE hidden RENAME TO observation_logs")
    log.report(TRIAL, [entry("later")])
    assert values(log) == ["later"]


@pytest.mark.parametrize("kind", [Postgres, MariaDB])
def test_a_server_that_was_killed_is_used_again(kind: type[DatabaseServer]) -> None:
    with kind(is_durable=True) as server:
        url = server.create()
        prepare_database(url)
        log = SqlObservationLog(url)
        log.report(TRIAL, [entry("before")])
        assert values(log) == ["before"]
        server.kill()
        for attempt in (lambda: log.report(TRIAL, [entry("lost")]), lambda: values(log)):
            with pytest.raises(StoreUnavailableError):
                attempt()
        with pytest.raises(StoreUnavailableError):
            SqlObservationLog(url)
        server.start()
        assert values(log) == ["before"]
        log.report(TRIAL, [entry("after", 1)])
        assert values(log) == ["before", "after"]
        # Connections that nobody knows to be dead.
        server.kill()
        server.start()
        log.report(TRIAL, [entry("again", 2)])
        assert values(log) == ["before", "after", "again"]
        server.kill()
        server.start()
        assert values(log) == ["before", "after", "again"]
        log.delete(TRIAL)
        log.close()


URLS = {
    "nodatabase://user:s3cret@host/katib": "names no database",
    "s3cret": "names no database",
    "postgresql://user:s3cret@host:port/katib": "is no URL",
}


@pytest.mark.parametrize("url", URLS)
def test_a_url_that_is_none_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ConfigurationError, match=URLS[url]) as caught:
        SqlObservationLog(url)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "extra"),
    [("postgresql://host/katib", "katib[postgres]"), ("mysql://host/katib", "katib[mysql]")],
)
def test_a_missing_driver_is_told_with_the_extra_that_has_it(
    url: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("psycopg", "pymysql"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConfigurationError) as caught:
        SqlObservationLog(url)
    assert extra in str(caught.value)


def test_who_asks_what_became_of_a_report_waits_for_what_is_still_written(
    postgres: Postgres,
) -> None:
    url = postgres.create()
    prepare_database(url)
    # That of a process that was killed: the server may commit what it was sent last.
    dying = SqlObservationLog(url)
    is_written, may_commit = Event(), Event()

    def hold(connection: Connection) -> None:
        is_written.set()
        assert may_commit.wait(60)

    sqlalchemy_event.listen(dying._database.engine, "commit", hold)
    reporting = Thread(target=dying.report, args=(TRIAL, [entry("1")]))
    reporting.start()
    assert is_written.wait(60)

    log = SqlObservationLog(url)
    found: list[list[str]] = []
    reading = Thread(target=lambda: found.append(values(log)))
    reading.start()
    # It would have read by then, if it read.
    reading.join(0.5)
    assert found == []
    may_commit.set()
    reading.join(60)
    reporting.join(60)
    assert found == [["1"]]
    log.close()
    dying.close()
