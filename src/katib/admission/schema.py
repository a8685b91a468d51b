"""The fields of a Job, and what each of them holds.

As deep as people write them by hand: volumes, probes, affinities and security contexts are maps
whose inside only a cluster knows. After the Kubernetes API, ``batch/v1`` and ``core/v1``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from katib.admission.problems import printed
from katib.errors import suggest


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
            "map": "status",
        }
    ),
    "Pod": _fields(
        {
            "text": "apiVersion kind",
            "ObjectMeta": "metadata",
            "PodSpec": "spec",
            "map": "status",
        }
    ),
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
            "integer": "activeDeadlineSeconds backoffLimit backoffLimitPerIndex completions "
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
            "integer": "activeDeadlineSeconds priority terminationGracePeriodSeconds",
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
            "[map]": "envFrom resizePolicy restartPolicyRules volumeDevices volumeMounts",
            "[EnvVar]": "env",
            "[ContainerPort]": "ports",
            "ResourceRequirements": "resources",
        }
    ),
    "ContainerPort": _fields(
        {"integer": "containerPort hostPort", "text": "hostIP name protocol"},
    ),
    "EnvVar": _fields({"text": "name value", "map": "valueFrom"}),
    # The inside of limits and requests may be anything, as extended resources are.
    "ResourceRequirements": _fields({"[map]": "claims", "map": "limits requests"}),
}
_ITEMS = {"Container": "containers", "EnvVar": "variables with name and value", "text": "strings"}


def check_job(manifest: Any, stand_in: str | None) -> Iterator[str]:
    """What in a Job has another type than its field, or is no field of it.

    ``stand_in`` is a text that a trial replaces by any other, also by a number.
    """
    return _Check(stand_in, is_strict=True).walk("Job", manifest, "")


def check_pod(manifest: Any, stand_in: str | None) -> Iterator[str]:
    """What in a Pod has another type than its field; fields that are not known are let pass."""
    return _Check(stand_in, is_strict=False).walk("Pod", manifest, "")


class _Check:
    def __init__(self, stand_in: str | None, is_strict: bool) -> None:
        self._stand_in, self._is_strict = stand_in, is_strict
        self._checks: Mapping[str, Callable[[Any], str | None]] = {
            "text": _text,
            "texts by name": _texts_by_name,
            "integer": self._integer,
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

    def _flag(self, value: Any) -> str | None:
        if value == self._stand_in or isinstance(value, bool):
            return None
        return "must be true or false"


def _text(value: Any) -> str | None:
    if isinstance(value, str):
        return None
    advice = f', write "{printed(value)}"' if isinstance(value, (bool, int, float)) else ""
    return f"must be a string{advice}"


def _texts_by_name(value: Any) -> str | None:
    if not isinstance(value, dict):
        return "must be a map of strings to strings"
    for name, text in value.items():
        problem = None if text is None else _text(text)
        if problem:
            return f"has {name}, which {problem}"
    return None
