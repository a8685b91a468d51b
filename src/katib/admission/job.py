"""What can be seen of a Job or a Pod without asking a cluster.

Problems are sentences that name their place inside the template. Other kinds are not looked at:
what is legal there is known to their own controllers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from katib.admission.problems import printed
from katib.api.values import Manifest
from katib.errors import suggest

_JOB = ("batch/v1", "Job")
_POD = ("v1", "Pod")
_JOB_FIELDS = ("apiVersion", "kind", "metadata", "spec", "status")
_JOB_SPEC_FIELDS = (
    "activeDeadlineSeconds",
    "backoffLimit",
    "backoffLimitPerIndex",
    "completionMode",
    "completions",
    "managedBy",
    "manualSelector",
    "maxFailedIndexes",
    "parallelism",
    "podFailurePolicy",
    "podReplacementPolicy",
    "selector",
    "successPolicy",
    "suspend",
    "template",
    "ttlSecondsAfterFinished",
)
_RESTART_POLICIES = ("Never", "OnFailure")


def check_workload(manifest: Manifest) -> Iterator[str]:
    """What is wrong with a ``batch/v1`` Job or a ``v1`` Pod."""
    if _kind(manifest) == _POD:
        yield from _check_pod_spec(manifest.get("spec"), "spec")
    if _kind(manifest) != _JOB:
        return
    yield from _check_fields(manifest, "", _JOB_FIELDS)
    spec = manifest.get("spec")
    if not isinstance(spec, dict):
        yield "spec must be a map"
        return
    yield from _check_fields(spec, "spec", _JOB_SPEC_FIELDS)
    template = spec.get("template")
    if not isinstance(template, dict):
        yield "spec.template must be a map"
        return
    pod = template.get("spec")
    yield from _check_pod_spec(pod, "spec.template.spec")
    if isinstance(pod, dict) and pod.get("restartPolicy") not in _RESTART_POLICIES:
        found = pod.get("restartPolicy")
        yield (
            "spec.template.spec.restartPolicy must be Never or OnFailure"
            f"{'' if found is None else f', found {printed(found)}'}"
        )


def container_names(manifest: Manifest) -> tuple[str, ...]:
    """The names of a Job's or a Pod's containers; none for other kinds and misshapen ones."""
    place: Any = manifest
    if _kind(manifest) == _JOB:
        place = _inside(_inside(manifest, "spec"), "template")
    elif _kind(manifest) != _POD:
        return ()
    containers = _inside(place, "spec").get("containers")
    held = containers if isinstance(containers, list) else []
    names = [item.get("name") for item in held if isinstance(item, dict)]
    return tuple(name for name in names if isinstance(name, str))


def _kind(manifest: Manifest) -> tuple[Any, Any]:
    return manifest.get("apiVersion"), manifest.get("kind")


def _inside(manifest: Manifest, name: str) -> Manifest:
    found = manifest.get(name)
    return found if isinstance(found, dict) else {}


def _check_fields(manifest: Manifest, path: str, known: tuple[str, ...]) -> Iterator[str]:
    for name in manifest:
        if name not in known:
            place = f"{path}.{name}" if path else name
            yield f"{place} is not a field of a Job{suggest(name, known)}"


def _check_pod_spec(spec: Any, path: str) -> Iterator[str]:
    if not isinstance(spec, dict):
        yield f"{path} must be a map"
        return
    containers = spec.get("containers")
    if not isinstance(containers, list) or not containers:
        yield f"{path}.containers must be a list of containers"
        return
    for index, container in enumerate(containers):
        yield from _check_container(container, f"{path}.containers[{index}]")


def _check_container(container: Any, path: str) -> Iterator[str]:
    if not isinstance(container, dict):
        yield f"{path} must be a map"
        return
    if not container.get("name") or not isinstance(container["name"], str):
        yield f"{path}.name must be specified"
    for name in ("command", "args"):
        yield from _check_texts(container.get(name), f"{path}.{name}")
    yield from _check_env(container.get("env"), f"{path}.env")


def _check_texts(texts: Any, path: str) -> Iterator[str]:
    if texts is None:
        return
    if not isinstance(texts, list):
        yield f"{path} must be a list of strings"
        return
    for index, text in enumerate(texts):
        yield from _check_text(text, f"{path}[{index}]")


def _check_env(env: Any, path: str) -> Iterator[str]:
    if env is None:
        return
    if not isinstance(env, list):
        yield f"{path} must be a list of variables with name and value"
        return
    for index, variable in enumerate(env):
        if not isinstance(variable, dict) or not isinstance(variable.get("name"), str):
            yield f"{path}[{index}] must be a map with a name"
        elif variable.get("value") is not None:
            yield from _check_text(variable["value"], f"{path}[{index}].value")


def _check_text(text: Any, path: str) -> Iterator[str]:
    if not isinstance(text, str):
        advice = f', write "{printed(text)}"' if isinstance(text, (bool, int, float)) else ""
        yield f"{path} must be a string{advice}"
