"""The reports of one trial that wait, in a file that survives the process at any moment.

Each line is a record: a checksum, a blank, JSON. A list is a report. An object is a mark, written
before anything is sent: how many entries the log has of this trial, where the first one is that it
lacks, and how many are sent now. ``null`` says that the log is to forget the trial first; what was
before it is gone from the file.

A line reaches the system in one call, so that a killed process leaves at most a torn last line,
which nobody was told is safe. Nothing waits for the disk: a power cut may lose the last moments.
"""

from __future__ import annotations

import errno
import os
import zlib
from collections.abc import Iterator, Sequence

import msgspec

from katib.errors import StoreUnavailableError
from katib.ports.observation_log import MetricEntry

#: How much of the file is read in one go, and how many entries a record has at most.
CHUNK_BYTES, RECORD_ENTRIES = 1 << 16, 1000

_CHECKSUM_DIGITS = 8

#: The record that says that the trial is to be forgotten, and how reports begin.
_FORGET, _REPORT = b"null", b"["

_reports = msgspec.json.Decoder(list[MetricEntry])


class Mark(msgspec.Struct, frozen=True, omit_defaults=True):
    """How far the log has got.

    Attributes:
        stored: how many entries the log has of the trial, whoever wrote them.
        offset: where the record of the first entry is that it lacks.
        skip: how many entries of that record it has.
        sending: how many entries are on their way; when more than none, it may have them too.
    """

    stored: int
    offset: int = 0
    skip: int = 0
    sending: int = 0


_marks = msgspec.json.Decoder(Mark)


class Box:
    """One trial's file. Not safe for threads.

    Args:
        path: where the file is, or comes when there is something to keep.

    Attributes:
        path: as it was given.
        mark: how far the log has got; ``None`` while nobody has asked it, and then nothing was ever
            sent of what is here.
        is_to_forget: the log is to forget the trial before anything else.
        waiting: how many entries wait, those on their way included.
        forgotten: how often the trial was forgotten; who sends looks whether it still is the same.

    Raises:
        StoreUnavailableError: the disk refuses.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._file = -1
        self._end = 0
        self.mark: Mark | None = None
        self.is_to_forget = False
        self.waiting = self.forgotten = 0
        try:
            self._recover()
        except FileNotFoundError:
            pass
        except OSError as error:
            raise self._refused(error) from error

    @property
    def size(self) -> int:
        """The length of the file in bytes."""
        return self._end

    @property
    def is_done(self) -> bool:
        """Whether the log has all that was ever put in."""
        return not self.waiting and not self.is_to_forget

    def put(self, entries: Sequence[MetricEntry]) -> None:
        """Keep a report.

        Raises:
            StoreUnavailableError: the disk refuses; nothing was kept.
        """
        parts = (entries[at : at + RECORD_ENTRIES] for at in range(0, len(entries), RECORD_ENTRIES))
        self._write(*(msgspec.json.encode([_storable(one) for one in part]) for part in parts))
        self.waiting += len(entries)

    def forget(self) -> None:
        """Drop all reports; the log is to forget the trial.

        Raises:
            StoreUnavailableError: the disk refuses; all is as it was.
        """
        fresh = f"{self.path}.new"
        record = _record(_FORGET)
        try:
            os.makedirs(os.path.dirname(self.path), exist_ok=True)
            with open(fresh, "wb") as file:
                file.write(record)
            os.replace(fresh, self.path)
        except OSError as error:
            raise self._refused(error) from error
        self.close()
        self._end, self.mark, self.is_to_forget = len(record), None, True
        self.waiting = 0
        self.forgotten += 1

    def note(self, stored: int, done: int = 0, sending: int = 0) -> None:
        """Write a mark.

        Args:
            stored: how many entries the log has of the trial now.
            done: how many more of those that wait it has.
            sending: how many of the rest are sent next.

        Raises:
            StoreUnavailableError: the disk refuses; the mark is as it was.
        """
        _, offset, skip = self._read(done)
        mark = Mark(stored, offset, skip, sending)
        self._write(msgspec.json.encode(mark))
        self.mark, self.is_to_forget = mark, False
        self.waiting -= done

    def next(self, most: int) -> list[MetricEntry]:
        """The first entries that wait, so many at most."""
        entries, _, _ = self._read(most)
        return entries

    def empty(self) -> None:
        """Remove the file of which the log has everything."""
        stored = 0 if self.mark is None else self.mark.stored
        self.close()
        try:
            os.unlink(self.path)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise self._refused(error) from error
        self._end, self.mark = 0, Mark(stored)

    def close(self) -> None:
        """Release the file, which stays."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _recover(self) -> None:
        """Find out what an earlier process left; a torn end is cut off."""
        self._open(os.O_RDWR)
        for _, end, text in self._records(0):
            self._end = end
            if text == _FORGET:
                self.is_to_forget = True
            elif text.startswith(_REPORT):
                self.waiting += len(_reports.decode(text))
            else:
                self.mark, self.is_to_forget = _marks.decode(text), False
        os.ftruncate(self._file, self._end)
        if self.mark is not None:
            self.waiting -= self._count_before(self.mark)

    def _count_before(self, mark: Mark) -> int:
        """How many entries of the file are before the mark's place."""
        reports = (
            len(_reports.decode(text))
            for offset, _, text in self._records(0)
            if text.startswith(_REPORT) and offset < mark.offset
        )
        return sum(reports) + mark.skip

    def _read(self, most: int) -> tuple[list[MetricEntry], int, int]:
        """Entries from the mark on, and where the one behind them is."""
        mark = self.mark or Mark(0)
        at, skip = mark.offset, mark.skip
        entries: list[MetricEntry] = []
        if most == 0 or not self.waiting:
            return entries, at, skip
        for offset, end, text in self._records(at):
            if not text.startswith(_REPORT):
                continue
            report = _reports.decode(text)
            first = skip if offset == at else 0
            taken = report[first : first + most - len(entries)]
            entries += taken
            if first + len(taken) < len(report):
                return entries, offset, first + len(taken)
            if len(entries) == most:
                return entries, end, 0
        return entries, self._end, 0

    def _records(self, at: int) -> Iterator[tuple[int, int, bytes]]:
        """Where each whole record begins and ends, and its text."""
        if self._file < 0:
            self._open(os.O_RDWR)
        data = b""
        while True:
            chunk = os.pread(self._file, CHUNK_BYTES, at + len(data))
            data += chunk
            start = 0
            while (stop := data.find(b"\n", start)) >= 0:
                text = _content(data[start:stop])
                if text is None:
                    return
                yield at + start, at + stop + 1, text
                start = stop + 1
            at, data = at + start, data[start:]
            if not chunk:
                return

    def _write(self, *texts: bytes) -> None:
        data = b"".join(map(_record, texts))
        try:
            if self._file < 0:
                os.makedirs(os.path.dirname(self.path), exist_ok=True)
                self._open(os.O_RDWR | os.O_CREAT)
            written = os.pwrite(self._file, data, self._end)
            if written < len(data):
                os.ftruncate(self._file, self._end)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            raise self._refused(error) from error
        self._end += len(data)

    def _open(self, flags: int) -> None:
        self._file = os.open(self.path, flags | os.O_CLOEXEC, 0o600)

    def _refused(self, error: OSError) -> StoreUnavailableError:
        return StoreUnavailableError(self.path, error.strerror or str(error))


def _record(text: bytes) -> bytes:
    return b"%08x %s\n" % (zlib.crc32(text), text)


def _content(line: bytes) -> bytes | None:
    """The text of a record; ``None`` when it is damaged."""
    text = line[_CHECKSUM_DIGITS + 1 :]
    return text if line == _record(text)[:-1] else None


def _storable(entry: MetricEntry) -> MetricEntry:
    # Half a character has no UTF-8.
    if entry.value.isascii() and entry.name.isascii():
        return entry
    return MetricEntry(entry.time, _whole(entry.name), _whole(entry.value))


def _whole(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
