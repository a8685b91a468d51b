"""The assignments of suggestions, a row each: a flush writes those that were added, not all.

A suggestion grows with every trial, to many kilobytes, and is written with every trial. Its text is
kept without its assignments. A text that has them was written before there were such rows; they go
into rows at its next change.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

from msgspec.structs import replace

from katib.api.codec import to_raw, typed
from katib.api.suggestion import Suggestion, TrialAssignment
from katib.api.values import Key

Assignments = tuple[TrialAssignment, ...]

SCHEMA = """
CREATE TABLE IF NOT EXISTS assignments (
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    number INTEGER NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (namespace, name, number)
) WITHOUT ROWID;
"""
_ADD = "INSERT INTO assignments VALUES (?, ?, ?, ?)"
_DROP = "DELETE FROM assignments WHERE namespace=? AND name=? AND number<?"
_CLEAR = "DELETE FROM assignments WHERE namespace=? AND name=?"


@dataclass(frozen=True, slots=True)
class _Kept:
    """The rows of a suggestion, and the number of the next one."""

    assignments: Assignments
    end: int


class AssignmentRows:
    """Writes the assignments of suggestions.

    Args:
        connection: of the store's file.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._kept: dict[Key, _Kept] = {}

    def write(self, lists: Mapping[Key, Assignments]) -> None:
        """Keep these lists, each in place of what was kept of its suggestion; in a transaction."""
        for key, wanted in lists.items():
            kept = self._kept.get(key)
            dropped = None if kept is None else _dropped(kept.assignments, wanted)
            if kept is None or dropped is None:
                self._connection.execute(_CLEAR, key)
                kept, dropped = _Kept((), 0), 0
            elif dropped:
                first = kept.end - len(kept.assignments)
                self._connection.execute(_DROP, (*key, first + dropped))
            fresh = wanted[len(kept.assignments) - dropped :]
            rows = [(*key, kept.end + at, to_raw(one)) for at, one in enumerate(fresh)]
            self._connection.executemany(_ADD, rows)
            self._kept[key] = _Kept(wanted, kept.end + len(fresh))

    def remove(self, keys: Iterable[Key]) -> None:
        """The suggestions are gone; in a transaction."""
        for key in keys:
            self._connection.execute(_CLEAR, key)
            self._kept.pop(key, None)

    def forget(self) -> None:
        """The transaction was undone: what is kept is not known any more."""
        self._kept.clear()


def _dropped(old: Assignments, new: Assignments) -> int | None:
    """How many went from the front before others came; ``None`` when more has changed."""
    if not old or not new:
        return len(old)
    if new[0] not in old:
        return None
    dropped = old.index(new[0])
    return dropped if new[: len(old) - dropped] == old[dropped:] else None


def without(suggestion: Suggestion) -> Suggestion:
    """The suggestion as its text is kept."""
    return replace(suggestion, status=replace(suggestion.status, suggestions=()))


def about_size(assignments: Assignments) -> int:
    """How many bytes their text has, if all are as long as the last."""
    return len(assignments) * len(to_raw(assignments[-1])) if assignments else 0


def joined(rows: Iterable[tuple[int, bytes, bytes | None]]) -> Iterator[tuple[int, Suggestion]]:
    """Suggestions with all of their assignments, each with its version.

    Args:
        rows: version, text, and text of an assignment if there is one; all rows of a suggestion
            in the order of its assignments.
    """
    for version, group in groupby(rows, key=itemgetter(0)):
        of_one = list(group)
        found = typed(Suggestion, of_one[0][1])
        added = [typed(TrialAssignment, one[2]) for one in of_one if one[2] is not None]
        whole = (*found.status.suggestions, *added)
        yield version, replace(found, status=replace(found.status, suggestions=whole))
