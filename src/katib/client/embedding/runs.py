"""The Job or the PyTorchJob that a trial is, round its containers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeGuard

from katib.api.values import Manifest
from katib.client.resources import TrainerResources
from katib.models.documents import to_json

#: The primary container of a Job, and that of a PyTorchJob.
JOB_CONTAINER, TORCH_CONTAINER = "training-container", "pytorch"


@dataclass(frozen=True, slots=True)
class Template:
    """What of a trial template follows from its run.

    Attributes:
        container: the name of the primary container.
        run: the resource that a trial is.
    """

    container: str
    run: Manifest


def is_distributed(resources: object) -> TypeGuard[TrainerResources]:
    """Whether resources ask for a PyTorchJob; they may be Kubeflow's own of that name."""
    return hasattr(resources, "num_workers") and hasattr(resources, "num_procs_per_worker")


def job_of(pod: Manifest, deadline_seconds: int | None) -> Template:
    """A trial of one pod."""
    template = {**pod, "spec": {**pod["spec"], "restartPolicy": "Never"}}
    spec = {**_deadline(deadline_seconds), "template": template}
    return Template(JOB_CONTAINER, {"apiVersion": "batch/v1", "kind": "Job", "spec": spec})


def torch_job_of(
    master: Manifest, worker: Manifest, distribution: TrainerResources, deadline_seconds: int | None
) -> Template:
    """A trial of one pod or several, which PyTorch lets find each other.

    Args:
        master: the template of the first pod.
        worker: of the others.
        distribution: how many there are.
        deadline_seconds: after which the trial is ended.
    """
    replicas: Manifest = {"Master": {"replicas": 1, "template": master}}
    if distribution.num_workers > 1:
        replicas["Worker"] = {"replicas": distribution.num_workers - 1, "template": worker}
    spec = {
        "nprocPerNode": str(distribution.num_procs_per_worker),
        "pytorchReplicaSpecs": replicas,
        "runPolicy": _deadline(deadline_seconds),
    }
    run = {"apiVersion": "kubeflow.org/v1", "kind": "PyTorchJob", "spec": spec}
    return Template(TORCH_CONTAINER, run)


def pod_of(container: Manifest, **more: Sequence[Manifest]) -> Manifest:
    """The template of a pod, which a service mesh leaves alone: else it would never end.

    Args:
        container: its only one.
        more: other fields of its specification.
    """
    annotations = {"sidecar.istio.io/inject": "false"}
    return {"metadata": {"annotations": annotations}, "spec": {"containers": [container], **more}}


def resources_of(resources: object) -> Manifest:
    """The ``resources`` of a container; empty when nothing is asked for.

    Args:
        resources: names, of which case does not count, and quantities, which are both requested
            and the limit; ``gpu`` is NVIDIA's. Or ``V1ResourceRequirements``.
    """
    if not isinstance(resources, Mapping):
        return {} if resources is None else {"resources": to_json(resources)}
    quantities = {str(name).lower(): quantity for name, quantity in resources.items()}
    if "gpu" in quantities:
        quantities["nvidia.com/gpu"] = quantities.pop("gpu")
    return {"resources": {"limits": quantities, "requests": dict(quantities)}}


def environment_of(variables: object) -> Manifest:
    """The ``env`` and ``envFrom`` of a container, as far as there are any.

    Args:
        variables: names and values; or a list of ``V1EnvVar`` and ``V1EnvFromSource``.

    Raises:
        ValueError: it is neither.
    """
    if not variables:
        return {}
    if isinstance(variables, Mapping):
        pairs = variables.items()
        return {"env": [{"name": str(name), "value": str(value)} for name, value in pairs]}
    found: Manifest = {}
    for one in variables if isinstance(variables, list | tuple) else (variables,):
        if hasattr(one, "config_map_ref") and hasattr(one, "secret_ref"):
            found.setdefault("envFrom", []).append(to_json(one))
        elif hasattr(one, "value_from") and hasattr(one, "name"):
            found.setdefault("env", []).append(to_json(one))
        else:
            raise ValueError(
                f"Incorrect value for env_per_trial: {variables}: a dict of names and values is "
                f"expected, or a list of V1EnvVar and V1EnvFromSource; {one!r} is neither"
            )
    return found


def _deadline(seconds: int | None) -> Manifest:
    return {} if seconds is None else {"activeDeadlineSeconds": seconds}
