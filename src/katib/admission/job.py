"""What can be seen of a Job, a Pod, a TrainJob or a FunctionCall without asking a cluster.

Problems are sentences that name their place inside the template. Other kinds are not looked at:
what is legal there is known to their own controllers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from katib.admission.call import check_call
from katib.admission.schema import check_types
from katib.api.kinds import FUNCTION_CALLS, TRAIN_JOBS
from katib.api.values import Manifest
from katib.errors import printed

_JOB = ("batch/v1", "Job")
_POD = ("v1", "Pod")
_TRAIN_JOB = (TRAIN_JOBS.api_version, TRAIN_JOBS.name)
_CALL = (FUNCTION_CALLS.api_version, FUNCTION_CALLS.name)
_RESTART_POLICIES = ("Never", "OnFailure")

#: A name that Kubernetes gives a container; ours name files by it.
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def check_workload(manifest: Manifest, stand_in: str | None = None) -> Iterator[str]:
    """What is wrong with a ``batch/v1`` Job, a ``v1`` Pod, a TrainJob or a FunctionCall.

    Args:
        manifest: the template, filled.
        stand_in: a text that may become a number or a flag in a trial, as a ConfigMap's may.
    """
    kind = _kind(manifest)
    if kind in (_POD, _JOB, _TRAIN_JOB, _CALL):
        yield from check_types(manifest, stand_in, is_strict=kind == _JOB)
        yield from _check_needs(manifest)


def check_resource(manifest: Manifest) -> Iterator[str]:
    """What is wrong with a resource that a client sends; unknown fields are let pass."""
    yield from check_types(manifest)
    yield from _check_needs(manifest)


def _check_needs(manifest: Manifest) -> Iterator[str]:
    """What must be there, where the types allow it to be absent."""
    kind = _kind(manifest)
    if kind == _POD:
        yield from _check_pod(manifest, "")
    elif kind == _JOB:
        spec = manifest.get("spec")
        if spec is None:
            yield "spec must be specified"
        elif isinstance(spec, dict):
            yield from _check_job_spec(spec)
    elif kind == _CALL:
        yield from check_call(manifest)


def container_names(manifest: Manifest, part: str = "containers") -> tuple[str, ...]:
    """The names of a Job's or a Pod's containers; none for other kinds and misshapen ones.

    Args:
        manifest: of the Job or the Pod.
        part: ``initContainers`` for those that come first.
    """
    place: Any = manifest
    if _kind(manifest) == _JOB:
        place = _inside(_inside(manifest, "spec"), "template")
    elif _kind(manifest) != _POD:
        return ()
    containers = _inside(place, "spec").get(part)
    held = containers if isinstance(containers, list) else []
    names = [item.get("name") for item in held if isinstance(item, dict)]
    return tuple(name for name in names if isinstance(name, str))


def _kind(manifest: Manifest) -> tuple[Any, Any]:
    return manifest.get("apiVersion"), manifest.get("kind")


def _inside(manifest: Manifest, name: str) -> Manifest:
    found = manifest.get(name)
    return found if isinstance(found, dict) else {}


def _check_job_spec(spec: Manifest) -> Iterator[str]:
    template = spec.get("template")
    if template is None:
        yield "spec.template must be specified"
    if not isinstance(template, dict):
        return
    yield from _check_pod(template, "spec.template.")
    pod = template.get("spec")
    if isinstance(pod, dict) and pod.get("restartPolicy") not in _RESTART_POLICIES:
        found = pod.get("restartPolicy")
        yield (
            "spec.template.spec.restartPolicy must be Never or OnFailure"
            f"{'' if found is None else f', found {printed(found)}'}"
        )


def _check_pod(template: Manifest, path: str) -> Iterator[str]:
    """What must be there; whether what is there has the right type is the schema's matter."""
    spec = template.get("spec")
    if spec is None:
        yield f"{path}spec must be specified"
    if not isinstance(spec, dict):
        return
    containers = spec.get("containers")
    if containers is None or containers == []:
        yield f"{path}spec.containers must be a list of containers, at least one"
    yield from _check_names(spec, path)


def _check_names(pod: Manifest, path: str) -> Iterator[str]:
    taken: set[str] = set()
    for part in ("initContainers", "containers"):
        held = pod.get(part)
        for index, container in enumerate(held if isinstance(held, list) else ()):
            name = container.get("name") if isinstance(container, dict) else "-"
            place = f"{path}spec.{part}[{index}].name"
            if not name:
                yield f"{place} must be specified"
            elif isinstance(name, str) and isinstance(container, dict):
                yield from _check_name(name, place, taken)


def _check_name(name: str, place: str, taken: set[str]) -> Iterator[str]:
    if not _NAME.fullmatch(name):
        yield (
            f"{place} must be at most 63 lower-case letters, digits and -, with a letter or a "
            f"digit first and last, found {printed(name)}"
        )
    elif name in taken:
        yield f"{place} must be another than that of the container before, found {printed(name)}"
    taken.add(name)
