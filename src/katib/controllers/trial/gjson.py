r"""The part of GJSON in which success and failure conditions are written.

A path is compiled once into nested functions, one for each step, and then evaluated over the plain
JSON data of a run. What a path can say:

====================  =========================================================================
``a.b``, ``a.0``      a member, an element; ``*`` and ``?`` are wildcards in a key
``a.#``, ``a.#.b``    how many elements there are; ``b`` of each element that has it
``a.#(b=="x")``       the first element that matches
``a.#(b=="x")#``      all that match; a ``.c`` behind it is ``c`` of each, a ``|c`` of the whole
``[a,b]``, ``{a,b}``  an array, an object of results
``@this``             the value itself
====================  =========================================================================

A character after ``\`` stands for itself. A text that is no path yields :data:`MISSING`.
"""

from __future__ import annotations

import operator
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any, Final

import msgspec

from katib.api.values import Manifest
from katib.errors import KatibError


class _Missing(Enum):
    MISSING = "MISSING"


#: What a path yields where there is nothing; a JSON null is ``None`` and is something.
MISSING: Final = _Missing.MISSING

Evaluate = Callable[[Any], Any]

#: Longer paths than this are no conditions, and must not exhaust the stack.
_MOST_STEPS = 100

_KEY = re.compile(r"(?:\\.|[^.|\\])*", re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_GLOB = re.compile(r"\\(.)|(\*+)|(\?)|(.)", re.DOTALL)
_THIS = re.compile(r"@this(?=[.|]|\Z)")
_OPERATOR = re.compile(r"==|=|!=|!%|<=|<|>=|>|%")
_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class MatchError(KatibError):
    """A condition is met by something that cannot say why: by no condition of the run."""

    def __init__(self, expression: str, found: str) -> None:
        self.expression = expression
        super().__init__(
            f"condition {expression} yields {found}; it should select objects whose reason and "
            'message, if any, are strings, as status.conditions.#(type=="Complete")# does'
        )


@dataclass(frozen=True, slots=True)
class Match:
    """That a condition is met, and what the run says about it; empty where it says nothing."""

    reason: str = ""
    message: str = ""


def find_match(expression: str, document: Manifest) -> Match | None:
    """Whether a condition is met: its path yields an object, or an array that is not empty.

    Raises:
        MatchError: it is met, but by an array of plain values, or its reason or message is no
            string.
    """
    found = compile_path(expression)(document)
    if isinstance(found, list) and found:
        found = found[0]
        if found is None:
            return Match()
        if not isinstance(found, dict):
            raise MatchError(expression, f"an array that begins with {_show(found)}")
    if not isinstance(found, dict):
        return None
    said = {"reason": "", "message": ""}
    for key, value in found.items():
        name = key.lower()
        if name in said and value is not None:
            if not isinstance(value, str):
                raise MatchError(expression, f"an object whose {key} is {_show(value)}")
            said[name] = value
    return Match(**said)


@lru_cache(maxsize=1024)
def compile_path(expression: str) -> Evaluate:
    """The function that finds what a path leads to in plain JSON data, or :data:`MISSING`.

    Never raises, and neither does the function.
    """
    if not expression or sum(map(expression.count, ".|,([{")) > _MOST_STEPS:
        return _nothing
    try:
        return _compile(expression)
    except _MalformedPath:
        return _nothing


class _MalformedPath(Exception):
    pass


def _nothing(value: Any) -> Any:
    return MISSING


def _itself(value: Any) -> Any:
    return value


def _compile(path: str) -> Evaluate:
    this = _THIS.match(path)
    if this:
        return _rest(path[this.end() :])
    if path[:1] in ("[", "{"):
        return _selection(path)
    if path[:2] == "#(":
        return _query(path)
    if path == "#" or path[:2] in ("#.", "#|"):
        return _elements(path)
    return _member(path)


def _rest(path: str) -> Evaluate:
    """What follows a step that made a new value: applied to the whole, after a dot too."""
    if not path:
        return _itself
    if path[0] not in ".|":
        raise _MalformedPath
    return _compile(path[1:])


def _member(path: str) -> Evaluate:
    matched = _KEY.match(path)
    text = matched.group() if matched else ""
    tail = path[len(text) :]
    if not text:
        raise _MalformedPath
    rest = _rest(tail)
    if re.search(r"[*?]", _ESCAPE.sub("", text)):
        return _wild_member(text, rest, is_first=tail[:1] != ".")
    key = _ESCAPE.sub(r"\1", text)
    index = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else sys.maxsize

    def member(value: Any) -> Any:
        if type(value) is dict:
            return rest(value.get(key, MISSING))
        if type(value) is list:
            return rest(value[index] if index < len(value) else MISSING)
        return MISSING

    return member


def _wild_member(text: str, rest: Evaluate, is_first: bool) -> Evaluate:
    """The first member whose key fits; unless ``is_first``, the first that has the rest as well."""
    pattern = _glob(text)

    def member(value: Any) -> Any:
        if type(value) is not dict:
            return rest(MISSING) if type(value) is list else MISSING
        fitting = (item for key, item in value.items() if pattern.fullmatch(key))
        if is_first:
            return rest(next(fitting, MISSING))
        results = map(rest, fitting)
        return next((result for result in results if result is not MISSING), MISSING)

    return member


def _elements(path: str) -> Evaluate:
    """``#``: how many elements there are, or the same path below each."""
    if path[1:2] == ".":
        each, whole = _each_and_whole(path[2:])
    else:
        each, whole = None, _rest(path[1:])

    def elements(value: Any) -> Any:
        if type(value) is not list:
            return whole(MISSING) if type(value) is dict else MISSING
        return whole(len(value) if each is None else _collect(each, value))

    return elements


def _query(path: str) -> Evaluate:
    """``#(key op value)``: the first element that matches, with a second ``#`` all of them."""
    end = _scan(path, 2, ")]}")
    is_all = path[end + 1 : end + 2] == "#"
    tail = path[end + 2 if is_all else end + 1 :]
    test = _test(path[2:end])
    each, whole = _each_and_whole(tail[1:]) if tail[:1] == "." else (_itself, _rest(tail))

    def query(value: Any) -> Any:
        if type(value) is not list:
            return whole(MISSING) if type(value) is dict else MISSING
        matching = filter(test, value)
        if is_all:
            return whole(_collect(each, matching))
        return whole(each(next(matching, MISSING)))

    return query


def _each_and_whole(path: str) -> tuple[Evaluate, Evaluate]:
    """The part for each element, and the part behind the first pipe, for all of them together."""
    pipe = _scan(path, 0, "|", is_needed=False)
    if pipe < 0:
        return _compile(path), _itself
    return _compile(path[:pipe]), _compile(path[pipe + 1 :])


def _collect(each: Evaluate, values: Iterator[Any] | list[Any]) -> list[Any]:
    return [result for result in map(each, values) if result is not MISSING]


def _test(text: str) -> Callable[[Any], bool]:
    """What stands in a query's parentheses, as a question to one element."""
    at = _scan(text, 0, "!=<>%", is_needed=False)
    path = (text if at < 0 else text[:at]).strip()
    subject = _compile(path) if path else _plain_value
    if at < 0:
        return lambda element: subject(element) is not MISSING
    sign = _OPERATOR.match(text, at)
    if sign is None:
        raise _MalformedPath
    compare = _comparison(sign.group(), _unquote(text[sign.end() :].strip()))
    return lambda element: compare(subject(element))


def _plain_value(element: Any) -> Any:
    return MISSING if isinstance(element, (dict, list)) else element


def _comparison(sign: str, text: str) -> Callable[[Any], bool]:
    """Compares by the type of what is found; null, arrays and objects match nothing."""
    if "%" in sign:
        pattern, is_wanted = _glob(text), sign == "%"
        return lambda found: (
            isinstance(found, str) and (pattern.fullmatch(found) is not None) is is_wanted
        )
    order, number = _ORDERS[sign], _number(text)
    truth = {"true": True, "false": False}.get(text)

    def compare(found: Any) -> bool:
        if type(found) is str:
            return order(found, text)
        if type(found) is bool:
            return sign == "!=" if truth is None else order(found, truth)
        return type(found) in (int, float) and order(found, number)

    return compare


def _number(text: str) -> float:
    """The number in a text; 0 when there is none, as GJSON has it."""
    try:
        return 0.0 if "_" in text else float(text)
    except ValueError:
        return 0.0


def _selection(path: str) -> Evaluate:
    """``[a,b]`` and ``{a,b}``: what is missing is left out, the array or object always exists."""
    end = _scan(path, 1, ")]}")
    parts = [_named(part) for part in _split(path[1:end]) if part]
    rest = _rest(path[end + 1 :])

    def array(value: Any) -> Any:
        results = (evaluate(value) for _, evaluate in parts)
        return rest([result for result in results if result is not MISSING])

    def make_object(value: Any) -> Any:
        results = ((name, evaluate(value)) for name, evaluate in parts)
        return rest({name: result for name, result in results if result is not MISSING})

    return array if path[0] == "[" else make_object


def _split(text: str) -> Iterator[str]:
    start = 0
    while (comma := _scan(text, start, ",", is_needed=False)) >= 0:
        yield text[start:comma]
        start = comma + 1
    yield text[start:]


def _named(part: str) -> tuple[str, Evaluate]:
    """One selector, ``path`` or ``name:path``; the name is the path's last key by default."""
    colon = _scan(part, 0, ":", is_needed=False)
    path = part[colon + 1 :]
    if colon >= 0:
        return _unquote(part[:colon]), _compile(path)
    last = re.split(r"[.|]", path)[-1]
    return (last if re.fullmatch(r"[^\[\]{}()#|!\s]+", last) else "_"), _compile(path)


def _scan(text: str, start: int, stops: str, is_needed: bool = True) -> int:
    """Where one of ``stops`` is, outside quotes and brackets; -1 when it is not needed or there."""
    depth, at = 0, start
    while at < len(text):
        char = text[at]
        if char == "\\":
            at += 1
        elif char == '"':
            at = _closing_quote(text, at)
        elif depth == 0 and char in stops:
            return at
        else:
            depth += (char in "([{") - (char in ")]}")
        at += 1
    if is_needed:
        raise _MalformedPath
    return -1


def _closing_quote(text: str, start: int) -> int:
    matched = re.compile(r'"(?:\\.|[^"\\])*"', re.DOTALL).match(text, start)
    if matched is None:
        raise _MalformedPath
    return matched.end() - 1


def _unquote(text: str) -> str:
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text
    try:
        return msgspec.json.decode(text.encode(), type=str)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return _ESCAPE.sub(r"\1", text[1:-1])


def _glob(text: str) -> re.Pattern[str]:
    """``*`` stands for any characters, ``?`` for one, an escaped character for itself."""

    def translate(token: re.Match[str]) -> str:
        escaped, many, one, plain = token.groups()
        if many or one:
            return ".*" if many else "."
        return re.escape(escaped or plain)

    return re.compile(_GLOB.sub(translate, text), re.DOTALL)


def _show(value: Any) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= 60 else f"{text[:60]}…"
