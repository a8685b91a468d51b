"""What a trial's program prints, line by line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from katib.api import names
from katib.api.values import Manifest
from katib.client.backend import Backend, RefusedError
from katib.client.requests import core_path, path_of


def read_lines(backend: Backend, namespace: str, trial: str, is_followed: bool) -> Iterator[str]:
    """The lines of a trial's primary pod: of the container that shows what its collector reads.

    Those of a trial that is the call of a function are what the function prints.

    Args:
        backend: asked.
        namespace: of the trial.
        trial: its name.
        is_followed: go on until the program has ended.

    Raises:
        RuntimeError: there is no such trial, it has no pod yet, or the server says why not.
    """
    try:
        found = backend.ask("GET", path_of("trials", namespace, trial))
        if not (found.get("status") or {}).get("conditions"):
            raise RuntimeError(f"Trial {trial} not found or has no status")
        spec: Manifest = found.get("spec") or {}
        if (spec.get("runSpec") or {}).get("kind") == "FunctionCall":
            followed = {"follow": "true"} if is_followed else None
            path = path_of("trials", namespace, f"{trial}/log", followed)
            for line in backend.stream(path):
                yield line.decode(errors="replace")
            return
        pod = _find_pod(backend, namespace, trial, spec.get("primaryPodLabels") or {})
        query = {"container": _container(pod, spec), **({"follow": "true"} if is_followed else {})}
        path = core_path("pods", namespace, f"{pod['metadata']['name']}/log", query)
        for line in backend.stream(path):
            yield line.decode(errors="replace")
    except RefusedError as error:
        if error.code == 404:
            raise RuntimeError(f"Trial {trial} or associated job not found") from error
        raise RuntimeError(f"Kubernetes API error: ({error.code}) {error}") from error
    except Exception as error:
        raise RuntimeError(f"Failed to get job logs: {error}") from error


def _find_pod(
    backend: Backend, namespace: str, trial: str, primary_labels: Mapping[str, str]
) -> Manifest:
    labels = {names.LABEL_TRIAL: trial, **primary_labels}
    selector = ",".join(f"{name}={value}" for name, value in labels.items())
    answer = backend.ask("GET", core_path("pods", namespace, query={"labelSelector": selector}))
    if not answer["items"]:
        raise RuntimeError(
            f"No pods found for trial {trial}: its run has not begun, or is gone, as the trial "
            "template does not say retain"
        )
    pod: Manifest = answer["items"][0]
    return pod


def _container(pod: Manifest, spec: Manifest) -> str:
    """The collector's container, if it is there and shows what is printed, else the primary one."""
    present = [one["name"] for one in pod["spec"]["containers"]]
    kind = ((spec.get("metricsCollector") or {}).get("collector") or {}).get("kind")
    shows = names.COLLECTOR_CONTAINERS[0]
    if kind == "StdOut" and shows in present:
        return shows
    return spec.get("primaryContainerName") or str(present[0])
