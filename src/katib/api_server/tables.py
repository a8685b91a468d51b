"""Lists as tables: what ``kubectl get`` prints."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

import msgspec

from katib.api.values import Manifest
from katib.api_server.columns import Column, columns_of
from katib.api_server.resources import ResourceType

API_VERSION = "meta.k8s.io/v1"


def as_table(
    resource_type: ResourceType,
    objects: Iterable[Manifest],
    now: datetime,
    include_object: str = "Metadata",
) -> dict[str, Any]:
    """The ``Table`` of resources of one type, a row for each, in their order.

    Its rows are texts already, made one after the other, so that a long list is never there as data
    as a whole. Its ``metadata`` is empty: only the caller knows the version of the list and what is
    left of it.

    Args:
        resource_type: of all the resources.
        objects: the resources as plain data.
        now: the time from which ages are counted.
        include_object: what comes with a row: ``None``, the ``Metadata``, or the whole ``Object``.

    Raises:
        ValueError: ``include_object`` is none of these.
    """
    include = _INCLUDE.get(include_object)
    if include is None:
        found = f'"{include_object}", supported values: {", ".join(_INCLUDE)}'
        raise ValueError(f"includeObject: Unsupported value: {found}")
    columns = columns_of(resource_type.kind)
    reads = [column.read for column in columns]
    return {
        "kind": "Table",
        "apiVersion": API_VERSION,
        "metadata": {},
        "columnDefinitions": [_definition(column) for column in columns],
        "rows": [
            msgspec.Raw(
                msgspec.json.encode(
                    {"cells": [read(one, now) for read in reads], "object": include(one)}
                )
            )
            for one in objects
        ],
    }


def _definition(column: Column) -> Manifest:
    return {
        "name": column.name,
        "type": column.type,
        "format": column.format,
        "description": column.description,
        "priority": 1 if column.is_wide else 0,
    }


def _metadata(resource: Manifest) -> Manifest:
    metadata = resource.get("metadata") or {}
    return {"kind": "PartialObjectMetadata", "apiVersion": API_VERSION, "metadata": metadata}


_INCLUDE: Mapping[str, Callable[[Manifest], Manifest | None]] = MappingProxyType(
    {"None": lambda _: None, "Metadata": _metadata, "Object": lambda resource: resource}
)
