from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from katib.api.values import Key
from katib.errors import StoreUnavailableError
from katib.observations.sql import SqliteObservationLog
from katib.observations.sql import file as module
from katib.ports.observation_log import NO_TIME, MetricEntry
from katib.testing.observation_log_contract import TRIAL, entry, values

OTHER = Key("default", "trial-b")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "observations.db"


@pytest.fixture
def log(place: Path) -> Iterator[SqliteObservationLog]:
    log = SqliteObservationLog(place)
    yield log
    log.close()


def rows(place: Path) -> list[tuple[str, ...]]:
    connection = sqlite3.connect(place)
    try:
        return connection.execute(
            "SELECT namespace, trial_name, time, metric_name, value FROM observation_logs"
            " ORDER BY id"
        ).fetchall()
    finally:
        connection.close()


def execute(place: Path, statement: str) -> None:
    connection = sqlite3.connect(place)
    try:
        connection.execute(statement)
        connection.commit()
    finally:
        connection.close()


def test_rows_are_written_by_a_flush_and_not_before(log: SqliteObservationLog, place: Path) -> None:
    log.report(TRIAL, [entry("0.5", 0.25)])
    assert rows(place) == []
    log.flush()
    assert rows(place) == [("default", "trial-a", "2026-01-01 12:00:00.250000", "loss", "0.5")]


def test_a_new_log_of_the_same_file_reads_what_was_closed(place: Path) -> None:
    first = SqliteObservationLog(place)
    first.report(TRIAL, [entry("b", 2), entry("a", 1)])
    first.close()
    second = SqliteObservationLog(place)
    second.report(TRIAL, [entry("aa", 1)])
    second.report(OTHER, [entry("other")])
    assert values(second) == ["a", "aa", "b"]
    assert values(second, OTHER) == ["other"]
    second.close()
    third = SqliteObservationLog(place)
    assert values(third) == ["a", "aa", "b"]
    third.close()


def test_a_trial_that_was_never_stored_is_read_without_the_database(
    log: SqliteObservationLog, place: Path
) -> None:
    execute(place, "ALTER TABLE observation_logs RENAME TO hidden")
    log.report(TRIAL, [entry("b", 2), entry("a", 1)])
    assert values(log) == ["a", "b"]
    assert values(log, OTHER) == []
    log.delete(OTHER)
    with pytest.raises(StoreUnavailableError):
        log.delete(TRIAL)
    execute(place, "ALTER TABLE hidden RENAME TO observation_logs")
    assert values(log) == ["a", "b"]


def test_what_the_database_refused_is_written_once_by_a_later_flush(
    log: SqliteObservationLog, place: Path
) -> None:
    execute(place, "ALTER TABLE observation_logs RENAME TO hidden")
    log.report(TRIAL, [entry("1")])
    with pytest.raises(StoreUnavailableError, match="observation_logs") as caught:
        log.flush()
    assert caught.value.__cause__ is not None
    assert str(place) in str(caught.value)
    log.report(TRIAL, [entry("2")])
    log.report(OTHER, [entry("3")])
    with pytest.raises(StoreUnavailableError):
        log.flush()
    execute(place, "ALTER TABLE hidden RENAME TO observation_logs")
    log.flush()
    log.flush()
    assert [row[4] for row in rows(place)] == ["1", "2", "3"]
    assert values(log) == ["1", "2"]


def test_a_full_buffer_is_flushed_by_the_next_report(
    log: SqliteObservationLog, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BUFFERED_ROWS", 3)
    log.report(TRIAL, [entry("1"), entry("2"), entry("3")])
    assert rows(place) == []
    log.report(TRIAL, [entry("4")])
    assert [row[4] for row in rows(place)] == ["1", "2", "3"]
    assert values(log) == ["1", "2", "3", "4"]


def test_a_report_that_finds_a_full_buffer_and_no_database_takes_nothing(
    log: SqliteObservationLog, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BUFFERED_ROWS", 1)
    execute(place, "ALTER TABLE observation_logs RENAME TO hidden")
    log.report(TRIAL, [entry("1")])
    with pytest.raises(StoreUnavailableError):
        log.report(TRIAL, [entry("2")])
    execute(place, "ALTER TABLE hidden RENAME TO observation_logs")
    log.report(TRIAL, [entry("2")])
    assert values(log) == ["1", "2"]


def test_series_that_left_the_cache_are_still_read_whole(
    log: SqliteObservationLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CACHED_ENTRIES", 2)
    log.report(TRIAL, [entry("b", 2), entry("d", 4)])
    log.report(OTHER, [entry("x")])
    log.report(TRIAL, [entry("a", 1)])
    assert values(log) == ["a", "b", "d"]
    log.flush()
    log.report(TRIAL, [entry("c", 3)])
    assert values(log) == ["a", "b", "c", "d"]
    assert values(log, metric="other") == []
    assert values(log, OTHER) == ["x"]


def test_with_more_trials_than_are_remembered_reads_stay_exact(
    log: SqliteObservationLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REMEMBERED_TRIALS", 2)
    trials = [Key("default", f"trial-{number}") for number in range(5)]
    for _ in range(2):
        for number, trial in enumerate(trials):
            log.report(trial, [entry(str(number))])
        log.flush()
    assert [values(log, trial) for trial in trials] == [[str(n)] * 2 for n in range(5)]


def test_text_that_is_no_unicode_does_not_hold_up_the_rest(
    log: SqliteObservationLog, place: Path
) -> None:
    log.report(TRIAL, [entry("\ud800"), entry("1")])
    log.flush()
    assert [row[4] for row in rows(place)] == ["?", "1"]


def test_the_first_second_of_year_one_is_stored_so_that_it_sorts_first(
    log: SqliteObservationLog, place: Path
) -> None:
    log.report(TRIAL, [entry("late"), MetricEntry(NO_TIME, "loss", "early")])
    log.flush()
    assert [row[2] for row in rows(place)][1] == "0001-01-01 00:00:00.000000"
    assert values(log) == ["early", "late"]


def test_a_place_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailableError, match="nowhere"):
        SqliteObservationLog(tmp_path / "nowhere" / "observations.db")


def test_a_file_that_is_no_database_is_refused(place: Path) -> None:
    place.write_text("this is not a database, whatever its name says\n" * 100)
    with pytest.raises(StoreUnavailableError, match="not a database"):
        SqliteObservationLog(place)


def test_the_registry_does_not_load_sqlalchemy() -> None:
    code = (
        "import sys, katib.observations as room; room.OBSERVATION_LOGS.load('memory');"
        "sys.exit('sqlalchemy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_path_may_have_any_character(tmp_path: Path) -> None:
    place = tmp_path / "50% of what?#1.db"
    log = SqliteObservationLog(place)
    log.report(TRIAL, [entry("1")])
    log.close()
    assert [row[4] for row in rows(place)] == ["1"]


def test_a_file_that_somebody_writes_into_as_it_is_opened_is_waited_for(place: Path) -> None:
    # Of before the write-ahead log: the change to it does not wait by itself.
    other = sqlite3.connect(place, check_same_thread=False)
    other.execute("PRAGMA user_version=1")
    other.execute("BEGIN IMMEDIATE")
    other.execute("CREATE TABLE one (it)")
    ends = threading.Timer(0.2, other.rollback)
    ends.start()
    try:
        log = SqliteObservationLog(place)
        assert log.read(TRIAL) == []
        log.close()
    finally:
        ends.join()
        other.close()
