"""Runs of known kinds: where their templates of pods are, and whose metrics are the trial's.

A pod's labels tell whether it is the one whose metrics count, and some of them only its controller
gives. What they will be follows from the kind for most pods. Where it does not, and for kinds that
are not known, the pod is prepared when it is made, by a webhook.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from msgspec.structs import replace

from katib.api import names
from katib.api.codec import from_manifest, to_manifest
from katib.api.experiment import Experiment
from katib.api.kinds import PODS
from katib.api.trial import Trial
from katib.api.values import Manifest, Strings, Unstructured
from katib.kubernetes.injection import Role, find_role, inject
from katib.kubernetes.sidecars import Cluster

INDEX = "batch.kubernetes.io/job-completion-index"
REPLICATED_JOB = "jobset.sigs.k8s.io/replicatedjob-name"
JOB_ROLE = "training.kubeflow.org/job-role"
REPLICA_TYPE = "training.kubeflow.org/replica-type"
REPLICA_INDEX = "training.kubeflow.org/replica-index"

#: The replicas of Kubeflow's jobs of which there is one, which leads the others.
_LEADERS = ("Master", "Chief", "Launcher")

Path = tuple[str | int, ...]


class Template(NamedTuple):
    """A template of pods in a run.

    Attributes:
        path: of keys and indexes, from the run's body on.
        labels: that its pods will carry besides the template's own; an empty one they will not.
        is_single: whether there is one pod of it at a time, and one in all if it ends well.
    """

    path: Path
    labels: Mapping[str, str]
    is_single: bool = False


def prepare(
    run: Unstructured, trial: Trial, experiment: Experiment | None, cluster: Cluster
) -> Unstructured:
    """A trial's run whose pods have what they need, as far as that is known before they are made.

    The run carries the trial's labels in any case.

    Raises:
        ConfigurationError: no image is known for the kind of collector.
        RenderError: a pod is such that its metrics cannot be read.
    """
    labels = {
        **(run.metadata.labels or {}),
        **(trial.metadata.labels or {}),
        names.LABEL_TRIAL: trial.metadata.name,
    }
    run = replace(run, metadata=replace(run.metadata, labels=Strings(labels)))

    def fill(pod: Manifest, template: Template) -> Manifest:
        labels = {**_labels(pod), **template.labels}
        if not is_decided(trial, labels):
            # The pod is looked at when it is made.
            return pod
        role = find_role(trial, labels)
        is_sole = template.is_single and role is Role.PRIMARY
        return inject(pod, trial, experiment, cluster, Role.SOLE if is_sole else role)

    if (run.api_version, run.kind) == PODS.address:
        return from_manifest(PODS, fill(to_manifest(run), Template((), {}, is_single=True)))
    body = run.body
    for template in find_templates(run):
        body = _changed(body, template.path, partial(fill, template=template))
    return replace(run, body=body)


def find_templates(run: Unstructured) -> Sequence[Template]:
    """The templates of pods in a run; none for a kind that is not known."""
    group, _, _ = run.api_version.rpartition("/")
    find = _KINDS.get((group, run.kind))
    if find is not None:
        return tuple(find(run.spec))
    return tuple(_of_replicas(run.spec)) if group == "kubeflow.org" else ()


def is_decided(trial: Trial, labels: Mapping[str, str]) -> bool:
    """Whether it is known what pods that will have these labels, and perhaps more, are."""
    wanted: Mapping[str, str] = trial.spec.primary_pod_labels or {}
    is_other = any(name in labels and labels[name] != value for name, value in wanted.items())
    return is_other or all(name in labels for name in wanted)


def _of_job(spec: Manifest, path: Path = ("spec",), **known: str) -> Iterator[Template]:
    is_single = _count(spec, "parallelism") == _count(spec, "completions") == 1
    if is_single:
        known = {INDEX: "0", **known}
    yield Template((*path, "template"), known, is_single)


def _of_cron_job(spec: Manifest) -> Iterator[Template]:
    job = (spec.get("jobTemplate") or {}).get("spec") or {}
    yield from _of_job(job, ("spec", "jobTemplate", "spec"))


def _of_job_set(spec: Manifest) -> Iterator[Template]:
    for index, one in enumerate(spec.get("replicatedJobs") or ()):
        job = (one.get("template") or {}).get("spec") or {}
        path = ("spec", "replicatedJobs", index, "template", "spec")
        for template in _of_job(job, path):
            labels = {**template.labels, REPLICATED_JOB: str(one.get("name", ""))}
            is_single = template.is_single and _count(one, "replicas") == 1
            yield Template(template.path, labels, is_single)


def _of_deployment(spec: Manifest) -> Iterator[Template]:
    yield Template(("spec", "template"), {}, _count(spec, "replicas") == 1)


def _of_replicas(spec: Manifest) -> Iterator[Template]:
    """Kubeflow's jobs: ``tfReplicaSpecs``, ``pytorchReplicaSpecs`` and the like."""
    for field, replicas in spec.items():
        if not field.endswith("ReplicaSpecs") or not isinstance(replicas, dict):
            continue
        is_led = any(kind in replicas for kind in _LEADERS)
        for kind, one in replicas.items():
            labels = {REPLICA_TYPE: kind.lower()}
            is_single = _count(one, "replicas") == 1
            if is_single:
                labels[REPLICA_INDEX] = "0"
            if kind in _LEADERS or (is_single and not is_led and kind == "Worker"):
                labels[JOB_ROLE] = "master"
            elif is_led:
                labels[JOB_ROLE] = ""
            yield Template(("spec", field, kind, "template"), labels, is_single)


_KINDS: Mapping[tuple[str, str], Callable[[Manifest], Iterator[Template]]] = {
    ("batch", "Job"): _of_job,
    ("batch", "CronJob"): _of_cron_job,
    ("apps", "Deployment"): _of_deployment,
    ("apps", "StatefulSet"): _of_deployment,
    ("jobset.x-k8s.io", "JobSet"): _of_job_set,
}


def _count(spec: Manifest, field: str) -> int:
    found = spec.get(field)
    return found if isinstance(found, int) else 1


def _labels(pod: Manifest) -> Mapping[str, str]:
    found: Manifest = (pod.get("metadata") or {}).get("labels") or {}
    return found


def _changed(place: Any, path: Path, change: Callable[[Manifest], Manifest]) -> Any:
    """The data with what lies at the path changed; as it is, where there is nothing."""
    if not path:
        return change(place) if isinstance(place, dict) else place
    step, rest = path[0], path[1:]
    if isinstance(step, int):
        fresh = [*place]
        fresh[step] = _changed(place[step], rest, change)
        return fresh
    if not isinstance(place, dict) or step not in place:
        return place
    return {**place, step: _changed(place[step], rest, change)}
