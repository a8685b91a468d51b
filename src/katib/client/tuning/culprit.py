"""Finds what keeps a function from being pickled, and says how the user calls it."""

from __future__ import annotations

import functools
import io
import socket
import threading
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

#: How a value is pickled, or raises.
Dump = Callable[[object], bytes]

#: How many steps are followed before the search is given up where it is.
DEEPEST = 40

_LOCKS = ("_thread.lock", "_thread.RLock", "threading.")


@dataclass(frozen=True, slots=True)
class Culprit:
    """What cannot be pickled.

    Attributes:
        place: how the user comes to it, as ``its global variable "log"``.
        what: what it is.
        advice: what to do, a sentence.
    """

    place: str
    what: str
    advice: str


@dataclass(frozen=True, slots=True)
class _Step:
    """A part of something: where it is, and what."""

    place: str
    value: object


def find_culprit(root: object, dump: Dump, place: str = "it") -> Culprit | None:
    """The innermost part that cannot be pickled; ``None`` when the root can be.

    Args:
        root: the function.
        dump: pickles, or raises.
        place: what the root is called.
    """
    if not _fails(root, dump):
        return None
    value, seen = root, {id(root)}
    for _ in range(DEEPEST):
        step = next(
            (
                one
                for one in _parts(place, value)
                if id(one.value) not in seen and _fails(one.value, dump)
            ),
            None,
        )
        if step is None:
            break
        place, value = step.place, step.value
        seen.add(id(value))
    return Culprit(place, _described(value), _advice(value))


def find_largest(root: object, dump: Dump) -> tuple[str, int]:
    """Where the largest part of something is, and its size in bytes once pickled.

    The way goes on into a part for as long as most of the size is there.
    """
    place, value, size, seen = "the function itself", root, len(dump(root)), {id(root)}
    for _ in range(DEEPEST):
        parts = [
            (len(dump(one.value)), one)
            for one in _parts("it" if value is root else place, value)
            if id(one.value) not in seen
        ]
        largest, step = max(parts, key=lambda part: part[0], default=(0, None))
        if step is None or largest * 2 < size:
            break
        place, value, size = step.place, step.value, largest
        seen.add(id(value))
    return place, size


def _fails(value: object, dump: Dump) -> bool:
    try:
        dump(value)
    except Exception:
        return True
    return False


def _parts(place: str, value: object) -> Iterator[_Step]:
    """What is pickled with a value, and how the user comes to it."""
    if isinstance(value, _WHOLE):
        return
    for kinds, parts in _PARTS:
        if isinstance(value, kinds):
            yield from parts(place, value)
            return
    yield from _parts_of_object(place, value)


def _parts_of_method(place: str, method: types.MethodType) -> Iterator[_Step]:
    yield _Step(f"{_whose(place)} self", method.__self__)
    yield _Step(f"{_whose(place)} function {method.__name__}", method.__func__)


def _parts_of_partial(place: str, partial: functools.partial[Any]) -> Iterator[_Step]:
    yield _Step(f"{_whose(place)} function", partial.func)
    yield from _numbered(f"{_whose(place)} arguments", partial.args)
    yield from _named(f"{_whose(place)} argument", partial.keywords)


def _parts_of_mapping(place: str, values: Mapping[Any, Any]) -> Iterator[_Step]:
    for key, item in values.items():
        yield _Step(f"{place}[{key!r}]", item)
        yield _Step(f"the key {key!r} of {place}", key)


def _parts_of_namespace(place: str, value: object) -> Iterator[_Step]:
    """Of a module or a class, that are the user's own."""
    for name, item in list(vars(value).items()):
        if not (name.startswith("__") and name.endswith("__")):
            yield _Step(f"{place}.{name}", item)


def _parts_of_function(place: str, function: types.FunctionType) -> Iterator[_Step]:
    whose, code = _whose(place), function.__code__
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield _Step(f'{whose} closure variable "{name}"', cell.cell_contents)
        except ValueError:
            # A variable that has no value yet.
            continue
    for name in dict.fromkeys(_names(code)):
        if name in function.__globals__:
            yield _Step(f'{whose} global variable "{name}"', function.__globals__[name])
    defaults = function.__defaults__ or ()
    last = code.co_varnames[: code.co_argcount][code.co_argcount - len(defaults) :]
    named = {**dict(zip(last, defaults, strict=True)), **(function.__kwdefaults__ or {})}
    yield from _named(f"{whose} default value of", named)
    yield from _named(f"{whose} attribute", vars(function))


def _names(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)


def _parts_of_object(place: str, value: object) -> Iterator[_Step]:
    """What an object says that it is made from."""
    yield from _attributes(place, getattr(value, "__dict__", {}))
    for kind in type(value).__mro__:
        slots = vars(kind).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if hasattr(value, name):
                yield _Step(f"{place}.{name}", getattr(value, name))
    yield _Step(f"the class {type(value).__name__} of {place}", type(value))


def _attributes(place: str, values: Mapping[str, Any]) -> Iterator[_Step]:
    for name, item in list(values.items()):
        yield _Step(f"{place}.{name}", item)


def _numbered(place: str, values: Any) -> Iterator[_Step]:
    for index, item in enumerate(values):
        yield _Step(f"{place}[{index}]", item)


def _named(place: str, values: Mapping[str, Any]) -> Iterator[_Step]:
    for name, item in values.items():
        yield _Step(f'{place} "{name}"', item)


def _whose(place: str) -> str:
    return "its" if place == "it" else f"{place}, whose"


#: What is not looked into: it is what it is.
_WHOLE = (io.IOBase, socket.socket, threading.Thread, types.GeneratorType)

_Parts = Callable[[str, Any], Iterator[_Step]]

_PARTS: tuple[tuple[type | tuple[type, ...], _Parts], ...] = (
    (types.FunctionType, _parts_of_function),
    (types.MethodType, _parts_of_method),
    (functools.partial, _parts_of_partial),
    (Mapping, _parts_of_mapping),
    ((list, tuple, set, frozenset), _numbered),
    ((types.ModuleType, type), _parts_of_namespace),
)


def _described(value: object) -> str:
    kind = type(value)
    name = (
        kind.__qualname__
        if kind.__module__ == "builtins"
        else f"{kind.__module__}.{kind.__qualname__}"
    )
    if isinstance(value, io.IOBase):
        return f"an open file ({getattr(value, 'name', name)!r})"
    for kinds, what in (
        (types.GeneratorType, "a generator"),
        (socket.socket, "a socket"),
        (threading.Thread, "a thread"),
        (types.ModuleType, f"the module {getattr(value, '__name__', '')}"),
        (type, f"the class {getattr(value, '__qualname__', '')}"),
    ):
        if isinstance(value, kinds):
            return what
    if name.startswith(_LOCKS):
        return f"a lock ({name})"
    text = repr(value)
    return (
        f"{text if len(text) <= 60 else text[:59] + '…'}, of type {name}, which cannot be pickled"
    )


def _advice(value: object) -> str:
    name = f"{type(value).__module__}.{type(value).__qualname__}"
    if isinstance(value, io.IOBase):
        return "Open it inside the function"
    if isinstance(value, types.GeneratorType):
        return "Make it inside the function, or turn it into a list"
    if isinstance(value, socket.socket):
        return "Connect inside the function"
    if isinstance(value, threading.Thread):
        return "Start it inside the function"
    if name.startswith(_LOCKS):
        return "Make it inside the function: worker processes could not share it"
    return "Make it inside the function, or hand over what it can be made from"
