"""The classes of the ``kubernetes`` library, for programs that build their manifests with them."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def find_class(name: str) -> Any:
    """A class of the library, as ``V1PodSpec``.

    Raises:
        AttributeError: it has none of that name, or is not installed.
    """
    try:
        library = import_module("kubernetes.client")
    except ImportError as error:
        raise AttributeError(
            f"{name} is a class of the kubernetes client, which is not installed: "
            "pip install 'katib[cluster]', or write that part of the manifest as a dictionary"
        ) from error
    if not hasattr(library, name):
        raise AttributeError(f"neither katib.models nor the kubernetes client has {name!r}")
    return getattr(library, name)
