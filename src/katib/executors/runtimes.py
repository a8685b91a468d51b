"""Training runtimes: what a TrainJob takes from them, and those that are built in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from katib.api.codec import to_manifest
from katib.api.kinds import CLUSTER_TRAINING_RUNTIMES, TRAINER, TRAINING_RUNTIMES
from katib.api.values import Key, Manifest, Unstructured
from katib.ports.resource_store import ResourceReader

LABEL_FRAMEWORK = "trainer.kubeflow.org/framework"
LABEL_STEP = "trainer.kubeflow.org/trainjob-ancestor-step"
LABEL_JOB_SET = "jobset.sigs.k8s.io/jobset-name"
LABEL_REPLICATED_JOB = "jobset.sigs.k8s.io/replicatedjob-name"
LABEL_JOB_INDEX = "jobset.sigs.k8s.io/job-index"

#: The job that trains, and its container; and the step that it is.
NODE, TRAINER_STEP = "node", "trainer"


class TrainJobError(ValueError):
    """A TrainJob cannot be run here; its condition says what to change."""


def builtin_runtimes() -> list[Manifest]:
    """The ClusterTrainingRuntimes that are there without anybody making them.

    ``torch-distributed`` is the one that Kubeflow's SDK takes when none is named.
    """
    return [
        _runtime(
            "torch-distributed",
            "pytorch/pytorch:2.7.1-cuda12.8-cudnn9-runtime",
            {"torch": {"numProcPerNode": "auto"}},
        ),
        _runtime("jax-distributed", "nvcr.io/nvidia/jax:25.10-py3", {"jax": {}}),
    ]


def find_runtime(store: ResourceReader, train_job: Unstructured) -> Manifest:
    """The runtime that a TrainJob names: one of the store, else one that is built in.

    Raises:
        TrainJobError: there is none of that name.
    """
    reference: Manifest = train_job.spec.get("runtimeRef") or {}
    name = str(reference.get("name") or "")
    kind = str(reference.get("kind") or CLUSTER_TRAINING_RUNTIMES.name)
    if kind == TRAINING_RUNTIMES.name:
        own = store.find(TRAINING_RUNTIMES, Key(train_job.metadata.namespace, name))
        if own is not None:
            return to_manifest(own)
        raise TrainJobError(
            f'spec.runtimeRef: found no TrainingRuntime "{name}" in namespace '
            f'"{train_job.metadata.namespace}"; create it, or name a ClusterTrainingRuntime'
        )
    found = store.find(CLUSTER_TRAINING_RUNTIMES, Key("", name))
    if found is not None:
        return to_manifest(found)
    known = {str(one["metadata"]["name"]): one for one in builtin_runtimes()}
    if kind != CLUSTER_TRAINING_RUNTIMES.name or name not in known:
        raise TrainJobError(
            f'spec.runtimeRef: found no {kind} "{name}"; create it, or name one that is built in: '
            f"{' or '.join(known)}"
        )
    return known[name]


def node_template(runtime: Manifest) -> Manifest:
    """The Job of a runtime that trains, as a template of metadata and spec.

    Raises:
        TrainJobError: there is none, or it is not the only one.
    """
    name = runtime["metadata"]["name"]
    template = (runtime.get("spec") or {}).get("template") or {}
    jobs: Sequence[Manifest] = (template.get("spec") or {}).get("replicatedJobs") or ()
    nodes = [job for job in jobs if _step_of(job) == TRAINER_STEP]
    others = [str(job.get("name")) for job in jobs if _step_of(job) != TRAINER_STEP]
    if others:
        raise TrainJobError(
            f"runtime {name} has the jobs {', '.join(others)} beside the one that trains; only a "
            f"cluster runs them: take a runtime whose only job has the label {LABEL_STEP}: "
            f"{TRAINER_STEP}"
        )
    if len(nodes) != 1:
        raise TrainJobError(
            f"runtime {name} has {len(nodes)} jobs with the label {LABEL_STEP}: {TRAINER_STEP}; it "
            "needs one"
        )
    found: Manifest = nodes[0].get("template") or {}
    return found


def policy_of(runtime: Manifest) -> Mapping[str, Any]:
    """How many nodes there are, and how they find each other."""
    found: Mapping[str, Any] = (runtime.get("spec") or {}).get("mlPolicy") or {}
    return found


def _step_of(job: Manifest) -> str:
    metadata: Manifest = (job.get("template") or {}).get("metadata") or {}
    return str((metadata.get("labels") or {}).get(LABEL_STEP) or "")


def _runtime(name: str, image: str, policy: Manifest) -> Manifest:
    pod: Manifest = {
        "restartPolicy": "Never",
        "containers": [{"name": NODE, "image": image}],
    }
    job: Manifest = {
        "name": NODE,
        "replicas": 1,
        "template": {
            "metadata": {"labels": {LABEL_STEP: TRAINER_STEP}},
            # Whoever tunes wants to hear of a failure, and not to wait for six more.
            "spec": {"backoffLimit": 0, "template": {"spec": pod}},
        },
    }
    return {
        "apiVersion": TRAINER,
        "kind": CLUSTER_TRAINING_RUNTIMES.name,
        "metadata": {"name": name, "labels": {LABEL_FRAMEWORK: name.partition("-")[0]}},
        "spec": {
            "mlPolicy": {"numNodes": 1, **policy},
            "template": {"spec": {"replicatedJobs": [job]}},
        },
    }
