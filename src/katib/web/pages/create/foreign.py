"""Algorithms that the KatibConfig names: the ConfigMap of a cluster, or the file of a home."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from katib.client.backend import Backend, RefusedError
from katib.client.requests import core_path
from katib.configuration import KatibConfig, read_config_map, read_file
from katib.configuration.models import CONFIG_MAP, FILE_NAME
from katib.errors import ConfigurationError

#: Where Katib is installed unless somebody has chosen otherwise.
_USUAL = "kubeflow"


def list_foreign_algorithms(backend: Backend) -> Sequence[str]:
    """The names of algorithms in the KatibConfig, where the server shows it; else none.

    Raises:
        KatibError: nobody answers.
    """
    if backend.home is not None:
        return _of_file(backend.home / FILE_NAME)
    for namespace in dict.fromkeys((backend.namespace, _USUAL)):
        try:
            found = backend.ask("GET", core_path("configmaps", namespace, CONFIG_MAP))
        except RefusedError as error:
            if error.code not in (403, 404):
                raise
            continue
        return _named(partial(read_config_map, found.get("data") or {}))
    return ()


def _of_file(path: Path) -> Sequence[str]:
    return _named(partial(read_file, path)) if path.exists() else ()


def _named(read: Callable[[], KatibConfig]) -> Sequence[str]:
    try:
        config = read()
    except ConfigurationError:
        # Whoever reads it in the server says what is wrong with it.
        return ()
    return [one.algorithm_name for one in config.runtime.suggestions]
