"""Which resources of a cluster have a copy in the store, and by which label they are found."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from katib.api import names
from katib.api.kinds import (
    CLUSTER_TRAINING_RUNTIMES,
    DEPLOYMENTS,
    PERSISTENT_VOLUME_CLAIMS,
    PODS,
    SERVICES,
    TRAINING_RUNTIMES,
)
from katib.api.values import Kind, ObjectMeta, Strings, Unstructured

_LABEL_ROOT = names.LABEL_TRIAL.removesuffix("trial")

#: What belongs to an algorithm, and is watched by the label of its suggestion.
_PARTS = frozenset(kind.address for kind in (DEPLOYMENTS, SERVICES, PERSISTENT_VOLUME_CLAIMS))

#: What no trial runs: it is read when it is asked for.
_UNWATCHED_GROUPS = ("rbac.authorization.k8s.io/", "coordination.k8s.io/")
_UNWATCHED = frozenset(kind.address for kind in (TRAINING_RUNTIMES, CLUSTER_TRAINING_RUNTIMES))


def owner_label(kind: str) -> str:
    """The label with the name of the owner, when a kind of ours owns a resource.

    They are Katib's own: ``katib.kubeflow.org/trial`` and ``katib.kubeflow.org/suggestion``.
    """
    return f"{_LABEL_ROOT}{kind.lower()}"


def label_of(kind: Kind[Any]) -> str | None:
    """The label by which a kind is watched: empty for all; ``None`` when it is not watched.

    Kinds of ours are watched whole. Of the others there may be any number that have nothing to do
    with us.
    """
    if not issubclass(kind.type, Unstructured):
        return ""
    if kind.address in _PARTS:
        return owner_label("suggestion")
    is_core = kind.api_version == "v1" and kind.address != PODS.address
    if is_core or kind.api_version.startswith(_UNWATCHED_GROUPS) or kind.address in _UNWATCHED:
        return None
    return names.LABEL_TRIAL


def labelled(metadata: ObjectMeta, label: str | None) -> ObjectMeta:
    """The metadata with the label by which the resource is watched, if its owner gives it that."""
    owner = metadata.controller
    if not label or owner is None or owner_label(owner.kind) != label:
        return metadata
    return replace(metadata, labels=Strings({**(metadata.labels or {}), label: owner.name}))
