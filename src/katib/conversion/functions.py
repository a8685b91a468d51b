"""The functions that a Go template may call. What they are given wrongly is a ``ValueError``."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from katib.conversion.marks import Marks

_VERB = re.compile(r"%(.?)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Record:
    """A value with fields: the outermost dot, or one parameter.

    Attributes:
        what: as errors call it.
        fields: name → value.
    """

    what: str
    fields: Mapping[str, Datum]


Datum = str | int | bool | Record | tuple[Record, ...]

Function = Callable[[Marks, Sequence[Datum]], Datum]


def is_true(marks: Marks, value: Datum) -> bool:
    """Whether Go takes a value for true: not empty and not zero.

    Raises:
        ValueError: that depends on what only a trial will know.
    """
    if isinstance(value, str):
        return marks.is_true(value)
    return isinstance(value, Record) or bool(value)


def printed(value: Datum) -> str:
    """A value as an action prints it.

    Raises:
        ValueError: it is a list or has fields.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int)):
        return str(value)
    if isinstance(value, Record):
        raise ValueError(
            f"{value.what} cannot be printed, only its fields: .{', .'.join(value.fields)}"
        )
    raise ValueError("a list cannot be printed; write {{range}} and print .Name and .Value in it")


def _and(marks: Marks, values: Sequence[Datum]) -> Datum:
    _count(values, 1, "and")
    return next((value for value in values if not is_true(marks, value)), values[-1])


def _or(marks: Marks, values: Sequence[Datum]) -> Datum:
    _count(values, 1, "or")
    return next((value for value in values if is_true(marks, value)), values[-1])


def _not(marks: Marks, values: Sequence[Datum]) -> Datum:
    _count(values, 1, "not", most=1)
    return not is_true(marks, values[0])


def _eq(marks: Marks, values: Sequence[Datum]) -> Datum:
    _count(values, 2, "eq")
    first = values[0]
    # All are compared, so that one that is not known yet is found behind one that is equal.
    return True in [_are_equal(marks, first, other) for other in values[1:]]


def _ne(marks: Marks, values: Sequence[Datum]) -> Datum:
    _count(values, 2, "ne", most=2)
    return not _are_equal(marks, *values)


def _are_equal(marks: Marks, first: Datum, second: Datum) -> bool:
    if type(first) is not type(second) or not isinstance(first, (str, int)):
        raise ValueError("only two strings, two integers or two truth values can be compared")
    for value in (first, second):
        if isinstance(value, str):
            marks.check_known(value)
    return first == second


def _order(name: str, holds: Callable[[int, int], bool]) -> Function:
    def compare(_: Marks, values: Sequence[Datum]) -> Datum:
        _count(values, 2, name, most=2)
        first, second = values
        if not (_is_integer(first) and _is_integer(second)):
            raise ValueError(f"{name} compares integers only here")
        return holds(int(str(first)), int(str(second)))

    return compare


def _len(marks: Marks, values: Sequence[Datum]) -> Datum:
    _count(values, 1, "len", most=1)
    (value,) = values
    if isinstance(value, str):
        marks.check_known(value)
        # Go counts bytes.
        return len(value.encode())
    if isinstance(value, tuple):
        return len(value)
    raise ValueError("len takes a string or a list")


def _index(_: Marks, values: Sequence[Datum]) -> Datum:
    _count(values, 2, "index", most=2)
    held, number = values
    if not isinstance(held, tuple) or not _is_integer(number):
        raise ValueError("index takes a list and an integer here")
    place = int(str(number))
    if not 0 <= place < len(held):
        raise ValueError(f"there is no item {place}, the list has {len(held)}")
    return held[place]


def _print(_: Marks, values: Sequence[Datum]) -> Datum:
    pieces: list[str] = []
    for before, value in zip((None, *values), values, strict=False):
        # Go's Sprint puts a space between two operands when neither is a string.
        if before is not None and not isinstance(before, str) and not isinstance(value, str):
            pieces.append(" ")
        pieces.append(printed(value))
    return "".join(pieces)


def _printf(marks: Marks, values: Sequence[Datum]) -> Datum:
    _count(values, 1, "printf")
    form, *rest = values
    if not isinstance(form, str):
        raise ValueError("the first argument of printf is a string")
    marks.check_known(form)
    waiting = iter(rest)

    def fill(found: re.Match[str]) -> str:
        return "%" if found[1] == "%" else _verb(found[1], next(waiting, None))

    text = _VERB.sub(fill, form)
    if next(waiting, None) is not None:
        raise ValueError(f"printf has more values than {form!r} has verbs")
    return text


def _verb(verb: str, value: Datum | None) -> str:
    if value is None:
        raise ValueError(f"printf has no value for %{verb}")
    if verb == "v" or (verb == "s" and isinstance(value, str)):
        return printed(value)
    if verb == "d" and _is_integer(value):
        return printed(value)
    raise ValueError(
        f"printf with %{verb} cannot be converted here; %s takes a string, %d an integer, %v both"
    )


def _is_integer(value: Datum) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _count(values: Sequence[Datum], least: int, name: str, most: int | None = None) -> None:
    if len(values) < least or (most is not None and len(values) > most):
        wanted = f"{least}" if most == least else f"at least {least}"
        raise ValueError(f"{name} takes {wanted} arguments, here are {len(values)}")


#: Name → function.
FUNCTIONS: dict[str, Function] = {
    "and": _and,
    "or": _or,
    "not": _not,
    "eq": _eq,
    "ne": _ne,
    "lt": _order("lt", operator.lt),
    "le": _order("le", operator.le),
    "gt": _order("gt", operator.gt),
    "ge": _order("ge", operator.ge),
    "len": _len,
    "index": _index,
    "print": _print,
    "printf": _printf,
}
