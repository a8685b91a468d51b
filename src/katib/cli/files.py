"""Reading the files that a command names."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from katib.api.codec import load_yaml
from katib.api.values import Manifest
from katib.errors import ManifestError


def read_manifests(files: Iterable[Path]) -> Iterator[tuple[Path, Manifest]]:
    """Every document of the files, in order; ``-`` is the standard input.

    Raises:
        ManifestError: a file cannot be read or is no YAML, with line and column.
    """
    seen: set[tuple[object, ...]] = set()
    for path in files:
        try:
            text = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
        except OSError as error:
            raise ManifestError(str(path), f"cannot be read: {error.strerror}") from error
        documents = list(load_yaml(text, str(path)))
        if not documents:
            raise ManifestError(str(path), "holds no document")
        for document in _without_lists(documents):
            name = _name(document, str(path))
            if name in seen and name[2] is not None:
                raise ManifestError(str(path), f"{name[0]} {name[2]} is there twice")
            seen.add(name)
            yield path, document


def _without_lists(documents: Iterable[Manifest]) -> Iterator[Manifest]:
    """The documents, with the items of a List (as ``get -o yaml`` prints them) in its place."""
    for document in documents:
        items = document.get("items")
        if document.get("kind") == "List" and isinstance(items, list):
            yield from (item for item in items if isinstance(item, dict))
        else:
            yield document


def _name(document: Manifest, source: str) -> tuple[str | None, str | None, str | None]:
    """Kind, namespace and name of a document.

    Raises:
        ManifestError: one of them cannot be one.
    """
    metadata = document.get("metadata")
    if metadata is not None and not isinstance(metadata, dict):
        raise ManifestError(source, f"metadata: must be a map, not {metadata!r}")
    found = {"kind": document.get("kind")}
    for field in ("namespace", "name"):
        found[f"metadata.{field}"] = (metadata or {}).get(field)
    for place, value in found.items():
        if isinstance(value, (dict, list)):
            raise ManifestError(source, f"{place}: must be a text, not {value!r}")
    kind, namespace, name = (None if one is None else str(one) for one in found.values())
    return kind, namespace, name
