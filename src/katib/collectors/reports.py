"""Reports as programs send them by HTTP: JSON, or the fields of a form. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from urllib.parse import unquote, unquote_plus

from katib.collectors.json_lines import TIMESTAMP, JsonNumber, json_values
from katib.collectors.times import time_of_seconds, time_of_text
from katib.errors import AdmissionError, FieldError
from katib.ports.observation_log import NO_TIME, MetricEntry

#: The types of content that are read. curl says a form whatever it sends, so a form may be JSON.
JSON_TYPES = ("application/json", "application/jsonl", "application/x-ndjson")
FORM_TYPES = ("", "application/x-www-form-urlencoded")

#: The longest name of a metric that a database keeps.
LONGEST_NAME = 255

#: How many problems of one report are told.
MOST_PROBLEMS = 20

#: How much of what was found is told.
_SHOWN = 40

_RIGHT = "a number or a text is expected, such as 0.25"
_RIGHT_TIME = "a time such as 2026-01-31T12:00:00.5Z is expected, or seconds since 1970"
_RIGHT_NAME = f"a metric's name of 1 to {LONGEST_NAME} characters is expected"
_RIGHT_REPORT = 'an object such as {"loss": 0.25} is expected, or a list of such objects'
_RIGHT_FIELD = "a metric and its value are expected, such as loss=0.25"

#: Where something is in a report, and what is there.
_Object = tuple[str, Sequence[tuple[str, object]]]


def read_report(body: bytes, content_type: str, now: datetime) -> list[MetricEntry]:
    """The entries of a report, in order.

    Args:
        body: the report.
        content_type: how it is written, one of those above.
        now: the time of entries that say none.

    Raises:
        AdmissionError: it is not legal; all that is wrong is told.
    """
    reader = _Reader(now)
    is_json = content_type in JSON_TYPES or body.lstrip()[:1] in (b"{", b"[")
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        reader.refuse("", f"UTF-8 is expected; byte {error.start} is none")
    else:
        for path, pairs in reader.objects(text) if is_json else reader.fields(text):
            reader.read(path, pairs)
    if not reader.entries and not reader.problems:
        reader.refuse("", "there is no metric in it; one such as loss=0.25 is expected")
    if reader.problems:
        raise AdmissionError("the report", reader.problems[:MOST_PROBLEMS])
    return reader.entries


class _Reader:
    """Reads the objects of one report, and notes what is wrong with them."""

    def __init__(self, now: datetime) -> None:
        self.entries: list[MetricEntry] = []
        self.problems: list[FieldError] = []
        self._now = now

    def refuse(self, path: str, detail: str, *found: object) -> None:
        shown = _show(found[0]) if found else None
        self.problems.append(FieldError(path or "the body", "Invalid value", detail, shown))

    def fields(self, text: str) -> Iterator[_Object]:
        """The one object of a form; line breaks part fields, too."""
        pairs: list[tuple[str, object]] = []
        for field in filter(None, map(str.strip, re.split(r"[&\r\n]", text))):
            name, equals, value = field.partition("=")
            if not equals:
                self.refuse(_show(unquote_plus(field)), _RIGHT_FIELD)
                continue
            # A plus in a value is that of a number: curl sends 1e+5 as it is.
            pairs.append((unquote_plus(name).strip(), unquote(value).strip()))
        yield "", pairs

    def objects(self, text: str) -> Iterator[_Object]:
        """The objects of a JSON text: one, a list, or several texts one after the other."""
        try:
            values = list(json_values(text))
        except (ValueError, RecursionError) as error:
            self.refuse("", f"JSON is expected: {error or 'it is nested too deeply'}")
            return
        for number, value in enumerate(values):
            place = f"[{number}]" if len(values) > 1 else ""
            if isinstance(value, list):
                yield from self._all(place, value)
            else:
                yield from self._one(place, value)

    def read(self, path: str, pairs: Sequence[tuple[str, object]]) -> None:
        """Take the metrics of one object."""
        times = [value for name, value in pairs if name == TIMESTAMP]
        time = self._time(f"{path}.{TIMESTAMP}".lstrip("."), times[-1]) if times else self._now
        for name, value in pairs:
            if name != TIMESTAMP:
                self._metric(f"{path}.{_show(name)}".lstrip("."), name, value, time)

    def _all(self, place: str, values: Sequence[object]) -> Iterator[_Object]:
        for number, value in enumerate(values):
            yield from self._one(f"{place}[{number}]", value)

    def _one(self, place: str, value: object) -> Iterator[_Object]:
        if isinstance(value, Mapping):
            yield place, list(value.items())
        else:
            self.refuse(place, _RIGHT_REPORT, value)

    def _time(self, path: str, value: object) -> datetime:
        time = NO_TIME
        if isinstance(value, str):
            time = time_of_text(value)
            if time == NO_TIME:
                time = time_of_seconds(value)
        if time == NO_TIME:
            self.refuse(path, _RIGHT_TIME, value)
        return time

    def _metric(self, path: str, name: str, value: object, time: datetime) -> None:
        if not 0 < len(name) <= LONGEST_NAME:
            self.refuse(path or '""', _RIGHT_NAME)
        elif not isinstance(value, str) or not value:
            self.refuse(path, _RIGHT, value)
        else:
            self.entries.append(MetricEntry(time, _whole(name), _whole(value)))


def _whole(text: str) -> str:
    """A text without halves of characters, which an escape of JSON may name."""
    return text.encode("utf-8", "replace").decode()


def _show(found: object) -> str:
    if isinstance(found, JsonNumber):
        text = str(found)
    else:
        text = found if isinstance(found, str) and found else json.dumps(found, default=str)
    text = " ".join(_whole(text).split())
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
