"""The table of everything that the server serves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from katib.api.experiment import EXPERIMENTS
from katib.api.kinds import (
    CLUSTER_TRAINING_RUNTIMES,
    CONFIG_MAPS,
    DEPLOYMENTS,
    EVENTS,
    FUNCTION_CALLS,
    JOBS,
    PERSISTENT_VOLUME_CLAIMS,
    PODS,
    SECRETS,
    SERVICE_ACCOUNTS,
    SERVICES,
    TRAIN_JOBS,
    TRAINING_RUNTIMES,
)
from katib.api.suggestion import SUGGESTIONS
from katib.api.trial import TRIALS
from katib.api.values import Kind, Unstructured

AUTHORIZATION = "authorization.k8s.io/v1"

#: Belong to no namespace: their keys have an empty one.
NAMESPACES = Kind("v1", "Namespace", "namespaces", Unstructured)
SELF_SUBJECT_ACCESS_REVIEWS = Kind(
    AUTHORIZATION, "SelfSubjectAccessReview", "selfsubjectaccessreviews", Unstructured
)
SELF_SUBJECT_RULES_REVIEWS = Kind(
    AUTHORIZATION, "SelfSubjectRulesReview", "selfsubjectrulesreviews", Unstructured
)

READ_VERBS = ("get", "list", "watch")
ALL_VERBS = (
    "create",
    "delete",
    "deletecollection",
    "get",
    "list",
    "patch",
    "update",
    "watch",
)


@dataclass(frozen=True, slots=True)
class ResourceType:
    """A kind as the server serves it: what discovery says of it and what requests may do.

    Attributes:
        kind: the kind in the store, with its ``apiVersion`` and plural.
        singular: the name of one, as kubectl takes it.
        short_names: what kubectl takes instead of the plural.
        categories: the groups it is listed with, as in ``kubectl get all``.
        is_namespaced: whether its keys have a namespace.
        has_status: whether ``/status`` is served.
        verbs: what may be asked of it, in alphabetical order.
        subresources: other paths below one of its names, as ``log``.
    """

    kind: Kind[Any]
    singular: str
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    is_namespaced: bool = True
    has_status: bool = True
    verbs: tuple[str, ...] = ALL_VERBS
    subresources: tuple[str, ...] = ()

    @property
    def group(self) -> str:
        """The API group, empty for the core's."""
        return self.kind.api_version.rpartition("/")[0]

    @property
    def version(self) -> str:
        """The version within the group."""
        return self.kind.api_version.rpartition("/")[2]

    @property
    def plural(self) -> str:
        """The name in paths."""
        return self.kind.plural

    @property
    def qualified_name(self) -> str:
        """As errors name it: ``experiments.kubeflow.org``, ``pods``."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def is_ours(self) -> bool:
        """Whether its resources have types of ours."""
        return not issubclass(self.kind.type, Unstructured)


_OURS = ("all", "kubeflow", "katib")

RESOURCE_TYPES: tuple[ResourceType, ...] = (
    ResourceType(EXPERIMENTS, "experiment", categories=_OURS),
    ResourceType(SUGGESTIONS, "suggestion", categories=_OURS),
    ResourceType(TRIALS, "trial", categories=_OURS, subresources=("log", "observationlog")),
    ResourceType(JOBS, "job", categories=("all",)),
    ResourceType(PODS, "pod", ("po",), ("all",), subresources=("log",)),
    ResourceType(EVENTS, "event", ("ev",), has_status=False, verbs=READ_VERBS),
    ResourceType(CONFIG_MAPS, "configmap", ("cm",), has_status=False),
    ResourceType(SECRETS, "secret", has_status=False),
    ResourceType(NAMESPACES, "namespace", ("ns",), is_namespaced=False),
    ResourceType(PERSISTENT_VOLUME_CLAIMS, "persistentvolumeclaim", ("pvc",)),
    ResourceType(SERVICES, "service", ("svc",), ("all",)),
    ResourceType(SERVICE_ACCOUNTS, "serviceaccount", ("sa",), has_status=False),
    ResourceType(DEPLOYMENTS, "deployment", ("deploy",), ("all",)),
    ResourceType(TRAIN_JOBS, "trainjob"),
    ResourceType(FUNCTION_CALLS, "functioncall"),
    ResourceType(TRAINING_RUNTIMES, "trainingruntime", has_status=False),
    ResourceType(
        CLUSTER_TRAINING_RUNTIMES,
        "clustertrainingruntime",
        is_namespaced=False,
        has_status=False,
    ),
    ResourceType(
        SELF_SUBJECT_ACCESS_REVIEWS,
        "selfsubjectaccessreview",
        is_namespaced=False,
        has_status=False,
        verbs=("create",),
    ),
    ResourceType(
        SELF_SUBJECT_RULES_REVIEWS,
        "selfsubjectrulesreview",
        is_namespaced=False,
        has_status=False,
        verbs=("create",),
    ),
)

Address = tuple[str, str, str]

_BY_PATH: Mapping[Address, ResourceType] = MappingProxyType(
    {(known.group, known.version, known.plural): known for known in RESOURCE_TYPES}
)


def find_resource_type(group: str, version: str, plural: str) -> ResourceType | None:
    """What is served at ``/apis/{group}/{version}/{plural}``; the core's group is empty."""
    return _BY_PATH.get((group, version, plural))
