from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from katib.api.codec import encode
from katib.api.suggestion import SUGGESTIONS, Suggestion, SuggestionStatus, TrialAssignment
from katib.api.values import NameValue
from katib.errors import StoreUnavailableError
from katib.stores.sqlite import SqliteReader, SqliteStore
from katib.testing.clocks import FakeClock
from katib.testing.resources import NAME, a_suggestion

Names = Sequence[int]

LISTS: dict[str, Sequence[Names]] = {
    "grows": ([], [1], [1, 2, 3], [1, 2, 3, 4]),
    "loses its front as it grows": ([1, 2, 3], [2, 3, 4], [4, 5], [5, 6, 7]),
    "loses its front only": ([1, 2, 3], [2, 3], [3]),
    "loses its end": ([1, 2, 3], [1, 2], [1]),
    "loses its middle": ([1, 2, 3, 4], [1, 4]),
    "becomes another": ([1, 2, 3], [4, 5], [3, 4]),
    "is turned round": ([1, 2, 3], [3, 2, 1]),
    "becomes empty and is filled again": ([1, 2], [], [1, 2], []),
    "has twins": ([1, 1, 2], [1, 2, 1], [2, 1, 1]),
    "stays": ([1, 2], [1, 2]),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "katib.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    with closing(SqliteStore(path, FakeClock())) as store:
        yield store


def with_list(suggestion: Suggestion, names: Names) -> Suggestion:
    assignments = tuple(
        TrialAssignment(
            name=f"trial-{name}", parameter_assignments=(NameValue(name="x", value=""),)
        )
        for name in names
    )
    # Something else changes too: a list that stays would else not be written.
    settings = (NameValue(name="told", value=str(suggestion.metadata.resource_version)),)
    return replace(
        suggestion, status=SuggestionStatus(suggestions=assignments, algorithm_settings=settings)
    )


def write(store: SqliteStore, names: Names) -> Suggestion:
    written = store.update_status(SUGGESTIONS, with_list(store.get(SUGGESTIONS, NAME), names))
    store.flush()
    return written


def count_rows(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        count: int = connection.execute("SELECT count(*) FROM assignments").fetchone()[0]
    return count


def is_whole(path: Path, expected: Suggestion) -> bool:
    """Whether another process reads it from the file, and the next engine does."""
    with closing(SqliteReader(path)) as reader:
        read = [reader.get(SUGGESTIONS, NAME), *reader.list(SUGGESTIONS)]
    with closing(SqliteStore(path, FakeClock())) as again:
        return read == [expected] * 2 and again.list(SUGGESTIONS) == [expected]


@pytest.mark.parametrize("case", LISTS)
def test_a_list_that(case: str, store: SqliteStore, path: Path) -> None:
    store.create(SUGGESTIONS, a_suggestion())
    for names in LISTS[case]:
        written = write(store, names)
        assert is_whole(path, written), names
        assert count_rows(path) == len(names)


@given(lists=st.lists(st.lists(st.integers(0, 3), max_size=5), max_size=6))
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_list_is_read_as_it_was_written(
    lists: Sequence[Names], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("lists") / "katib.db"
    with closing(SqliteStore(path, FakeClock())) as store:
        store.create(SUGGESTIONS, a_suggestion())
        for names in lists:
            assert is_whole(path, write(store, names))


def test_only_what_was_added_is_written(store: SqliteStore, path: Path) -> None:
    store.create(SUGGESTIONS, a_suggestion())
    write(store, range(100))
    with closing(sqlite3.connect(path)) as other:
        other.executescript(
            "CREATE TABLE written (number INTEGER);"
            "CREATE TRIGGER added AFTER INSERT ON assignments "
            "BEGIN INSERT INTO written VALUES (new.number); END;"
            "CREATE TRIGGER dropped AFTER DELETE ON assignments "
            "BEGIN INSERT INTO written VALUES (-old.number); END;"
        )
        write(store, range(2, 101))
        written = other.execute("SELECT number FROM written ORDER BY number").fetchall()
    assert written == [(-1,), (0,), (100,)]


def test_a_list_goes_with_its_suggestion(store: SqliteStore, path: Path) -> None:
    store.create(SUGGESTIONS, a_suggestion())
    write(store, [1, 2])
    store.delete(SUGGESTIONS, NAME)
    store.create(SUGGESTIONS, a_suggestion())
    assert is_whole(path, write(store, [2, 3]))
    store.delete(SUGGESTIONS, NAME)
    store.flush()
    assert count_rows(path) == 0


def test_a_list_is_whole_after_a_flush_that_failed(store: SqliteStore, path: Path) -> None:
    store.create(SUGGESTIONS, a_suggestion())
    before = write(store, [1, 2])
    with closing(sqlite3.connect(path)) as other:
        refuse = "BEGIN SELECT RAISE(ABORT, 'no more'); END"
        other.execute(f"CREATE TRIGGER refuse BEFORE INSERT ON counters {refuse}")
        with pytest.raises(StoreUnavailableError, match="no more"):
            write(store, [2, 3])
        assert is_whole(path, before)
        other.execute("DROP TRIGGER refuse")
    assert is_whole(path, write(store, [3, 4]))


def test_a_file_without_lists_of_their_own_is_read_and_brought_forward(path: Path) -> None:
    """As format 1 has it: the text is all."""
    with closing(SqliteStore(path, FakeClock())) as store:
        store.create(SUGGESTIONS, a_suggestion())
        old = write(store, [1, 2, 3])
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("DROP TABLE assignments")
        other.execute("UPDATE resources SET data=?", (encode(old),))
        other.execute("PRAGMA user_version=1")
    with closing(SqliteReader(path)) as reader:
        assert reader.list(SUGGESTIONS) == [old]
    with closing(SqliteStore(path, FakeClock())) as store:
        assert store.list(SUGGESTIONS) == [old]
        assert is_whole(path, old)
        assert is_whole(path, write(store, [2, 3, 4]))
        assert count_rows(path) == 3
