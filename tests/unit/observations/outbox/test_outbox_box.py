from __future__ import annotations

import errno
import os
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import patch

import pytest

from katib.errors import StoreUnavailableError
from katib.observations.outbox.box import Box
from katib.ports.observation_log import NO_TIME, MetricEntry

NOON = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)


def entry(value: str) -> MetricEntry:
    return MetricEntry(NOON, "loss", value)


def entries(*values: str) -> list[MetricEntry]:
    return [entry(value) for value in values]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "team-a" / "trial.reports"


def test_there_is_no_file_until_something_waits(path: Path) -> None:
    box = Box(str(path))
    assert box.is_done
    assert box.next(10) == []
    assert not path.exists()


def test_what_is_put_in_is_there_again_after_a_crash(path: Path) -> None:
    given = [MetricEntry(NO_TIME, "loss", "nan"), entry("1"), MetricEntry(NOON, "ü", "a\nb\0")]
    box = Box(str(path))
    box.put(given)
    box.put(entries("2"))
    again = Box(str(path))
    assert again.next(10) == [*given, entry("2")]
    assert again.waiting == 4
    assert again.mark is None


def test_half_a_character_is_replaced(path: Path) -> None:
    box = Box(str(path))
    box.put(entries("a\udc80"))
    assert Box(str(path)).next(1) == entries("a?")


def test_a_mark_divides_a_report(path: Path) -> None:
    box = Box(str(path))
    box.put(entries("1", "2", "3"))
    box.put(entries("4", "5"))
    box.note(stored=7, done=2, sending=2)
    assert box.next(2) == entries("3", "4")
    again = Box(str(path))
    assert again.mark == box.mark
    assert again.waiting == 3
    assert again.next(9) == entries("3", "4", "5")
    again.note(stored=10, done=3)
    assert again.is_done
    assert Box(str(path)).is_done


def test_a_large_report_is_read_in_parts(path: Path) -> None:
    given = entries(*map(str, range(2500)))
    box = Box(str(path))
    box.put(given)
    found: list[MetricEntry] = []
    while part := box.next(700):
        found += part
        box.note(len(found), len(part))
    assert found == given


def test_a_torn_end_is_cut_off_and_written_over(path: Path) -> None:
    box = Box(str(path))
    box.put(entries("1"))
    whole = path.read_bytes()
    box.put(entries("2"))
    longer = path.read_bytes()
    for length in range(len(whole), len(longer)):
        path.write_bytes(longer[:length])
        again = Box(str(path))
        assert again.next(9) == entries("1")
        again.put(entries("3"))
        assert Box(str(path)).next(9) == entries("1", "3")


def test_what_is_damaged_is_not_taken_for_a_report(path: Path) -> None:
    box = Box(str(path))
    box.put(entries("1"))
    path.write_bytes(path.read_bytes().replace(b'"1"', b'"7"'))
    assert Box(str(path)).is_done


def test_forgetting_drops_what_waits(path: Path) -> None:
    box = Box(str(path))
    box.put(entries("1"))
    box.forget()
    box.put(entries("2"))
    for one in (box, Box(str(path))):
        assert one.is_to_forget
        assert one.next(9) == entries("2")
    box.note(stored=0)
    for one in (box, Box(str(path))):
        assert not one.is_to_forget
        assert one.next(9) == entries("2")


def test_an_empty_box_has_no_file_and_knows_what_is_stored(path: Path) -> None:
    box = Box(str(path))
    box.put(entries("1"))
    box.note(stored=0, sending=1)
    box.note(stored=1, done=1)
    box.empty()
    assert not path.exists()
    box.put(entries("2"))
    assert box.next(9) == entries("2")
    assert box.mark is not None
    assert box.mark.stored == 1
    # Nothing of this file was sent, so the next process asks.
    assert Box(str(path)).mark is None


def test_a_full_disk_takes_nothing_and_harms_nothing(path: Path) -> None:
    box = Box(str(path))
    box.put(entries("1"))
    write = os.pwrite

    def half(file: int, data: bytes, at: int) -> int:
        return write(file, data[: len(data) // 2], at)

    with patch("os.pwrite", half), pytest.raises(StoreUnavailableError) as caught:
        box.put(entries("2"))
    assert os.strerror(errno.ENOSPC) in str(caught.value)
    assert str(path) in str(caught.value)
    box.put(entries("3"))
    assert Box(str(path)).next(9) == entries("1", "3")


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    box = Box(str(tmp_path / "other" / "trial.reports"))
    (tmp_path / "other").touch()
    with pytest.raises(StoreUnavailableError, match=r"trial\.reports"):
        box.put(entries("1"))
    with pytest.raises(StoreUnavailableError, match=r"trial\.reports"):
        box.forget()
    with pytest.raises(StoreUnavailableError, match="Not a directory"):
        Box(str(tmp_path / "file" / "trial.reports"))
    assert box.is_done
