"""Metrics out of JSON, one object a line, such as ``{"epoch": 3, "loss": "0.27"}``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from katib.api.wildcards import literal_of, matches_any
from katib.collectors.lines import Lines, split
from katib.collectors.times import time_of_seconds, time_of_text
from katib.ports.collector import CollectorSource
from katib.ports.observation_log import NO_TIME, MetricEntry

#: The key of the time of all metrics in an object.
TIMESTAMP = "timestamp"


class JsonNumber(str):
    """A number of JSON, with the digits it was written with; ``NaN`` and ``Infinity`` too."""

    __slots__ = ()


_DECODER = json.JSONDecoder(parse_float=JsonNumber, parse_int=JsonNumber, parse_constant=JsonNumber)


def json_values(text: str) -> Iterator[object]:
    """The values of a text that holds one after the other; numbers keep their digits.

    Raises:
        ValueError: something in it is no JSON.
        RecursionError: a value is nested too deeply.
    """
    place = _next(text, 0)
    while place < len(text):
        value, end = _DECODER.raw_decode(text, place)
        yield value
        place = _next(text, end)


class JsonCollector:
    """Reads the metrics that a program writes as JSON objects, one in each line.

    A metric is a key, and its value a text or a number, kept as it was written. The objective comes
    first, then the others in the order in which the experiment names them, then what its wildcards
    match as it comes. ``timestamp`` is an RFC 3339 text or a number of seconds since 1970, and no
    metric by a wildcard. What is no JSON object is passed over, as are metrics with a value of
    another type.
    """

    __slots__ = ("_lines", "_metrics", "_needles", "_wildcards")

    def __init__(self, source: CollectorSource) -> None:
        self._lines = Lines(source.log)
        self._metrics = tuple(dict.fromkeys(source.metrics))
        self._wildcards = source.wildcards
        # Any key may be written with escapes.
        needles = ("\\", *self._metrics, *map(literal_of, source.wildcards))
        self._needles = tuple(needle.encode("utf-8", "replace") for needle in needles)

    def read(self, is_ended: bool) -> tuple[Sequence[MetricEntry], bool]:
        data, is_caught_up = self._lines.read(is_ended)
        if not self._may_report(data):
            return (), is_caught_up
        entries: list[MetricEntry] = []
        for line in split(data):
            if self._may_report(line):
                entries.extend(self.entries(line))
        return entries, is_caught_up

    def _may_report(self, data: bytes) -> bool:
        return any(needle in data for needle in self._needles)

    def entries(self, line: bytes) -> Iterator[MetricEntry]:
        """The metrics of one line."""
        try:
            found = _DECODER.decode(line.decode("utf-8", "replace"))
        except (ValueError, RecursionError):
            return
        if not isinstance(found, dict):
            return
        time = _time(found.get(TIMESTAMP))
        for metric in (*self._metrics, *self._matched(found)):
            value = found.get(metric)
            if isinstance(value, str):
                # An escape may name half a character, which no database keeps.
                name = metric.encode("utf-8", "replace").decode()
                yield MetricEntry(time, name, value.encode("utf-8", "replace").decode())

    def _matched(self, found: Iterable[str]) -> Iterator[str]:
        if not self._wildcards:
            return
        for key in found:
            is_other = key != TIMESTAMP and key not in self._metrics
            if is_other and matches_any(self._wildcards, key):
                yield key


def _next(text: str, place: int) -> int:
    while place < len(text) and text[place].isspace():
        place += 1
    return place


def _time(timestamp: object) -> datetime:
    if isinstance(timestamp, JsonNumber):
        return time_of_seconds(timestamp)
    return time_of_text(timestamp) if isinstance(timestamp, str) else NO_TIME
