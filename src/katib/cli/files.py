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
        for document in documents:
            metadata: Manifest = document.get("metadata") or {}
            name = (document.get("kind"), metadata.get("namespace"), metadata.get("name"))
            if name in seen and metadata.get("name"):
                raise ManifestError(str(path), f"{name[0]} {name[2]} is there twice")
            seen.add(name)
            yield path, document
