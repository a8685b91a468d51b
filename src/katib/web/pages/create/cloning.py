"""A new experiment after one that there is."""

from __future__ import annotations

import re
from collections.abc import Callable

from katib.api.names import API_VERSION
from katib.api.values import Manifest
from katib.client.backend import Backend, RefusedError
from katib.client.requests import path_of

_COPY = re.compile(r"-copy(-\d+)?$")

#: The longest name that an experiment may have, and what is left of it before a tail.
_LONGEST, _STEM = 40, 30


def clone(backend: Backend, namespace: str, name: str) -> Manifest:
    """The document of a new experiment like another, under a name that nobody has.

    Raises:
        KatibError: there is no such experiment, or nobody answers.
    """
    found = backend.ask("GET", path_of("experiments", namespace, name))
    labels = (found.get("metadata") or {}).get("labels")
    fresh = find_name(name, lambda one: _is_there(backend, namespace, one))
    metadata = {"name": fresh, "namespace": namespace, **({"labels": labels} if labels else {})}
    head = {"apiVersion": API_VERSION, "kind": "Experiment"}
    return {**head, "metadata": metadata, "spec": found.get("spec") or {}}


def find_name(name: str, is_taken: Callable[[str], bool]) -> str:
    """The first free name of ``NAME-copy``, ``NAME-copy-2``…"""
    stem = _COPY.sub("", name)
    if len(stem) + len("-copy-99") > _LONGEST:
        stem = stem[:_STEM].rstrip("-.")
    fresh, number = f"{stem}-copy", 2
    while is_taken(fresh):
        fresh, number = f"{stem}-copy-{number}", number + 1
    return fresh


def _is_there(backend: Backend, namespace: str, name: str) -> bool:
    try:
        backend.ask("GET", path_of("experiments", namespace, name))
    except RefusedError as error:
        if error.code != 404:
            raise
        return False
    return True
