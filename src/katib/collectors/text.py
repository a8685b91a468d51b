"""Metrics out of lines of text, such as ``epoch 3: loss=0.27``."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from katib.api.wildcards import matches
from katib.collectors.filters import DefaultFilter, Finder, OtherForms, UserFilters
from katib.collectors.lines import Lines
from katib.ports.collector import CollectorSource
from katib.ports.observation_log import MetricEntry


class TextCollector:
    """Reads the metrics that a program prints, with the default filter or the user's.

    The default filter takes ``name = number``, and ``nan`` and ``inf`` for numbers too. A filter
    is a regular expression of RE2 whose first group is the metric's name and whose second is its
    value. A line's time is the RFC 3339 time it begins with, if it does. What a line is, and what
    becomes of a file that changes, :class:`Lines` says.

    When the program has ended, a metric that was never printed for the default filter is looked for
    once more, in :class:`OtherForms`. It is not before: a program may print ``loss: 0.7`` for each
    batch and ``loss=0.5`` for the epoch, and only the latter is what Katib's users mean.

    Raises:
        ValueError: a filter is no expression of RE2; admission refuses such filters.
    """

    __slots__ = ("_finder", "_lines", "_log", "_metrics", "_missing", "_unmatched")

    def __init__(self, source: CollectorSource) -> None:
        self._log = source.log
        self._lines = Lines(source.log)
        wildcards = tuple(source.wildcards)
        self._finder = _finder(tuple(source.metrics), tuple(source.filters), wildcards)
        self._metrics = frozenset(source.metrics)
        self._missing, self._unmatched = set(self._metrics), set(wildcards)
        if source.filters:
            self._missing, self._unmatched = set(), set()

    def read(self, is_ended: bool) -> tuple[Sequence[MetricEntry], bool]:
        data, is_caught_up = self._lines.read(is_ended)
        entries = list(self._finder.find(data.replace(b"\r", b"\n"))) if data else []
        if entries and (self._missing or self._unmatched):
            self._note({entry.name for entry in entries})
        if not ((self._missing or self._unmatched) and is_ended and is_caught_up):
            return entries, is_caught_up
        found = self._metrics - self._missing
        self._finder = OtherForms(sorted(self._missing), sorted(self._unmatched), found)
        self._lines = Lines(self._log)
        self._missing, self._unmatched = set(), set()
        more, is_caught_up = self.read(is_ended)
        return [*entries, *more], is_caught_up

    def _note(self, names: set[str]) -> None:
        self._missing -= names
        others = names - self._metrics
        self._unmatched = {one for one in self._unmatched if not _is_matched(one, others)}


def _is_matched(pattern: str, names: set[str]) -> bool:
    return any(matches(pattern, name) for name in names)


@lru_cache(maxsize=64)
def _finder(
    metrics: tuple[str, ...], filters: tuple[str, ...], wildcards: tuple[str, ...]
) -> Finder:
    """Trials of one experiment look for the same, and a finder remembers nothing."""
    if filters:
        return UserFilters(metrics, filters, wildcards)
    return DefaultFilter(metrics, wildcards)
