"""The fields of what this machine runs and reads, and what each of them holds.

As deep as people write them by hand: volumes, probes, affinities and security contexts are maps
whose inside only a cluster knows. After the Kubernetes API, ``batch/v1`` and ``core/v1``, and
Kubeflow's trainer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from katib.api.codec import parse_time
from katib.errors import printed, suggest


def _fields(names: Mapping[str, str]) -> Mapping[str, str]:
    """Field → type, from type → fields."""
    return {name: type for type, listed in names.items() for name in listed.split()}


#: Shape → its fields → their types: a word of the checks below, another shape, or a list of one of
#: them in brackets.
_SHAPES: Mapping[str, Mapping[str, str]] = {
    "Job": _fields(
        {
            "text": "apiVersion kind",
            "ObjectMeta": "metadata",
            "JobSpec": "spec",
            "JobStatus": "status",
        }
    ),
    "Pod": _fields(
        {
            "text": "apiVersion kind",
            "ObjectMeta": "metadata",
            "PodSpec": "spec",
            "PodStatus": "status",
        }
    ),
    "ConfigMap": _fields({"texts by name": "data binaryData", "flag": "immutable"}),
    "Secret": _fields({"texts by name": "data stringData", "flag": "immutable"}),
    "TrainJob": _fields({"TrainJobSpec": "spec", "Status": "status"}),
    "TrainingRuntime": _fields({"RuntimeSpec": "spec"}),
    "ClusterTrainingRuntime": _fields({"RuntimeSpec": "spec"}),
    "other": _fields({"text": "apiVersion kind", "map": "spec status"}),
    "ObjectMeta": _fields(
        {
            "text": "name namespace generateName uid resourceVersion selfLink creationTimestamp "
            "deletionTimestamp",
            "texts by name": "labels annotations",
            "integer": "generation deletionGracePeriodSeconds",
            "[map]": "managedFields ownerReferences",
            "[text]": "finalizers",
        }
    ),
    "JobSpec": _fields(
        {
            "count": "activeDeadlineSeconds backoffLimit backoffLimitPerIndex completions "
            "maxFailedIndexes parallelism ttlSecondsAfterFinished",
            "text": "completionMode managedBy podReplacementPolicy",
            "flag": "manualSelector suspend",
            "map": "podFailurePolicy selector successPolicy",
            "PodTemplateSpec": "template",
        }
    ),
    "PodTemplateSpec": _fields({"ObjectMeta": "metadata", "PodSpec": "spec"}),
    "PodSpec": _fields(
        {
            "text": "dnsPolicy hostname hostnameOverride nodeName preemptionPolicy "
            "priorityClassName restartPolicy runtimeClassName schedulerName serviceAccount "
            "serviceAccountName subdomain",
            "integer": "priority",
            "count": "activeDeadlineSeconds terminationGracePeriodSeconds",
            "flag": "automountServiceAccountToken enableServiceLinks hostIPC hostNetwork hostPID "
            "hostUsers setHostnameAsFQDN shareProcessNamespace",
            "map": "affinity dnsConfig os overhead securityContext workloadRef",
            "[map]": "ephemeralContainers hostAliases imagePullSecrets readinessGates "
            "resourceClaims schedulingGates tolerations topologySpreadConstraints volumes",
            "[Container]": "containers initContainers",
            "ResourceRequirements": "resources",
            "texts by name": "nodeSelector",
        }
    ),
    "Container": _fields(
        {
            "text": "image imagePullPolicy name restartPolicy terminationMessagePath "
            "terminationMessagePolicy workingDir",
            "[text]": "args command",
            "flag": "stdin stdinOnce tty",
            "map": "lifecycle livenessProbe readinessProbe securityContext startupProbe",
            "[map]": "resizePolicy restartPolicyRules volumeDevices volumeMounts",
            "[EnvVar]": "env",
            "[EnvFromSource]": "envFrom",
            "[ContainerPort]": "ports",
            "ResourceRequirements": "resources",
        }
    ),
    "ContainerPort": _fields(
        {"integer": "containerPort hostPort", "text": "hostIP name protocol"},
    ),
    "EnvVar": _fields({"text": "name value", "EnvVarSource": "valueFrom"}),
    "EnvVarSource": _fields(
        {"map": "configMapKeyRef fieldRef fileKeyRef resourceFieldRef secretKeyRef"}
    ),
    "EnvFromSource": _fields({"text": "prefix", "map": "configMapRef secretRef"}),
    # The inside of limits and requests may be anything, as extended resources are.
    "ResourceRequirements": _fields({"[map]": "claims", "map": "limits requests"}),
    "Status": _fields({"[Condition]": "conditions"}),
    "Condition": _fields({"text": "type status reason message"}),
    "JobStatus": _fields(
        {
            "count": "active failed ready succeeded terminating",
            "text": "completedIndexes failedIndexes",
            "time": "completionTime startTime",
            "map": "uncountedTerminatedPods",
            "[Condition]": "conditions",
        }
    ),
    "PodStatus": _fields(
        {
            "text": "message phase reason",
            "time": "startTime",
            "[Condition]": "conditions",
            "[ContainerStatus]": "containerStatuses initContainerStatuses",
        }
    ),
    "ContainerStatus": _fields(
        {"text": "image name", "count": "restartCount", "ContainerState": "state lastState"}
    ),
    "ContainerState": _fields({"map": "running waiting", "ContainerEnd": "terminated"}),
    "ContainerEnd": _fields({"integer": "exitCode", "time": "finishedAt startedAt"}),
    "TrainJobSpec": _fields(
        {
            "RuntimeReference": "runtimeRef",
            "Trainer": "trainer",
            "map": "initializer",
            "texts by name": "annotations labels",
            "flag": "suspend",
        }
    ),
    "RuntimeReference": _fields({"text": "apiGroup kind name"}),
    "Trainer": _fields(
        {
            "text": "image",
            "[text]": "args command",
            "[EnvVar]": "env",
            "count": "numNodes",
            "ResourceRequirements": "resourcesPerNode",
        }
    ),
    "RuntimeSpec": _fields({"Policy": "mlPolicy", "JobSetTemplate": "template"}),
    "Policy": _fields({"count": "numNodes", "map": "jax mpi torch"}),
    "JobSetTemplate": _fields({"JobSetSpec": "spec"}),
    "JobSetSpec": _fields({"[ReplicatedJob]": "replicatedJobs"}),
    "ReplicatedJob": _fields({"text": "name", "count": "replicas", "JobTemplate": "template"}),
    "JobTemplate": _fields({"ObjectMeta": "metadata", "JobSpec": "spec"}),
}

#: What a shape cannot be without.
_NEEDED = {
    "Condition": ("type", "status"),
    "ContainerStatus": ("name", "state"),
    "EnvVar": ("name",),
}

_ITEMS = {"Container": "containers", "EnvVar": "variables with name and value", "text": "strings"}


#: The largest number that Kubernetes takes where it counts.
_LARGEST = 2**31 - 1


def check_types(
    manifest: Any, stand_in: str | None = None, is_strict: bool = False
) -> Iterator[str]:
    """What in a resource has another type than its field.

    Args:
        manifest: the resource; of one whose kind is not known, spec and status are looked at.
        stand_in: a text that a trial replaces by any other, also by a number.
        is_strict: whether fields that are not known are problems too.
    """
    kind = manifest.get("kind")
    shape = kind if isinstance(kind, str) and kind in _SHAPES else "other"
    return _Check(stand_in, is_strict).walk(shape, manifest, "")


class _Check:
    def __init__(self, stand_in: str | None, is_strict: bool) -> None:
        self._stand_in, self._is_strict = stand_in, is_strict
        self._checks: Mapping[str, Callable[[Any], str | None]] = {
            "text": _text,
            "texts by name": _texts_by_name,
            "integer": self._integer,
            "count": self._count,
            "time": _time,
            "flag": self._flag,
            "map": lambda value: None if isinstance(value, dict) else "must be a map",
        }

    def walk(self, type: str, value: Any, path: str) -> Iterator[str]:
        if value is None and path:
            return
        if type.startswith("["):
            yield from self._list(type.strip("[]"), value, path)
        elif type in self._checks:
            problem = self._checks[type](value)
            if problem:
                yield f"{path} {problem}"
        elif isinstance(value, dict):
            yield from self._fields(_SHAPES[type], value, path)
            for name in _NEEDED.get(type, ()):
                if value.get(name) in (None, ""):
                    yield f"{path}.{name} must be specified"
        else:
            yield f"{path} must be a map"

    def _fields(
        self, shape: Mapping[str, str], value: Mapping[str, Any], path: str
    ) -> Iterator[str]:
        for name, inner in value.items():
            place = f"{path}.{name}" if path else name
            if name in shape:
                yield from self.walk(shape[name], inner, place)
            elif self._is_strict:
                yield f"{place} is not a field of a Job{suggest(name, shape)}"

    def _list(self, type: str, value: Any, path: str) -> Iterator[str]:
        if not isinstance(value, list):
            yield f"{path} must be a list of {_ITEMS.get(type, 'maps')}"
            return
        for index, item in enumerate(value):
            place = f"{path}[{index}]"
            if item is None:
                yield f"{place} must not be empty"
            else:
                yield from self.walk(type, item, place)

    def _integer(self, value: Any) -> str | None:
        is_whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        if value == self._stand_in or (is_whole and not isinstance(value, bool)):
            return None
        return "must be an integer"

    def _count(self, value: Any) -> str | None:
        problem = self._integer(value)
        if problem is None and value != self._stand_in and not 0 <= value <= _LARGEST:
            return f"must be an integer from 0 to {_LARGEST}"
        return problem

    def _flag(self, value: Any) -> str | None:
        if value == self._stand_in or isinstance(value, bool):
            return None
        return "must be true or false"


def _text(value: Any) -> str | None:
    if isinstance(value, str):
        return None
    advice = f', write "{printed(value)}"' if isinstance(value, (bool, int, float)) else ""
    return f"must be a string{advice}"


def _time(value: Any) -> str | None:
    try:
        parse_time(value)
    except (TypeError, ValueError):
        return "must be a time as 2026-01-31T12:00:00Z"
    return None


def _texts_by_name(value: Any) -> str | None:
    if not isinstance(value, dict):
        return "must be a map of strings to strings"
    for name, text in value.items():
        problem = None if text is None else _text(text)
        if problem:
            return f"has {name}, which {problem}"
    return None
