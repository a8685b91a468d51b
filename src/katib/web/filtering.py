"""Which trials a text asks for: words, and conditions on what they were assigned and observed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from katib.api.numbers import parse_number
from katib.client.trial_table import TrialTable
from katib.errors import KatibError, UnknownNameError

#: A name, a sign and a value, or a word; what has spaces in it stands in quotation marks.
_PART = re.compile(
    r"""
    (?P<name>"[^"]+"|[^\s"<>=!]+)\s*(?P<sign><=|>=|!=|<|>|=)\s*(?P<value>(?:"[^"]*"|[^\s"]+)+)
    |"(?P<phrase>[^"]*)"|(?P<word>\S+)
    """,
    re.VERBOSE,
)

#: The column of how trials stand.
STATUS = "status"

Bools = NDArray[np.bool_]


class FilterError(KatibError):
    """A filter cannot be understood."""

    def __init__(self, condition: str, reason: str) -> None:
        super().__init__(f'filter "{condition}": {reason}')


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition.

    Attributes:
        name: of a parameter, of a metric, or ``status``.
        sign: ``<``, ``<=``, ``>``, ``>=``, ``=`` or ``!=``.
        value: a number; a text, or several with ``|`` between them, for the last two.
    """

    name: str
    sign: str
    value: str


@dataclass(frozen=True, slots=True)
class Filter:
    """All of it must be so.

    Attributes:
        words: small letters; each must stand in the name, the status or an assignment.
        conditions: on single columns.
    """

    words: Sequence[str] = ()
    conditions: Sequence[Condition] = ()

    @classmethod
    def of(cls, text: str) -> Filter:
        """What a text asks for, as ``adam lr < 0.01 loss > 2 status=Failed|Killed``."""
        words, conditions = [], []
        for part in _PART.finditer(text):
            if part["sign"]:
                name = part["name"].strip('"')
                conditions.append(Condition(name, part["sign"], part["value"]))
            else:
                words.append((part["phrase"] or part["word"] or "").lower())
        return cls(tuple(word for word in words if word), tuple(conditions))

    def fits(self, table: TrialTable) -> Bools:
        """(n_trials,), which trials are asked for.

        Raises:
            UnknownNameError: there is no parameter and no metric of a name.
            FilterError: a value is no number where one is needed.
        """
        found = np.ones(len(table), dtype=np.bool_)
        for word in self.words:
            found &= _have(table, word)
        for condition in self.conditions:
            found &= _meet(table, condition)
        return found


def _have(table: TrialTable, word: str) -> Bools:
    columns = [table.names, table.statuses, *(one.texts for one in table.parameters.values())]
    return np.array(
        [any(word in (text or "").lower() for text in row) for row in zip(*columns, strict=True)],
        dtype=np.bool_,
    )


def _meet(table: TrialTable, condition: Condition) -> Bools:
    name, sign = condition.name, condition.sign
    if name in table.parameters:
        column = table.parameters[name]
        if column.is_numeric or sign not in ("=", "!="):
            return _compare(column.numbers, condition)
        return _among(column.texts, condition)
    if name in table.metrics:
        return _compare(table.metrics[name].values, condition)
    if name.lower() == STATUS:
        return _among(table.statuses, condition)
    known = [*table.parameters, *table.metrics, STATUS]
    raise UnknownNameError("parameter or metric", name, known)


def _among(texts: Sequence[str | None], condition: Condition) -> Bools:
    told = f"{condition.name}{condition.sign}{condition.value}"
    if condition.sign not in ("=", "!="):
        raise FilterError(told, f"{condition.name} is a word; only = and != compare words")
    wanted = {word.lower() for word in _words(condition.value)}
    found = np.array([(text or "").lower() in wanted for text in texts], dtype=np.bool_)
    return found if condition.sign == "=" else ~found


def _compare(numbers: NDArray[np.float64], condition: Condition) -> Bools:
    values = [parse_number(word) for word in _words(condition.value)]
    told = f"{condition.name}{condition.sign}{condition.value}"
    if None in values or not values:
        raise FilterError(told, f"{condition.value} is no number")
    bounds = [value for value in values if value is not None]
    if condition.sign in ("=", "!="):
        found = np.isin(numbers, bounds)
        return found if condition.sign == "=" else ~found & ~np.isnan(numbers)
    if len(bounds) > 1:
        raise FilterError(told, "several numbers can only be compared with = and !=")
    compared: dict[str, Bools] = {
        "<": numbers < bounds[0],
        "<=": numbers <= bounds[0],
        ">": numbers > bounds[0],
        ">=": numbers >= bounds[0],
    }
    return compared[condition.sign]


def _words(value: str) -> list[str]:
    return [word.strip('"') for word in re.findall(r'"[^"]*"|[^|"]+', value)]
