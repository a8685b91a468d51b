"""The words of ``api`` as programs for Katib's SDK know them: ``V1beta1Experiment`` and its parts.

A model is an object that may be changed, with attributes in Python's spelling; ``model`` says what
all of them can do, and ``documents`` turns them into manifests and back. ``experiment``,
``suggestion`` and ``trial`` are written by ``scripts/generate_models.py`` from the resources of
``api``, so that both say the same; ``metadata`` has the few of Kubernetes' own that these are made
of. Every other class of Kubernetes comes from its client, when that is installed.

The engine does not use models: it has the values of ``api``. This room knows nothing else.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from katib.models.experiment import *  # noqa: F403  # what is listed there
from katib.models.metadata import *  # noqa: F403  # what is listed there
from katib.models.suggestion import *  # noqa: F403  # what is listed there
from katib.models.trial import *  # noqa: F403  # what is listed there

#: Where the classes of Kubernetes' client are; no room beside ``kubernetes`` may know it.
_CLUSTER = "katib.kubernetes.classes"


def __getattr__(name: str) -> Any:
    """A class of Kubernetes' client, as ``V1PodSpec``.

    Raises:
        AttributeError: there is none of that name, or that client is not installed.
    """
    if not name.startswith("V"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module(_CLUSTER).find_class(name)
