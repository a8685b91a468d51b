from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from katib.apps.home import Home
from katib.apps.server_record import (
    ServerRecord,
    find_server,
    record_path,
    remove_record,
    write_record,
)
from katib.errors import StoreUnavailableError

RECORD = ServerRecord(
    pid=os.getpid(),
    address="https://127.0.0.1:7443",
    started=datetime(2026, 5, 1, tzinfo=UTC),
    directory="/somewhere",
)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_a_server_is_found_while_it_holds_the_home(home: Home) -> None:
    lock = home.lock()
    write_record(home, RECORD)
    assert find_server(home) == RECORD
    lock.release()
    assert find_server(home) is None


def test_looking_for_a_server_leaves_the_home_free(home: Home) -> None:
    home.lock().release()
    write_record(home, RECORD)
    assert find_server(home) is None
    home.lock().release()


def killed(home: Home) -> None:
    """A server that is killed leaves the record and the lock's file, and no lock."""
    lock = home.lock()
    text = (home.path / "lock").read_text()
    lock.release()
    (home.path / "lock").write_text(text)
    write_record(home, RECORD)


def followed_by_another_engine(home: Home) -> None:
    home.lock()
    write_record(home, replace(RECORD, pid=1))


def damaged(home: Home) -> None:
    home.lock()
    record_path(home).write_text('{"pid": "x"}')


def removed(home: Home) -> None:
    home.lock()
    write_record(home, RECORD)
    remove_record(home)


LEFT: dict[str, Callable[[Home], None]] = {
    "nothing was ever there": lambda home: None,
    "the server was killed": killed,
    "another engine works there now": followed_by_another_engine,
    "the record is damaged": damaged,
    "the server has taken its record back": removed,
}


@pytest.mark.parametrize("case", LEFT)
def test_no_server_is_found_when(case: str, home: Home) -> None:
    LEFT[case](home)
    assert find_server(home) is None


def test_a_record_may_be_removed_twice(home: Home) -> None:
    remove_record(home)
    remove_record(home)
    assert list(home.path.iterdir()) == []


def test_a_record_that_cannot_be_kept_is_told(home: Home) -> None:
    record_path(home).mkdir()
    with pytest.raises(StoreUnavailableError, match=r"server\.json"):
        write_record(home, RECORD)
