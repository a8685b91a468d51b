"""How a metric looks in text: Katib's default filter, the user's filters, and other forms.

Each finds the metrics of a chunk of whole lines. Lines end at newlines only.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Protocol

from katib.api.filters import compile_filter
from katib.api.wildcards import literal_of, matches_any
from katib.collectors.times import time_of_text
from katib.ports.observation_log import NO_TIME, MetricEntry

_BLANKS = rb"[ \t\f\v]*+"
_VALUE = (
    _BLANKS
    + b"="
    + _BLANKS
    + rb"((?i:[+-]?(?:nan|inf(?:inity)?)(?!\w))|[+-]?\d*(?:\.\d+)?(?:[Ee][+-]?\d+)?)"
)
_ANY_HERE = re.compile(rb"([\w|-]++)" + _VALUE)
# A name that does not match at its first letter matches at none of the others. Trying only the
# first keeps the time linear for a line that is one long word.
_ANY_NEXT = re.compile(rb"(?<![\w|-])([\w|-]++)" + _VALUE)
# What the default filter takes for a name.
_NAME = re.compile(r"[\w|-]+", re.ASCII)
# A name no part of which is ever taken for a value.
_PLAIN = re.compile(rb"(?!(?i:nan|inf(?:inity)?)(?!\w)|[Ee]-?\d)[A-Za-z_][\w|-]*")

# A whole number, so that neither 3 of 3/10 nor 12 of 12:30 nor 1 of 1,000 is one.
_NUMBER = (
    rb"([+-]?(?:(?i:nan|inf(?:inity)?)|(?:\d++(?:\.\d++)?+|\.\d++)(?:[Ee][+-]?\d++)?+))"
    rb"(?![\w:/]|[.,-]\d)"
)
# A name that only a wildcard tells.
_WORD = rb"[\w|./-]++"
# Behind `Train loss` or `train/loss`, `loss` is another metric.
_ALONE = rb"(?<![\w|./-])(?<![a-z][ \t])"

#: A time that a line begins with is no longer than this.
_LONGEST_TIME = 64


class Finder(Protocol):
    """Finds metrics in a chunk of whole lines."""

    def find(self, data: bytes) -> Iterator[MetricEntry]:
        """The entries, in the order in which they stand there."""
        ...


class DefaultFilter:
    """``name=number``, ``nan`` and ``inf`` included, as Katib's filter reads it line by line.

    Searches for the names that are wanted in the whole chunk. Where that might differ from taking
    every report of a line in turn, the reports are taken in turn: for a name that could be a
    value's beginning, and in a chunk where a name follows a value at once, as in ``a=1loss=2``.

    Args:
        metrics: the names that are wanted.
        wildcards: patterns of more of them; the reports of a line are taken in turn then.
    """

    __slots__ = ("_glued", "_names", "_needles", "_wanted")

    def __init__(self, metrics: Sequence[str], wildcards: Sequence[str] = ()) -> None:
        exact = [name for name in metrics if _NAME.fullmatch(name)]
        self._names = _Names(exact, wildcards)
        self._needles = _Needles(self._names)
        escaped = [re.escape(name.encode()) for name in exact]
        alternatives = b"|".join(name + rb"(?<![\w|-]" + name + b")" for name in escaped)
        self._wanted = re.compile(b"(" + alternatives + b")" + _VALUE)
        glued = b"=" + _BLANKS + rb"[\d.eE+-]+?(?:" + b"|".join(escaped) + b")" + _BLANKS + b"="
        is_plain = not wildcards and all(_PLAIN.fullmatch(name.encode()) for name in exact)
        self._glued = re.compile(glued if is_plain else b"")

    def find(self, data: bytes) -> Iterator[MetricEntry]:
        if not self._needles.are_in(data):
            return iter(())
        if self._glued.search(data):
            return _entries(data, self._in_turn(data), self._names)
        return _entries(data, self._wanted.finditer(data), self._names)

    def _in_turn(self, data: bytes) -> Iterator[re.Match[bytes]]:
        for start, end in self._needles.lines(data):
            match = _ANY_NEXT.search(data, start, end)
            while match is not None:
                yield match
                # The value may end inside a word, whose rest is a name then.
                at = match.end()
                match = _ANY_HERE.match(data, at, end) or _ANY_NEXT.search(data, at, end)


class OtherForms:
    """What programs print that were not written for Katib.

    ``name: number``, ``'name': number``, ``"name": "number"``, also with an equal sign, and names
    that the default filter cannot take, such as ``train/loss=0.5``.

    Args:
        metrics: the names that are wanted.
        wildcards: patterns of more of them, for names without blanks.
        without: names that are not taken though a wildcard matches them.
    """

    __slots__ = ("_names", "_needles", "_pattern")

    def __init__(
        self,
        metrics: Sequence[str],
        wildcards: Sequence[str] = (),
        without: Collection[str] = (),
    ) -> None:
        self._names = _Names([name for name in metrics if name], wildcards, without)
        self._needles = _Needles(self._names)
        words = [re.escape(name) for name in self._names.exact]
        names = b"(" + b"|".join(words + [_WORD] * bool(wildcards)) + b")"
        between = _BLANKS + b"[:=]" + _BLANKS
        self._pattern = re.compile(
            _ALONE + rb"['\"]?" + names + rb"['\"]?" + between + rb"['\"]?" + _NUMBER
        )

    def find(self, data: bytes) -> Iterator[MetricEntry]:
        if not self._needles.are_in(data):
            return iter(())
        return _entries(data, self._pattern.finditer(data), self._names)


class UserFilters:
    """Filters of the user's: the first group is a metric's name, the second its value.

    Args:
        metrics: the names that are wanted.
        filters: applied in this order to each line that names one of the metrics.
        wildcards: patterns of more names.

    Raises:
        ValueError: a filter is no expression of RE2.
    """

    __slots__ = ("_filters", "_names", "_needles")

    def __init__(
        self, metrics: Sequence[str], filters: Sequence[str], wildcards: Sequence[str] = ()
    ) -> None:
        self._names = _Names(metrics, wildcards)
        self._needles = _Needles(self._names)
        compiled = map(compile_filter, filters)
        self._filters = [one for one in compiled if one.groups >= 2]

    def find(self, data: bytes) -> Iterator[MetricEntry]:
        for start, end in self._needles.lines(data):
            # What is no UTF-8 counts as one strange character, as in Go.
            line = data[start:end].decode("utf-8", "replace").encode()
            time, last = _time(line), self._needles.last(line)
            for one in self._filters:
                for match in one.finditer(line):
                    name = self._names.find((match[1] or b"").strip())
                    if name is not None:
                        yield MetricEntry(time, name, (match[2] or b"").strip().decode())
                    if match.end() > last:
                        # To look further costs as much again, and there is no name left.
                        break


class _Names:
    """The names that are wanted, by their bytes."""

    __slots__ = ("_without", "exact", "wildcards")

    def __init__(
        self, metrics: Iterable[str], wildcards: Sequence[str], without: Collection[str] = ()
    ) -> None:
        self.exact = {name.encode("utf-8", "replace"): name for name in metrics}
        self.wildcards, self._without = wildcards, without

    def find(self, found: bytes) -> str | None:
        """The name, if it is wanted."""
        name = self.exact.get(found)
        if name is None and self.wildcards:
            text = found.decode("utf-8", "replace")
            is_wanted = text not in self._without and matches_any(self.wildcards, text)
            return text if is_wanted else None
        return name


class _Needles:
    """The names, to be told at little cost from text without any."""

    __slots__ = ("_any", "_needles")

    def __init__(self, names: _Names) -> None:
        parts = (literal_of(pattern).encode("utf-8", "replace") for pattern in names.wildcards)
        self._needles = (*names.exact, *parts)
        self._any = re.compile(b"|".join(map(re.escape, self._needles)))

    def are_in(self, data: bytes) -> bool:
        return any(needle in data for needle in self._needles)

    def last(self, data: bytes) -> int:
        """Where the last name begins; -1 when there is none."""
        return max(map(data.rfind, self._needles), default=-1)

    def lines(self, data: bytes) -> Iterator[tuple[int, int]]:
        """Where the lines with a name begin and end."""
        at = 0 if self.are_in(data) else len(data)
        while at < len(data) and (match := self._any.search(data, at)):
            start = data.rfind(b"\n", at, match.start()) + 1 or at
            end = data.find(b"\n", match.end())
            end = len(data) if end < 0 else end
            yield start, end
            at = end + 1


def _entries(data: bytes, found: Iterator[re.Match[bytes]], names: _Names) -> Iterator[MetricEntry]:
    """What was matched, without empty values, each with its line's time."""
    time, seen, has_line = NO_TIME, 0, False
    for match in found:
        name, value = names.find(match[1]), match[2]
        if name is None or not value:
            continue
        start = match.start()
        line = data.rfind(b"\n", seen, start) + 1
        if line or not has_line:
            time, has_line = _time(data[line : line + _LONGEST_TIME]), True
        seen = start
        yield MetricEntry(time, name, value.decode())


def _time(line: bytes) -> datetime:
    """The time that a line begins with; :data:`NO_TIME` when it begins with none."""
    if not line[:1].isdigit():
        return NO_TIME
    return time_of_text(line.partition(b" ")[0].decode("ascii", "replace"))
