"""What the operator and the UI may do in a cluster: every call that the code makes, and no other.

Nothing here lets anyone create roles or read the Secrets of others. A row that no code needs any
more is refused by a test, as is a call that no row allows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from katib.api.experiment import EXPERIMENTS
from katib.api.kinds import (
    DEPLOYMENTS,
    EVENTS,
    PERSISTENT_VOLUME_CLAIMS,
    PODS,
    SERVICES,
    kind_of,
)
from katib.api.suggestion import SUGGESTIONS
from katib.api.trial import TRIALS
from katib.api.values import Kind, Manifest
from katib.configuration.defaults import WEBHOOK_SECRET
from katib.configuration.models import parse_trial_resources

#: The name of both webhook configurations.
WEBHOOKS = "katib.kubeflow.org"
ADMISSION_GROUP = "admissionregistration.k8s.io"

_READ = ("get", "list", "watch")
_OURS = (EXPERIMENTS, SUGGESTIONS, TRIALS)


class Scope(StrEnum):
    """Where a right is needed.

    Attributes:
        WORK: in every namespace that has experiments; one, when the install is namespaced.
        CORE: in the operator's own namespace.
        CLUSTER: on what belongs to no namespace; absent when the install is namespaced.
    """

    WORK = "work"
    CORE = "core"
    CLUSTER = "cluster"


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """One row of the table.

    Attributes:
        scope: where it holds.
        group: the API group, empty for core kinds.
        resources: plurals, with ``/status`` and the like.
        verbs: as RBAC has them.
        names: of these resources only; empty for all.
        why: what it is used for.
    """

    scope: Scope
    group: str = ""
    resources: tuple[str, ...]
    verbs: tuple[str, ...]
    names: tuple[str, ...] = ()
    why: str

    @property
    def rule(self) -> Manifest:
        """The rule of a role."""
        names = {"resourceNames": list(self.names)} if self.names else {}
        return {
            "apiGroups": [self.group],
            "resources": list(self.resources),
            "verbs": list(self.verbs),
            **names,
        }


def _group(kind: Kind[Any]) -> str:
    group, slash, _ = kind.api_version.partition("/")
    return group if slash else ""


def _below(part: str) -> tuple[str, ...]:
    return tuple(f"{kind.plural}/{part}" for kind in _OURS)


_RESOURCES = (
    Right(
        scope=Scope.WORK,
        group=_group(EXPERIMENTS),
        resources=(EXPERIMENTS.plural,),
        verbs=(*_READ, "patch"),
        why="follow experiments; set and remove their finalizer",
    ),
    Right(
        scope=Scope.WORK,
        group=_group(EXPERIMENTS),
        resources=(SUGGESTIONS.plural,),
        verbs=(*_READ, "create", "patch"),
        why="ask for assignments",
    ),
    Right(
        scope=Scope.WORK,
        group=_group(EXPERIMENTS),
        resources=(TRIALS.plural,),
        verbs=(*_READ, "create", "patch", "delete"),
        why="make trials, set and remove their finalizer, and delete those that are too many",
    ),
    Right(
        scope=Scope.WORK,
        group=_group(EXPERIMENTS),
        resources=_below("status"),
        verbs=("patch",),
        why="say what became of them",
    ),
    Right(
        scope=Scope.WORK,
        group=_group(EXPERIMENTS),
        resources=_below("finalizers"),
        verbs=("update",),
        why="own what blocks its owner's deletion, where servers ask for this right",
    ),
    Right(
        scope=Scope.WORK,
        group=_group(DEPLOYMENTS),
        resources=(DEPLOYMENTS.plural,),
        verbs=(*_READ, "create", "delete"),
        why="run algorithms that ship as images",
    ),
    Right(
        scope=Scope.WORK,
        resources=(SERVICES.plural,),
        verbs=(*_READ, "create", "delete"),
        why="reach algorithms that ship as images",
    ),
    Right(
        scope=Scope.WORK,
        resources=(PERSISTENT_VOLUME_CLAIMS.plural,),
        verbs=(*_READ, "create"),
        why="keep the checkpoints of trials, and the state of algorithms under FromVolume",
    ),
    Right(
        scope=Scope.WORK,
        resources=(PODS.plural,),
        verbs=("list",),
        why="say what keeps the pods of a trial from running",
    ),
    Right(
        scope=Scope.WORK,
        resources=("configmaps",),
        verbs=("get",),
        why="read trial templates",
    ),
    Right(
        scope=Scope.WORK,
        resources=(EVENTS.plural,),
        verbs=("create", "patch"),
        why="tell what happens",
    ),
    Right(
        scope=Scope.CORE,
        group="coordination.k8s.io",
        resources=("leases",),
        verbs=("get", "create", "update"),
        why="agree with other operators on who works",
    ),
    Right(
        scope=Scope.CORE,
        resources=("secrets",),
        verbs=("get", "update"),
        names=(WEBHOOK_SECRET,),
        why="keep the webhooks' certificate, and by what trials are known when they call",
    ),
    Right(
        scope=Scope.CLUSTER,
        resources=("persistentvolumes",),
        verbs=("get", "create"),
        why="make the volume that an algorithm's entry asks for",
    ),
)

_WEBHOOKS = (
    Right(
        scope=Scope.WORK,
        group="jobset.x-k8s.io",
        resources=("jobsets",),
        verbs=("get",),
        why="find the trial of a TrainJob's pod",
    ),
    Right(
        scope=Scope.CLUSTER,
        group=ADMISSION_GROUP,
        resources=("validatingwebhookconfigurations", "mutatingwebhookconfigurations"),
        verbs=("get", "patch"),
        names=(WEBHOOKS,),
        why="tell the API server which authority signs the webhooks' certificate",
    ),
)


_UI = (
    Right(
        scope=Scope.WORK,
        group=_group(EXPERIMENTS),
        resources=(EXPERIMENTS.plural,),
        verbs=(*_READ, "create", "patch", "delete"),
        why="show experiments, and do what a user does who may",
    ),
    Right(
        scope=Scope.WORK,
        group=_group(TRIALS),
        resources=(TRIALS.plural,),
        verbs=_READ,
        why="show trials",
    ),
    Right(scope=Scope.WORK, resources=(EVENTS.plural,), verbs=("list",), why="show what happened"),
    Right(
        scope=Scope.WORK,
        resources=(PODS.plural,),
        verbs=("list",),
        why="show the pods of a trial, and find the one that has its log",
    ),
    Right(scope=Scope.WORK, resources=(f"{PODS.plural}/log",), verbs=("get",), why="show logs"),
    Right(
        scope=Scope.WORK,
        resources=("configmaps",),
        verbs=("get", "list"),
        why="offer trial templates, and the algorithms that the configuration adds",
    ),
)
_UI_OF_ALL = (
    Right(
        scope=Scope.CLUSTER,
        resources=("namespaces",),
        verbs=("list",),
        why="offer the namespaces that a user may look into",
    ),
    Right(
        scope=Scope.CLUSTER,
        group="authorization.k8s.io",
        resources=("subjectaccessreviews",),
        verbs=("create",),
        why="ask what a user may do",
    ),
)
_UI_OF_ONE = (
    Right(
        scope=Scope.WORK,
        group="authorization.k8s.io",
        resources=("localsubjectaccessreviews",),
        verbs=("create",),
        why="ask what a user may do there",
    ),
)


def ui_rights(*, is_namespaced: bool = False) -> tuple[Right, ...]:
    """All that the web UI needs.

    Args:
        is_namespaced: whether it shows one namespace only.
    """
    return (*_UI, *(_UI_OF_ONE if is_namespaced else _UI_OF_ALL))


def rights(trial_resources: Sequence[str], *, has_webhooks: bool = True) -> tuple[Right, ...]:
    """All that an operator needs.

    Args:
        trial_resources: the kinds that trials may be, each as ``Kind.version.group``.
        has_webhooks: whether the operator serves admission webhooks.

    Raises:
        ConfigurationError: a kind is not written so.
    """
    return (*_RESOURCES, *_runs(trial_resources), *(_WEBHOOKS if has_webhooks else ()))


def rules(table: Iterable[Right], scope: Scope) -> list[Manifest]:
    """The rules of the role that holds a scope's rights."""
    return [right.rule for right in table if right.scope is scope]


def _runs(trial_resources: Sequence[str]) -> list[Right]:
    plurals: dict[str, dict[str, None]] = {}
    for one in parse_trial_resources(tuple(trial_resources)):
        plural = kind_of(one.api_version, one.kind).plural
        plurals.setdefault(one.group, {})[plural] = None
    return [
        Right(
            scope=Scope.WORK,
            group=group,
            resources=tuple(named),
            verbs=(*_READ, "create", "delete"),
            why="run trials",
        )
        for group, named in plurals.items()
    ]
