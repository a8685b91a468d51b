"""Metrics out of lines of text, such as ``epoch 3: loss=0.27``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import lru_cache

from katib.collectors.lines import Lines, split
from katib.collectors.times import time_of_text
from katib.ports.collector import CollectorSource
from katib.ports.observation_log import MetricEntry

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


class TextCollector:
    """Reads the metrics that a program prints, with the default filter or the user's.

    The default filter takes ``name = number``, and ``nan`` and ``inf`` for numbers too. A filter
    is a regular expression whose first group is the metric's name and whose second is its value;
    ``\\w``, ``\\d`` and ``\\s`` mean ASCII. A line's time is the RFC 3339 time it begins with, if
    it does. What a line is, and what becomes of a file that changes, :class:`Lines` says.

    Raises:
        re.error: a filter is not a regular expression; admission refuses such filters.
    """

    __slots__ = ("_finders", "_keeps_empty", "_lines", "_metrics", "_needles")

    def __init__(self, source: CollectorSource) -> None:
        self._lines = Lines(source.log)
        self._metrics = frozenset(source.metrics)
        self._needles = _encoded(tuple(source.metrics))
        self._finders = _compiled(tuple(source.filters))
        self._keeps_empty = bool(source.filters)

    def read(self, is_ended: bool) -> tuple[Sequence[MetricEntry], bool]:
        data, is_caught_up = self._lines.read(is_ended)
        # Most chunks of a long log name no metric: they must cost no more than this search.
        if not any(needle in data for needle in self._needles):
            return (), is_caught_up
        entries: list[MetricEntry] = []
        for line in split(data):
            if any(needle in line for needle in self._needles):
                entries.extend(self._entries(line.decode("utf-8", "replace")))
        return entries, is_caught_up

    def _entries(self, line: str) -> Iterator[MetricEntry]:
        time: datetime | None = None
        for find in self._finders:
            for match in find(line):
                name, value = (match[1] or "").strip(), (match[2] or "").strip()
                if name in self._metrics and (value or self._keeps_empty):
                    time = time or time_of_text(line.partition(" ")[0])
                    yield MetricEntry(time, name, value)


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
