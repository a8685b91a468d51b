"""What every collector that reads the lines of a file must keep to."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from katib.ports.collector import Collector, CollectorSource
from katib.ports.observation_log import NO_TIME, MetricEntry


class CollectorContract:
    """Inherit, and give a fixture ``collector`` that returns the class.

    :meth:`line` words one report as the collector's programs do; the default is ``name=value``.

    Attributes:
        format: of the file, as experiments name it.
    """

    format = "TEXT"

    def line(self, name: str, value: str) -> str:
        """What a program prints to report one value."""
        return f"{name}={value}"

    def test_a_missing_file_is_nothing_yet(
        self, collector: type[Collector], tmp_path: Path
    ) -> None:
        """And what comes later is read."""
        log = tmp_path / "log"
        reader = collector(self._source(log))
        assert _pairs(reader.read(False)) == ([], True)
        self._write(log, "1")
        assert _pairs(reader.read(False)) == ([("loss", "1")], True)

    def test_a_file_that_never_comes_ends(self, collector: type[Collector], tmp_path: Path) -> None:
        """A program may print nothing at all."""
        assert _pairs(collector(self._source(tmp_path / "log")).read(True)) == ([], True)

    def test_values_come_once_and_in_order(
        self, collector: type[Collector], tmp_path: Path
    ) -> None:
        """As they are printed, over many calls."""
        log = tmp_path / "log"
        reader = collector(self._source(log))
        found = []
        for number in range(5):
            self._write(log, str(number), f"{number}.5")
            found += _pairs(reader.read(False))[0]
        assert [value for _, value in found] == [
            text for number in range(5) for text in (str(number), f"{number}.5")
        ]
        assert _pairs(reader.read(True)) == ([], True)

    def test_a_line_counts_when_it_is_complete(
        self, collector: type[Collector], tmp_path: Path
    ) -> None:
        """Half a number is not a number."""
        log = tmp_path / "log"
        reader = collector(self._source(log))
        text = self.line("loss", "0.125")
        log.write_text(text[:-2])
        assert _pairs(reader.read(False)) == ([], True)
        log.write_text(text + "\n")
        assert _pairs(reader.read(False)) == ([("loss", "0.125")], True)

    def test_a_last_line_needs_no_end_when_the_program_has_ended(
        self, collector: type[Collector], tmp_path: Path
    ) -> None:
        """It counts once."""
        log = tmp_path / "log"
        log.write_text(self.line("loss", "0.5"))
        reader = collector(self._source(log))
        assert _pairs(reader.read(False)) == ([], True)
        assert _pairs(reader.read(True)) == ([("loss", "0.5")], True)
        assert _pairs(reader.read(True)) == ([], True)

    def test_other_metrics_are_left_out(self, collector: type[Collector], tmp_path: Path) -> None:
        """Only exact names count."""
        log = tmp_path / "log"
        names = ("loss", "val_loss", "Loss", "losses", "accuracy")
        log.write_text("".join(self.line(name, "1") + "\n" for name in names))
        reader = collector(self._source(log, ["accuracy", "loss"]))
        assert _pairs(reader.read(True)) == ([("loss", "1"), ("accuracy", "1")], True)

    def test_bytes_that_are_no_text_are_no_error(
        self, collector: type[Collector], tmp_path: Path
    ) -> None:
        """The lines around them are read."""
        log = tmp_path / "log"
        noise = b"\xff\xfe\x00\x80loss\n"
        log.write_bytes(noise + f"{self.line('loss', '3')}\n".encode() + noise)
        assert _pairs(collector(self._source(log)).read(True)) == ([("loss", "3")], True)

    def test_a_file_that_became_shorter_is_read_anew(
        self, collector: type[Collector], tmp_path: Path
    ) -> None:
        """As when a program opens its log again."""
        log = tmp_path / "log"
        self._write(log, "1", "2", "3")
        reader = collector(self._source(log))
        reader.read(False)
        log.write_text("")
        self._write(log, "4")
        assert _pairs(reader.read(False)) == ([("loss", "4")], True)

    def test_no_call_reads_more_than_a_part_of_a_large_file(
        self, collector: type[Collector], tmp_path: Path
    ) -> None:
        """So that no trial holds up another; the calls together read all of it."""
        log = tmp_path / "log"
        filler = "x" * 1000 + "\n"
        log.write_text(
            self.line("loss", "1") + "\n" + filler * 5000 + self.line("loss", "2") + "\n"
        )
        reader = collector(self._source(log))
        first, is_caught_up = _pairs(reader.read(True))
        assert first == [("loss", "1")]
        assert not is_caught_up
        assert _rest(reader) == [("loss", "2")]

    def test_an_endless_line_ends_nothing(self, collector: type[Collector], tmp_path: Path) -> None:
        """What is printed after it is found."""
        log = tmp_path / "log"
        log.write_text("x" * 3_000_000 + "\n" + self.line("loss", "1") + "\n")
        assert _rest(collector(self._source(log))) == [("loss", "1")]

    def test_an_entry_without_a_time_has_none(
        self, collector: type[Collector], tmp_path: Path
    ) -> None:
        """The time of reading would be a guess."""
        log = tmp_path / "log"
        self._write(log, "1")
        (entry,) = collector(self._source(log)).read(True)[0]
        assert entry == MetricEntry(NO_TIME, "loss", "1")
        assert entry.time < datetime(2, 1, 1, tzinfo=UTC)

    @pytest.mark.parametrize("kind", ["folder", "pipe", "loop"])
    def test_what_is_no_file_is_no_error(
        self, collector: type[Collector], tmp_path: Path, kind: str
    ) -> None:
        """A program may make anything of its path; nobody waits for it."""
        log = tmp_path / "log"
        if kind == "folder":
            log.mkdir()
        elif kind == "pipe":
            os.mkfifo(log)
        else:
            log.symlink_to(log)
        assert _pairs(collector(self._source(log)).read(True)) == ([], True)

    def _source(self, log: Path, metrics: Sequence[str] = ("loss",)) -> CollectorSource:
        return CollectorSource(metrics=metrics, filters=(), log=log, format=self.format)

    def _write(self, log: Path, *values: str) -> None:
        with log.open("a") as file:
            file.writelines(self.line("loss", value) + "\n" for value in values)


def _pairs(read: tuple[Sequence[MetricEntry], bool]) -> tuple[list[tuple[str, str]], bool]:
    entries, is_caught_up = read
    return [(entry.name, entry.value) for entry in entries], is_caught_up


def _rest(reader: Collector) -> list[tuple[str, str]]:
    """What further calls find; fails when they come to no end."""
    found: list[tuple[str, str]] = []
    for _ in range(100):
        entries, is_caught_up = _pairs(reader.read(True))
        found += entries
        if is_caught_up:
            return found
    raise AssertionError("the collector does not come to the end of the file")
