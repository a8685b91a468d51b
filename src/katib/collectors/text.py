"""Metrics out of lines of text, such as ``epoch 3: loss=0.27``."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache

from katib.ports.collector import CollectorSource
from katib.ports.observation_log import NO_TIME, MetricEntry

#: How much one call reads, and the longest line that is looked at in one piece.
CHUNK_BYTES = 1 << 20

Finder = Callable[[str], Iterator[re.Match[str]]]

_NAME = r"([\w|-]++)"
_VALUE = (
    r"\s*+=\s*+"
    r"((?i:[+-]?(?:nan|inf(?:inity)?)(?!\w))|[+-]?\d*(?:\.\d+)?(?:[Ee][+-]?\d+)?)"
)
_DEFAULT_HERE = re.compile(_NAME + _VALUE, re.ASCII)
# A name that does not match at its first letter matches at none of the others. Trying only the
# first keeps the time linear for a line that is one long word.
_DEFAULT_NEXT = re.compile(r"(?<![\w|-])" + _NAME + _VALUE, re.ASCII)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)", re.ASCII)


class TextCollector:
    """Reads the metrics that a program prints, with the default filter or the user's.

    The default filter takes ``name = number``, and ``nan`` and ``inf`` for numbers too. A filter
    is a regular expression whose first group is the metric's name and whose second is its value;
    ``\\w``, ``\\d`` and ``\\s`` mean ASCII. A line ends at a newline, or at the carriage return
    that progress bars write. Its time is the RFC 3339 time it begins with, if it does.

    A file that became shorter is read from its beginning again. A line longer than
    :data:`CHUNK_BYTES` is read in pieces, cut at blanks where it has any.

    Raises:
        re.error: a filter is not a regular expression; admission refuses such filters.
    """

    __slots__ = ("_finders", "_keeps_empty", "_metrics", "_needles", "_offset", "_path")

    def __init__(self, source: CollectorSource) -> None:
        self._path = os.fspath(source.log)
        self._metrics = frozenset(source.metrics)
        self._needles = _encoded(tuple(source.metrics))
        self._finders = _compiled(tuple(source.filters))
        self._keeps_empty = bool(source.filters)
        self._offset = 0

    def read(self, is_ended: bool) -> tuple[Sequence[MetricEntry], bool]:
        data = self._next_bytes()
        is_caught_up = len(data) < CHUNK_BYTES
        if is_ended and is_caught_up:
            end = len(data)
        else:
            end = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
            if end == 0 and not is_caught_up:
                end = data.rfind(b" ") + 1 or len(data)
        self._offset += end
        # Most chunks of a long log name no metric: they must cost no more than this search.
        if not any(needle in data for needle in self._needles):
            return (), is_caught_up
        entries: list[MetricEntry] = []
        for line in data[:end].replace(b"\r", b"\n").split(b"\n"):
            if any(needle in line for needle in self._needles):
                entries.extend(self._entries(line.decode("utf-8", "replace")))
        return entries, is_caught_up

    def _next_bytes(self) -> bytes:
        """The next bytes from the first line not read yet; none when there is no file."""
        try:
            file = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return b""
        try:
            data = os.pread(file, CHUNK_BYTES, self._offset)
            if not data and os.fstat(file).st_size < self._offset:
                self._offset = 0
                data = os.pread(file, CHUNK_BYTES, 0)
            return data
        finally:
            os.close(file)

    def _entries(self, line: str) -> Iterator[MetricEntry]:
        time: datetime | None = None
        for find in self._finders:
            for match in find(line):
                name, value = (match[1] or "").strip(), (match[2] or "").strip()
                if name in self._metrics and (value or self._keeps_empty):
                    time = time or _time(line)
                    yield MetricEntry(time, name, value)


def _time(line: str) -> datetime:
    """The time before the first blank, or :data:`NO_TIME`."""
    text, _, _ = line.partition(" ")
    if not _TIME.fullmatch(text):
        return NO_TIME
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return NO_TIME


def _default_matches(line: str) -> Iterator[re.Match[str]]:
    """All matches of the default filter, in time that grows with the line's length only."""
    match = _DEFAULT_NEXT.search(line)
    while match is not None:
        yield match
        # The value may end inside a word, as in `loss=0.5acc=1`; the word's rest is a name then.
        end = match.end()
        match = _DEFAULT_HERE.match(line, end) or _DEFAULT_NEXT.search(line, end)


@lru_cache(maxsize=256)
def _compiled(filters: tuple[str, ...]) -> tuple[Finder, ...]:
    if not filters:
        return (_default_matches,)
    patterns = (re.compile(text, re.ASCII) for text in filters)
    return tuple(pattern.finditer for pattern in patterns if pattern.groups >= 2)


@lru_cache(maxsize=256)
def _encoded(metrics: tuple[str, ...]) -> tuple[bytes, ...]:
    return tuple(metric.encode("utf-8", "replace") for metric in metrics)
