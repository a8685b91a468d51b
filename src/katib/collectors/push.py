"""Metrics out of the file that a program which pushes may drop them into."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from katib.collectors.filters import DefaultFilter
from katib.collectors.json_lines import JsonCollector
from katib.collectors.lines import Lines, split
from katib.ports.collector import CollectorSource
from katib.ports.observation_log import MetricEntry


class PushCollector:
    """Reads what a program appends to its drop, as text or as JSON, whichever a line is.

    A line that begins with a brace is read as :class:`JsonCollector` does, any other by the default
    filter. What a program pushes by HTTP or gRPC is no file's: nobody collects it.
    """

    __slots__ = ("_filter", "_json", "_lines")

    def __init__(self, source: CollectorSource) -> None:
        self._lines = Lines(source.log)
        self._json = JsonCollector(source)
        self._filter = DefaultFilter(source.metrics, source.wildcards)

    def read(self, is_ended: bool) -> tuple[Sequence[MetricEntry], bool]:
        data, is_caught_up = self._lines.read(is_ended)
        entries: list[MetricEntry] = []
        for is_json, lines in groupby(split(data), _is_json):
            if is_json:
                for line in lines:
                    entries += self._json.entries(line)
            else:
                entries += self._filter.find(b"\n".join(lines))
        return entries, is_caught_up


def _is_json(line: bytes) -> bool:
    return line.lstrip().startswith(b"{")
