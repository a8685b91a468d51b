"""Models ↔ plain JSON data: what is sent, and what has come."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from numbers import Real
from typing import Any, TypeVar

from katib.api.codec import format_time, parse_time
from katib.models.model import CLASSES, Model

M = TypeVar("M", bound=Model)

_LIST = re.compile(r"list\[(.+)\]")
_MAP = re.compile(r"dict\(str, (.+)\)")
_TEXTS = frozenset(("str", "list[str]", "dict(str, str)"))


def to_json(value: object, path: str = "") -> Any:
    """Plain JSON data of models, Kubernetes' own objects, and whatever is made of them.

    Attributes without a value are left out. Numbers where a model wants texts become texts.

    Args:
        value: anything that a manifest may hold, as a program has it.
        path: where it stands, for errors.

    Raises:
        TypeError: something is no part of a manifest; the text says where it stands.
    """
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, Mapping):
        return {str(name): to_json(item, f"{path}.{name}") for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json(item, f"{path}[{place}]") for place, item in enumerate(value)]
    if isinstance(value, datetime):
        return format_time(value if value.tzinfo else value.replace(tzinfo=UTC))
    return _object_to_json(value, path)


def from_json(model: type[M], data: Mapping[str, Any]) -> M:
    """The model of plain JSON data; what the model does not know is left out.

    Raises:
        ValueError: something that is required is missing, or a time is none.
    """
    found = model.__new__(model)
    for name, key, read in _readers(model):
        value = data.get(key)
        setattr(found, name, value if value is None or read is None else read(value))
    return found


def _object_to_json(value: Any, path: str) -> Any:
    """What models of this and other clients say of themselves, or a number of NumPy's."""
    names = getattr(value, "attribute_map", None)
    types = getattr(value, "openapi_types", None)
    if names is not None and types is not None:
        return {
            names[name]: to_json(_texts(types[name], found), f"{path}.{names[name]}".lstrip("."))
            for name in types
            if (found := getattr(value, name, None)) is not None
        }
    for method in ("to_dict", "item"):
        if callable(getattr(value, method, None)):
            return to_json(getattr(value, method)(), path)
    raise TypeError(
        f"{path.lstrip('.') or 'the manifest'}: {value!r} is a {type(value).__name__}, which no "
        "manifest can hold; give texts, numbers, lists, dictionaries or models"
    )


def _texts(kind: str, value: Any) -> Any:
    """The value, and its numbers as texts where these are wanted."""
    if kind not in _TEXTS:
        return value
    if isinstance(value, (list, tuple)):
        return [_text(item) for item in value]
    if isinstance(value, Mapping):
        return {name: _text(item) for name, item in value.items()}
    return _text(value)


def _text(value: Any) -> Any:
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    return str(value) if is_number else value


_Read = Callable[[Any], Any]


_Readers = tuple[tuple[str, str, _Read | None], ...]

_KNOWN: dict[str, _Readers] = {}


def _readers(model: type[Model]) -> _Readers:
    """Each attribute, its name in JSON and how it is read; ``None`` for what is taken as it is."""
    place = f"{model.__module__}.{model.__qualname__}"
    if place not in _KNOWN:
        _KNOWN[place] = tuple(
            (name, model.attribute_map[name], _reader(kind))
            for name, kind in model.openapi_types.items()
        )
    return _KNOWN[place]


def _reader(kind: str) -> _Read | None:
    if kind == "datetime":
        return parse_time
    if kind in CLASSES:
        model = CLASSES[kind]
        return lambda data: from_json(model, data)
    for pattern, read in ((_LIST, _list_of), (_MAP, _map_of)):
        found = pattern.fullmatch(kind)
        if found:
            return read(_reader(found[1]))
    return None


def _list_of(read: _Read | None) -> _Read:
    return list if read is None else lambda data: [read(item) for item in data]


def _map_of(read: _Read | None) -> _Read:
    return dict if read is None else lambda data: {name: read(one) for name, one in data.items()}
