"""A user's filters of metrics: regular expressions as Katib reads them.

They are RE2's, the dialect of Go's ``regexp``: no look-around and no references back, ``\\w``,
``\\d`` and ``\\s`` mean ASCII, and a match takes a time that is linear in the text.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Protocol


class Match(Protocol):
    """What a filter found, by group; ``None`` for a group that took no part."""

    def __getitem__(self, group: int) -> bytes | None: ...

    def end(self) -> int:
        """Where in the text it ends."""
        ...


class MetricFilter(Protocol):
    """A compiled filter."""

    @property
    def groups(self) -> int:
        """How many groups it has."""
        ...

    def finditer(self, text: bytes) -> Iterator[Match]:
        """All matches in UTF-8 that do not overlap, from left to right."""
        ...


@lru_cache(maxsize=256)
def compile_filter(text: str) -> MetricFilter:
    """The filter of a text.

    Raises:
        ValueError: it is no expression of RE2; the message says where.
    """
    # Only who has filters of its own pays for loading it.
    import re2

    options = re2.Options()
    options.log_errors = False
    try:
        compiled: MetricFilter = re2.compile(text, options)
    except re2.error as error:
        reason = error.args[0] if error.args else "it is no expression of RE2"
        raise ValueError(reason.decode() if isinstance(reason, bytes) else reason) from None
    return compiled
