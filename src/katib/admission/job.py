"""What can be seen of a Job or a Pod without asking a cluster.

Problems are sentences that name their place inside the template. Other kinds are not looked at:
what is legal there is known to their own controllers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from katib.admission.problems import printed
from katib.admission.schema import check_job, check_pod
from katib.api.values import Manifest

_JOB = ("batch/v1", "Job")
_POD = ("v1", "Pod")
_RESTART_POLICIES = ("Never", "OnFailure")


def check_workload(manifest: Manifest, stand_in: str | None = None) -> Iterator[str]:
    """What is wrong with a ``batch/v1`` Job or a ``v1`` Pod.

    Args:
        manifest: the template, filled.
        stand_in: a text that may become a number or a flag in a trial, as a ConfigMap's may.
    """
    kind = _kind(manifest)
    if kind == _POD:
        yield from check_pod(manifest, stand_in)
        yield from _check_pod(manifest, "")
    elif kind == _JOB:
        yield from check_job(manifest, stand_in)
        spec = manifest.get("spec")
        if spec is None:
            yield "spec must be specified"
        elif isinstance(spec, dict):
            yield from _check_job_spec(spec)


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
    for index, container in enumerate(containers if isinstance(containers, list) else ()):
        if isinstance(container, dict):
            yield from _check_names(container, f"{path}spec.containers[{index}]")


def _check_names(container: Manifest, path: str) -> Iterator[str]:
    if not container.get("name"):
        yield f"{path}.name must be specified"
    env = container.get("env")
    for index, variable in enumerate(env if isinstance(env, list) else ()):
        if isinstance(variable, dict) and not variable.get("name"):
            yield f"{path}.env[{index}].name must be specified"
