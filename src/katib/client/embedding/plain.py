"""Manifests of the objects that clients of Kubernetes have for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def plain(value: Any) -> Any:
    """A value as JSON has it; an object with an ``attribute_map`` is a map of what is not ``None``.

    Objects are copied, so that nobody's own is changed.
    """
    names = getattr(value, "attribute_map", None)
    if isinstance(names, Mapping):
        pairs = ((names[attribute], getattr(value, attribute)) for attribute in names)
        return {name: plain(one) for name, one in pairs if one is not None}
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value
