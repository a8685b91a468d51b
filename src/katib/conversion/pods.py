"""The pods of a workload, and which of their containers trains."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from katib.api.values import Manifest
from katib.conversion.scope import Scope

#: What a container is called that had the trial's name.
PRIMARY_CONTAINER = "training-container"

_JOB = "Job"
#: Kind → the field of its replicas, and the replicas that train, the first that is there.
_REPLICAS = {
    "TFJob": ("tfReplicaSpecs", ("chief", "master", "worker")),
    "PyTorchJob": ("pytorchReplicaSpecs", ("master",)),
}
#: What v1alpha3 runs.
KINDS = (_JOB, *_REPLICAS)


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod of the workload.

    Attributes:
        path: of its spec.
        containers: as the template has them, one at least.
    """

    path: str
    containers: list[Manifest]


def list_pods(manifest: Manifest) -> list[Pod]:
    """The pods of a workload, the one that trains first; those without containers are left out."""
    kind = str(manifest.get("kind"))
    if kind == _JOB:
        return list(_pod(manifest.get("spec"), "spec"))
    if kind not in _REPLICAS:
        return []
    field, order = _REPLICAS[kind]
    replicas = _inside(_inside(manifest, "spec"), field)

    def rank(name: str) -> int:
        plain = name.casefold()
        return order.index(plain) if plain in order else len(order)

    return [
        pod
        for name in sorted(replicas, key=rank)
        for pod in _pod(replicas[name], f"spec.{field}.{name}")
    ]


def name_primary(pods: Sequence[Pod], scope: Scope) -> str:
    """Find the primary container, and give every container whose name varied a fixed one."""
    every = [container for pod in pods for container in pod.containers]
    fixed = _free_name({str(container.get("name")) for container in every})
    first = pods[0].containers
    primary = next((one for one in first if one.get("name") == scope.trial), first[0])
    varied = primary.get("name")
    for container in every:
        name = container.get("name")
        if name == scope.trial or (name == varied and scope.marks.find(str(name))):
            container["name"] = fixed
    return str(primary.get("name"))


def _free_name(taken: set[str]) -> str:
    number, name = 1, PRIMARY_CONTAINER
    while name in taken:
        number += 1
        name = f"{PRIMARY_CONTAINER}-{number}"
    return name


def _pod(owner: Any, path: str) -> Iterator[Pod]:
    spec = _inside(_inside(owner, "template"), "spec")
    containers = spec.get("containers")
    if isinstance(containers, list) and containers:
        if all(isinstance(one, dict) for one in containers):
            yield Pod(f"{path}.template.spec", containers)


def _inside(owner: Any, name: str) -> Manifest:
    found = owner.get(name) if isinstance(owner, dict) else None
    return found if isinstance(found, dict) else {}
