"""A new experiment after one that there is."""

from __future__ import annotations

import re

from katib.api.names import API_VERSION
from katib.api.values import Manifest
from katib.client.backend import Backend, RefusedError
from katib.client.requests import path_of

_COPY = re.compile(r"-copy(-\d+)?$")

#: How long a name may be before a tail: an experiment's has at most 40 characters.
_STEM = 31


def clone(backend: Backend, namespace: str, name: str) -> Manifest:
    """The document of a new experiment like another, under a name that nobody has.

    Raises:
        KatibError: there is no such experiment, or nobody answers.
    """
    found = backend.ask("GET", path_of("experiments", namespace, name))
    labels = (found.get("metadata") or {}).get("labels")
    fresh = find_free_name(backend, namespace, f"{_stem(name)}-copy")
    metadata = {"name": fresh, "namespace": namespace, **({"labels": labels} if labels else {})}
    head = {"apiVersion": API_VERSION, "kind": "Experiment"}
    return {**head, "metadata": metadata, "spec": found.get("spec") or {}}


def find_free_name(backend: Backend, namespace: str, name: str) -> str:
    """The name, or with a number behind it if somebody has it.

    Raises:
        KatibError: nobody answers.
    """
    fresh, number = name, 2
    while _is_there(backend, namespace, fresh):
        fresh, number = f"{name}-{number}", number + 1
    return fresh


def _stem(name: str) -> str:
    """A name that is no copy's, and leaves room for a tail."""
    stem = _COPY.sub("", name)
    return stem if len(stem) <= _STEM else stem[:_STEM].rstrip("-.")


def _is_there(backend: Backend, namespace: str, name: str) -> bool:
    try:
        backend.ask("GET", path_of("experiments", namespace, name))
    except RefusedError as error:
        if error.code != 404:
            raise
        return False
    return True
