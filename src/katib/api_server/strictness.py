"""Fields that are not known or stand twice: refused, told, or ignored (``fieldValidation``)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from msgspec import inspect

from katib.api.values import Manifest
from katib.api_server.bodies import JSON
from katib.api_server.resources import ResourceType
from katib.api_server.statuses import bad_request

STRICT, WARN, IGNORE = "Strict", "Warn", "Ignore"


def check_fields(type: ResourceType, manifest: Manifest, data: bytes, level: str) -> list[str]:
    """The warnings to answer with, about fields of a kind of ours.

    Args:
        type: what the manifest is one of.
        manifest: the decoded body.
        data: the body, if it is JSON; empty otherwise.
        level: ``Strict``, ``Warn``, ``Ignore``, or nothing for ``Warn``.

    Raises:
        StatusError: 400, there are such fields and the level is ``Strict``; or it is unknown.
    """
    if level not in ("", STRICT, WARN, IGNORE):
        raise bad_request(
            f'fieldValidation: Unsupported value: "{level}": supported values: "Ignore", "Strict", '
            '"Warn"'
        )
    if level == IGNORE or not type.is_ours:
        return []
    found = [f'duplicate field "{path}"' for path in duplicate_fields(data)]
    found += [f'unknown field "{path}"' for path in unknown_fields(type.kind.type, manifest)]
    if found and level == STRICT:
        name = type.kind.name
        raise bad_request(
            f'{name} in version "{type.version}" cannot be handled as a {name}: strict decoding '
            f"error: {', '.join(found)}"
        )
    return found


def raw_json(data: bytes, media_type: str) -> bytes:
    """The text in which fields may stand twice: YAML with such fields is no YAML."""
    return data if media_type == JSON else b""


def unknown_fields(type: Any, manifest: Manifest) -> Iterator[str]:
    """The paths of fields that the type does not have."""
    return _walk(inspect.type_info(type), manifest, "")


def duplicate_fields(data: bytes) -> list[str]:
    """The paths of fields that stand twice in one object of a JSON text."""
    if not data:
        return []
    return list(_duplicates(json.loads(data, object_pairs_hook=_Pairs), ""))


class _Pairs(list[tuple[str, Any]]):
    """A JSON object with all that stands in it."""


def _duplicates(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, _Pairs):
        seen = set()
        for name, item in value:
            place = f"{path}.{name}" if path else name
            if name in seen:
                yield place
            seen.add(name)
            yield from _duplicates(item, place)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _duplicates(item, f"{path}[{index}]")


def _walk(model: inspect.Type, value: Any, path: str) -> Iterator[str]:
    if isinstance(model, inspect.UnionType):
        for member in model.types:
            yield from _walk(member, value, path)
    elif isinstance(model, inspect.VarTupleType) and isinstance(value, list):
        for index, item in enumerate(value):
            yield from _walk(model.item_type, item, f"{path}[{index}]")
    elif isinstance(model, inspect.StructType) and isinstance(value, dict):
        fields = {known.encode_name: known.type for known in model.fields}
        for name, item in value.items():
            place = f"{path}.{name}" if path else name
            if name in fields:
                yield from _walk(fields[name], item, place)
            else:
                yield place
