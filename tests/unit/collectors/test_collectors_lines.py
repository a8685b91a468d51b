from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from katib.collectors.lines import CHUNK_BYTES, Lines


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def rest(lines: Lines) -> str:
    """All that further calls give; fails when they come to no end."""
    found = b""
    for _ in range(100):
        data, is_caught_up = lines.read(True)
        found += data
        if is_caught_up:
            return found.decode()
    raise AssertionError("the file comes to no end")


def test_a_file_that_was_truncated_and_grew_beyond_its_place_is_read_anew(log: Path) -> None:
    log.write_text("loss=1\n")
    lines = Lines(log)
    lines.read(False)
    log.write_text("loss=2\nloss=3\nloss=4\n")
    assert rest(lines) == "loss=2\nloss=3\nloss=4\n"


def test_a_file_that_was_replaced_by_one_that_begins_alike_is_read_on(log: Path) -> None:
    log.write_text("loss=1\n")
    lines = Lines(log)
    lines.read(False)
    other = log.with_name("new")
    other.write_text("loss=1\nloss=2\n")
    other.replace(log)
    assert rest(lines) == "loss=2\n"


def test_a_rotated_file_is_read_to_its_end_first(log: Path) -> None:
    log.write_text("loss=1\n")
    lines = Lines(log)
    assert lines.read(False) == (b"loss=1\n", True)
    append(log, "loss=2\nloss=3")
    log.rename(log.with_name("log.1"))
    log.write_text("loss=4\n")
    assert lines.read(False) == (b"loss=2\nloss=3", False)
    assert lines.read(False) == (b"loss=4\n", True)


def test_a_rotated_file_of_which_no_line_was_read_is_read_too(log: Path) -> None:
    log.write_text("loss=1")
    lines = Lines(log)
    assert lines.read(False) == (b"", True)
    log.rename(log.with_name("log.1"))
    log.write_text("loss=2\n")
    assert lines.read(False) == (b"loss=1", False)
    assert rest(lines) == "loss=2\n"


def rotate(log: Path) -> None:
    """As Python's ``RotatingFileHandler`` does, and logrotate."""
    rotated = sorted(log.parent.glob("log.*"), key=lambda path: -int(path.suffix[1:]))
    for path in rotated:
        path.rename(log.with_name(f"log.{int(path.suffix[1:]) + 1}"))
    log.rename(log.with_name("log.1"))


@pytest.mark.parametrize("times", [1, 2, 3, 12])
@pytest.mark.parametrize("is_over", [True, False])
def test_files_that_were_rotated_between_two_reads_are_all_read(
    times: int, is_over: bool, log: Path
) -> None:
    log.write_text("older\n")
    rotate(log)
    log.write_text("loss=0\n")
    lines = Lines(log)
    assert lines.read(False) == (b"loss=0\n", True)
    append(log, "more\n")
    for number in range(1, times + 1):
        rotate(log)
        log.write_text(f"loss={number}\n")
    if is_over:
        rotate(log)
    expected = ["more", *(f"loss={number}" for number in range(1, times + 1))]
    assert rest(lines).splitlines() == expected
    append(log, "last\n")
    assert rest(lines) == "last\n"


def test_where_numbers_grow_with_time_nothing_is_read_twice(log: Path) -> None:
    older = log.with_name("log.1")
    older.write_text("loss=1\n")
    os.utime(older, (1, 1))
    log.write_text("loss=2\n")
    lines = Lines(log)
    lines.read(False)
    append(log, "loss=3\n")
    log.rename(log.with_name("log.2"))
    log.write_text("loss=4\n")
    assert rest(lines).splitlines() == ["loss=3", "loss=4"]


@pytest.mark.parametrize("next_file", [None, ""])
def test_what_is_written_after_the_renaming_counts(log: Path, next_file: str | None) -> None:
    log.write_text("loss=1\n")
    lines = Lines(log)
    lines.read(False)
    old = log.rename(log.with_name("log.1"))
    if next_file is not None:
        log.write_text(next_file)
    assert lines.read(False) == (b"", True)
    append(old, "loss=2\n")
    assert lines.read(False) == (b"loss=2\n", True)
    append(log, "loss=3\n")
    assert rest(lines) == "loss=3\n"


def test_a_file_that_went_and_came_anew_is_read_from_its_beginning(log: Path) -> None:
    log.write_text("loss=1\n")
    lines = Lines(log)
    lines.read(False)
    log.unlink()
    assert lines.read(False) == (b"", True)
    log.write_text("loss=2\nloss=3\n")
    assert rest(lines) == "loss=2\nloss=3\n"


def test_a_sparse_file_whose_writer_did_not_notice_the_truncation_is_read_on(log: Path) -> None:
    with log.open("wb", buffering=0) as file:
        file.write(b"loss=1\n")
        lines = Lines(log)
        lines.read(False)
        os.truncate(log, 0)
        file.write(b"loss=2\n")
        assert rest(lines).strip("\0") == "loss=2\n"


PARTS = st.lists(st.sampled_from(["loss=1", "\n", "\r", "\r\n", " ", "é", "acc=0.5 loss=3"]))


@given(parts=PARTS, cuts=st.lists(st.booleans()))
def test_whatever_is_appended_and_whenever_is_read_once_and_in_order(
    parts: list[str], cuts: list[bool], tmp_path_factory: pytest.TempPathFactory
) -> None:
    log = tmp_path_factory.mktemp("lines") / "log"
    lines, found, reads = Lines(log), b"", iter(cuts)
    for part in parts:
        append(log, part)
        if next(reads, False):
            data, _ = lines.read(False)
            assert not data or data.endswith((b"\n", b"\r"))
            found += data
    assert (found.decode() + rest(lines)) == "".join(parts)


def test_a_file_of_a_hundred_megabytes_takes_a_chunk_of_memory_at_a_time(log: Path) -> None:
    with log.open("wb") as file:
        file.truncate(100 << 20)
        file.seek(100 << 20)
        file.write(b"\nloss=1")
    lines = Lines(log)
    sizes = list(_sizes(lines))
    assert max(sizes) <= CHUNK_BYTES
    assert sum(sizes) == log.stat().st_size


def _sizes(lines: Lines) -> Iterator[int]:
    is_caught_up = False
    while not is_caught_up:
        data, is_caught_up = lines.read(True)
        yield len(data)
