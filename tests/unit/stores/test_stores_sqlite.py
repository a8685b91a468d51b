from __future__ import annotations

import resource
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest

from katib.api.kinds import JOBS
from katib.api.suggestion import SUGGESTIONS
from katib.api.values import Key, Strings
from katib.errors import NotFoundError, StoreUnavailableError
from katib.ports.resource_store import Event, Selector
from katib.stores.sqlite import SqliteReader, SqliteStore
from katib.testing.clocks import FakeClock
from katib.testing.resources import NAME, a_job, a_suggestion, asked, given, owned_by


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "katib.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(path, FakeClock())
    yield store
    store.close()


def after_a_crash(path: Path, name: str) -> SqliteStore:
    """What another engine finds when this one is killed now."""
    folder = path.parent / name
    folder.mkdir()
    for file in path.parent.glob("katib.db*"):
        shutil.copy(file, folder)
    return SqliteStore(folder / "katib.db", FakeClock())


@contextmanager
def full_disk(path: Path) -> Iterator[None]:
    """No file can grow beyond what the write-ahead log already is."""
    used = Path(f"{path}-wal").stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (max(used, 1), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_resources_are_the_same_after_reopening(path: Path) -> None:
    store = SqliteStore(path, FakeClock())
    owner = store.create(SUGGESTIONS, given(a_suggestion(labels=Strings(a="1")), 2))
    store.create(JOBS, a_job("child", finalizers=("x",), owner_references=owned_by(owner)))
    store.create(JOBS, a_job("other"))
    store.update(SUGGESTIONS, asked(owner, 7))
    before = [*store.list(SUGGESTIONS), *store.list(JOBS)]
    store.close()
    again = SqliteStore(path, FakeClock())
    assert [*again.list(SUGGESTIONS), *again.list(JOBS)] == before
    again.close()


def test_versions_go_on_after_reopening(path: Path) -> None:
    store = SqliteStore(path, FakeClock())
    store.create(SUGGESTIONS, a_suggestion("a"))
    store.create(SUGGESTIONS, a_suggestion("b"))
    store.delete(SUGGESTIONS, Key("default", "b"))
    newest = store.version
    store.close()
    again = SqliteStore(path, FakeClock())
    assert again.version == newest
    again.create(SUGGESTIONS, a_suggestion("c"))
    assert again.version == newest + 1
    again.close()


def test_owners_still_own_after_reopening(path: Path) -> None:
    store = SqliteStore(path, FakeClock())
    owner = store.create(SUGGESTIONS, a_suggestion())
    store.create(JOBS, a_job("child", owner_references=owned_by(owner)))
    store.close()
    again = SqliteStore(path, FakeClock())
    mine = again.list(JOBS, Selector(owner=owner.metadata.uid))
    assert [job.metadata.name for job in mine] == ["child"]
    again.delete(SUGGESTIONS, NAME)
    assert list(again.list(JOBS)) == []
    again.close()


def test_an_order_of_writing_survives_reopening(path: Path) -> None:
    store = SqliteStore(path, FakeClock())
    for name in ("a", "b", "c"):
        store.create(SUGGESTIONS, a_suggestion(name))
    store.update(SUGGESTIONS, asked(store.get(SUGGESTIONS, Key("default", "a")), 2))
    seen = store.version - 1
    store.close()
    again = SqliteStore(path, FakeClock())
    assert [one.metadata.name for one in again.list(SUGGESTIONS)] == ["b", "c", "a"]
    newer = again.list(SUGGESTIONS, Selector(since=seen))
    assert [one.metadata.name for one in newer] == ["a"]
    again.close()


def test_a_crash_keeps_what_was_flushed_and_nothing_else(store: SqliteStore, path: Path) -> None:
    one = store.create(SUGGESTIONS, a_suggestion("one"))
    store.create(SUGGESTIONS, a_suggestion("gone"))
    store.flush()
    flushed = store.version
    store.update(SUGGESTIONS, asked(one, 2))
    store.create(SUGGESTIONS, a_suggestion("late"))
    store.delete(SUGGESTIONS, Key("default", "gone"))

    before = after_a_crash(path, "before")
    assert before.version == flushed
    assert [each.metadata.name for each in before.list(SUGGESTIONS)] == ["one", "gone"]
    assert before.get(SUGGESTIONS, NAME) == one
    before.close()

    store.flush()
    after = after_a_crash(path, "after")
    assert after.version == store.version
    assert after.list(SUGGESTIONS) == store.list(SUGGESTIONS)
    after.close()


def test_a_full_disk_refuses_and_a_later_flush_writes_all(store: SqliteStore, path: Path) -> None:
    store.create(SUGGESTIONS, a_suggestion("kept"))
    store.create(SUGGESTIONS, a_suggestion("gone"))
    store.flush()
    heard: list[Event] = []
    store.subscribe(heard.append)
    store.create(SUGGESTIONS, a_suggestion("fresh"))
    store.delete(SUGGESTIONS, Key("default", "gone"))
    with full_disk(path):
        for _ in range(2):
            with pytest.raises(StoreUnavailableError, match=r"katib\.db.*free the disk"):
                store.flush()
        refused = after_a_crash_in_memory(path)
        store.create(SUGGESTIONS, a_suggestion("meanwhile"))
    assert refused == ["gone", "kept"]
    assert [event.key.name for event in heard] == ["fresh", "gone", "meanwhile"]
    store.flush()
    found = after_a_crash(path, "after")
    assert found.list(SUGGESTIONS) == store.list(SUGGESTIONS)
    assert found.version == store.version == 5
    found.close()


def after_a_crash_in_memory(path: Path) -> list[str]:
    """The names that another process reads, without writing a file."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    names = [row[0] for row in connection.execute("SELECT name FROM resources ORDER BY name")]
    connection.close()
    return names


def test_what_resources_speak_of_is_safe_before_them(path: Path) -> None:
    """What is written while the first is made safe may speak of more, so it must wait."""
    seen: list[int] = []

    def save_first() -> None:
        seen.append(len(SqliteReader(path).list(SUGGESTIONS)))
        opened.create(SUGGESTIONS, a_suggestion("late"))

    opened = SqliteStore(path, FakeClock(), save_first)
    opened.create(SUGGESTIONS, a_suggestion("early"))
    opened.flush()

    assert seen == [0]
    assert [one.metadata.name for one in SqliteReader(path).list(SUGGESTIONS)] == ["early"]


def test_nothing_is_written_when_the_first_cannot_be_made_safe(path: Path) -> None:
    answers = iter([StoreUnavailableError("metrics", "no space"), None])

    def save_first() -> None:
        answer = next(answers)
        if answer is not None:
            raise answer

    store = SqliteStore(path, FakeClock(), save_first)
    store.create(SUGGESTIONS, a_suggestion("one"))
    with pytest.raises(StoreUnavailableError, match="no space"):
        store.flush()
    assert SqliteReader(path).list(SUGGESTIONS) == []

    store.flush()
    assert len(SqliteReader(path).list(SUGGESTIONS)) == 1


def test_a_file_of_a_newer_katib_is_refused_and_left_alone(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version=99")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreUnavailableError, match=r"newer Katib wrote it \(format 99\); update"):
        SqliteStore(path, FakeClock())
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    path.write_text("not a database, but long enough to be looked at as one" * 20)
    with pytest.raises(StoreUnavailableError, match="not a database"):
        SqliteStore(path, FakeClock())


def test_a_missing_folder_is_refused(path: Path) -> None:
    with pytest.raises(StoreUnavailableError, match="unable to open"):
        SqliteStore(path.parent / "missing" / "katib.db", FakeClock())


def test_a_reader_sees_what_was_flushed(store: SqliteStore, path: Path) -> None:
    owner = store.create(SUGGESTIONS, a_suggestion(labels=Strings(a="1")))
    store.create(SUGGESTIONS, a_suggestion(namespace="other"))
    store.create(JOBS, a_job("child", owner_references=owned_by(owner)))
    store.flush()
    store.create(SUGGESTIONS, a_suggestion("later"))
    reader = SqliteReader(path)
    assert reader.get(SUGGESTIONS, NAME) == owner
    assert reader.find(SUGGESTIONS, Key("default", "later")) is None
    assert reader.list(SUGGESTIONS) == store.list(SUGGESTIONS)[:2]
    table = {
        "namespace": (Selector("other"), ["other"]),
        "label": (Selector(labels={"a": "1"}), ["default"]),
        "since": (Selector(since=1), ["other"]),
        "namespace and since": (Selector("default", since=1), []),
    }
    for case, (where, expected) in table.items():
        found = [one.metadata.namespace for one in reader.list(SUGGESTIONS, where)]
        assert found == expected, case
    mine = reader.list(JOBS, Selector(owner=owner.metadata.uid))
    assert [job.metadata.name for job in mine] == ["child"]
    store.flush()
    assert reader.find(SUGGESTIONS, Key("default", "later")) is not None
    reader.close()


def test_a_reader_names_what_was_perhaps_meant(store: SqliteStore, path: Path) -> None:
    store.create(SUGGESTIONS, a_suggestion("random"))
    store.flush()
    reader = SqliteReader(path)
    with pytest.raises(NotFoundError, match=r'"randon" not found.*did you mean "random"'):
        reader.get(SUGGESTIONS, Key("default", "randon"))
    reader.close()


def test_a_generation_differs_after_a_change_only(store: SqliteStore, path: Path) -> None:
    one = store.create(SUGGESTIONS, a_suggestion())
    store.flush()
    reader = SqliteReader(path)
    first = reader.generation()
    reader.list(SUGGESTIONS)
    store.flush()
    assert reader.generation() == first
    store.update(SUGGESTIONS, asked(one, 2))
    assert reader.generation() == first
    store.flush()
    assert reader.generation() != first
    reader.close()


def test_a_reader_never_sees_half_a_flush(store: SqliteStore, path: Path) -> None:
    for name in ("a", "b"):
        store.create(SUGGESTIONS, a_suggestion(name, requests=0))
    store.flush()

    def write() -> None:
        for _ in range(100):
            for one in store.list(SUGGESTIONS):
                store.update(SUGGESTIONS, asked(one, one.spec.requests + 1))
            store.flush()

    writer = Thread(target=write)
    reader = SqliteReader(path)
    writer.start()
    looks = 0
    while writer.is_alive() or looks == 0:
        assert len({one.spec.requests for one in reader.list(SUGGESTIONS)}) == 1
        looks += 1
    writer.join()
    assert {one.spec.requests for one in reader.list(SUGGESTIONS)} == {100}
    reader.close()


@pytest.mark.parametrize("name", ["missing/katib.db", "katib.db"])
def test_a_reader_says_that_there_is_nothing_to_read(tmp_path: Path, name: str) -> None:
    with pytest.raises(StoreUnavailableError, match=r"katib\.db"):
        SqliteReader(tmp_path / name).list(SUGGESTIONS)
