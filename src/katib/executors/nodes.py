"""The nodes of a TrainJob, as one indexed Job; and how they find each other on one machine."""

from __future__ import annotations

import math
import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from katib.api import names
from katib.api.kinds import JOBS
from katib.api.trial import TRIALS
from katib.api.values import Manifest, ObjectMeta, Strings, Unstructured, owner_reference
from katib.executors.runtimes import (
    LABEL_JOB_INDEX,
    LABEL_JOB_SET,
    LABEL_REPLICATED_JOB,
    LABEL_STEP,
    NODE,
    TRAINER_STEP,
    TrainJobError,
    node_template,
    policy_of,
)

LOOPBACK = "127.0.0.1"

#: Where a node works whose container does not say: an empty volume, since programs of the SDK write
#: themselves into their working directory, and two trials must not write into one file.
WORKSPACE = "/var/lib/katib/workspace"

#: The number of a node.
_RANK: Manifest = {
    "fieldRef": {"fieldPath": "metadata.annotations['batch.kubernetes.io/job-completion-index']"}
}


@dataclass(frozen=True, slots=True)
class Shape:
    """How a TrainJob is spread.

    Attributes:
        nodes: how many pods there are.
        processes: how many processes each of them is to start.
        is_torch: whether torch's own variables are set.
        is_jax: whether JAX's are.
    """

    nodes: int
    processes: int
    is_torch: bool
    is_jax: bool

    @property
    def is_single(self) -> bool:
        """Whether there is one process in all."""
        return self.nodes == self.processes == 1


def shape_of(train_job: Unstructured, runtime: Manifest) -> Shape:
    """How a TrainJob is spread: by what it says itself, else by its runtime.

    Raises:
        TrainJobError: only a cluster can run it.
    """
    if train_job.spec.get("initializer"):
        raise TrainJobError(
            "spec.initializer: found one; its program is in an image, which only a cluster runs: "
            "leave it out, and let the program find its data and its model on this machine"
        )
    policy, trainer = policy_of(runtime), trainer_of(train_job)
    name = runtime["metadata"]["name"]
    if "mpi" in policy:
        raise TrainJobError(
            f"runtime {name} starts its processes by MPI, which needs a cluster; take "
            "torch-distributed or jax-distributed"
        )
    torch: Manifest = policy.get("torch") or {}
    resources = trainer.get("resourcesPerNode") or _node_of(node_template(runtime)).get("resources")
    stated = trainer.get("numProcPerNode", torch.get("numProcPerNode"))
    nodes = trainer.get("numNodes") or policy.get("numNodes") or 1
    return Shape(int(nodes), _processes(stated, resources), "torch" in policy, "jax" in policy)


def trainer_of(train_job: Unstructured) -> Mapping[str, Any]:
    """What a TrainJob says of its nodes."""
    found: Mapping[str, Any] = train_job.spec.get("trainer") or {}
    return found


def node_job(
    train_job: Unstructured, runtime: Manifest, shape: Shape, additions: Iterable[Manifest] = ()
) -> Unstructured:
    """The Job of a TrainJob's nodes, one index for each.

    Args:
        train_job: whose.
        runtime: where everything comes from that the TrainJob does not say.
        shape: how it is spread.
        additions: variables of the nodes beside those for the rendezvous.

    Raises:
        TrainJobError: the runtime has no container for it.
    """
    template = node_template(runtime)
    spec: Manifest = template.get("spec") or {}
    pod: Manifest = spec.get("template") or {}
    container = _container(train_job, _node_of(template), [*_rendezvous(shape), *additions])
    pod_spec = dict(pod.get("spec") or {})
    pod_spec["containers"] = [
        container if one.get("name") == NODE else one for one in pod_spec["containers"]
    ]
    pod_spec.setdefault("restartPolicy", "OnFailure")
    pod_spec["volumes"] = [
        *(pod_spec.get("volumes") or ()),
        {"name": "katib-workspace", "emptyDir": {}},
    ]
    metadata: Manifest = pod.get("metadata") or {}
    labels = {**(metadata.get("labels") or {}), **_labels(train_job)}
    annotations = {
        **(metadata.get("annotations") or {}),
        **(train_job.spec.get("annotations") or {}),
    }
    body = {
        **spec,
        "completionMode": "Indexed",
        "completions": shape.nodes,
        "parallelism": shape.nodes,
        "template": {
            "metadata": {"labels": labels, "annotations": annotations},
            "spec": pod_spec,
        },
    }
    return Unstructured(
        api_version=JOBS.api_version,
        kind=JOBS.name,
        metadata=ObjectMeta(
            name=f"{train_job.metadata.name}-{NODE}-0",
            namespace=train_job.metadata.namespace,
            labels=Strings(_labels(train_job)),
            owner_references=(owner_reference(train_job),),
        ),
        body={"spec": body},
    )


def _node_of(template: Manifest) -> Manifest:
    pod = ((template.get("spec") or {}).get("template") or {}).get("spec") or {}
    found: Sequence[Manifest] = pod.get("containers") or ()
    for container in found:
        if container.get("name") == NODE:
            return container
    others = ", ".join(str(one.get("name")) for one in found) or "none"
    raise TrainJobError(f"its runtime needs a container {NODE} in its job; it has {others}")


def _container(
    train_job: Unstructured, container: Manifest, variables: Sequence[Manifest]
) -> Manifest:
    trainer = trainer_of(train_job)
    stated = {name: trainer[name] for name in ("image", "command", "args") if trainer.get(name)}
    found: Manifest = {**container, **stated}
    if trainer.get("resourcesPerNode"):
        found["resources"] = trainer["resourcesPerNode"]
    both = (*variables, *(container.get("env") or ()), *(trainer.get("env") or ()))
    # The last of a name wins, and stands where the first one did.
    found["env"] = list({one["name"]: one for one in both}.values())
    if not found.get("workingDir"):
        found["workingDir"] = WORKSPACE
        mount = {"name": "katib-workspace", "mountPath": WORKSPACE}
        found["volumeMounts"] = [*(found.get("volumeMounts") or ()), mount]
    return found


def _labels(train_job: Unstructured) -> dict[str, str]:
    labels = {
        **(train_job.spec.get("labels") or {}),
        LABEL_JOB_SET: train_job.metadata.name,
        LABEL_REPLICATED_JOB: NODE,
        LABEL_JOB_INDEX: "0",
        LABEL_STEP: TRAINER_STEP,
    }
    owner = train_job.metadata.controller
    if owner is not None and owner.kind == TRIALS.name:
        labels[names.LABEL_TRIAL] = owner.name
    return labels


def _rendezvous(shape: Shape) -> list[Manifest]:
    port = str(_free_port())
    texts = {"MASTER_ADDR": LOOPBACK, "MASTER_PORT": port}
    ranks = []
    if shape.processes == 1:
        # With more, whoever starts them says who is who.
        texts |= {"WORLD_SIZE": str(shape.nodes), "LOCAL_WORLD_SIZE": "1", "LOCAL_RANK": "0"}
        ranks.append("RANK")
    if shape.is_torch:
        texts |= {
            "PET_NNODES": str(shape.nodes),
            "PET_NPROC_PER_NODE": str(shape.processes),
            "PET_MASTER_ADDR": LOOPBACK,
            "PET_MASTER_PORT": port,
        }
        ranks.append("PET_NODE_RANK")
    if shape.is_jax:
        texts |= {
            "JAX_NUM_PROCESSES": str(shape.nodes),
            "JAX_COORDINATOR_ADDRESS": f"{LOOPBACK}:{port}",
        }
        ranks.append("JAX_PROCESS_ID")
    found: list[Manifest] = [{"name": name, "value": value} for name, value in texts.items()]
    return [*found, *({"name": name, "valueFrom": _RANK} for name in ranks)]


def _processes(stated: Any, resources: Any) -> int:
    """How many processes a node has: a number, else as many as it has of what it counts on."""
    if isinstance(stated, int) or str(stated).isdigit():
        return max(1, int(stated))
    wanted: Manifest = {}
    for part in ("requests", "limits"):
        wanted |= (resources or {}).get(part) or {}
    devices = [value for name, value in wanted.items() if name.endswith("/gpu")]
    counted = devices if stated != "cpu" and devices else [wanted.get("cpu", 1)]
    if stated == "gpu" and not devices:
        counted = [1]
    return max(1, _quantity(counted[0]))


def _quantity(value: Any) -> int:
    text = str(value)
    try:
        return math.ceil(float(text[:-1]) / 1000 if text.endswith("m") else float(text))
    except ValueError as error:
        raise TrainJobError(
            f"resources of a node: found {text}; a number of devices or CPUs is one like 2 or 500m"
        ) from error


def _free_port() -> int:
    with socket.socket() as free:
        free.bind((LOOPBACK, 0))
        port: int = free.getsockname()[1]
        return port
