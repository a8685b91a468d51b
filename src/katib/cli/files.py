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
    for path in files:
        try:
            text = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
        except OSError as error:
            raise ManifestError(str(path), f"cannot be read: {error.strerror}") from error
        documents = list(load_yaml(text, str(path)))
        if not documents:
            raise ManifestError(str(path), "holds no document")
        for document in documents:
            yield path, document
