"""What a run says of itself: that it has ended, or what it waits for. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from katib.api import conditions
from katib.api.values import Condition, Manifest, Unstructured

_JOBS = (("Job", "batch/v1"), ("TrainJob", "trainer.kubeflow.org/v1alpha1"))

#: What Kubernetes calls the waiting of a container that will not start by itself.
_STUCK = frozenset(
    (
        "CrashLoopBackOff",
        "CreateContainerConfigError",
        "CreateContainerError",
        "ErrImageNeverPull",
        "ErrImagePull",
        "ImagePullBackOff",
        "InvalidImageName",
        "RunContainerError",
    )
)


def find_ending(run: Unstructured) -> str | None:
    """How a Job, a TrainJob or a Pod says that it has ended, whatever conditions look at.

    ``None`` while it has not, and for every other kind: only its own words say when it ends.
    """
    if run.kind == "Pod":
        phase = run.status.get("phase")
        return phase if phase in ("Succeeded", "Failed") else None
    if (run.kind, run.api_version) not in _JOBS:
        return None
    found: list[Manifest] = run.status.get("conditions") or []
    ends = (one["type"] for one in found if one.get("status") == "True")
    return next((type for type in ends if type in ("Complete", "Failed")), None)


def find_wait(run: Unstructured, pods: Iterable[Unstructured]) -> Condition | None:
    """The first thing that keeps a run from going on, as a ``Progressing`` condition.

    Args:
        run: a trial's run that has not ended.
        pods: those that it made.
    """
    if run.spec.get("suspend") is True:
        message = f"{run.kind} {run.metadata.name} is suspended; it starts when that is taken back"
        return conditions.progress("False", "RunSuspended", message)
    here = [run, *pods] if run.kind == "Pod" else list(pods)
    for pod in here:
        for reason, message in _waits(pod):
            return conditions.progress("False", reason, f"Pod {pod.metadata.name}: {message}")
    return None


def _waits(pod: Unstructured) -> Iterator[tuple[str, str]]:
    found: list[Manifest] = pod.status.get("conditions") or []
    for one in found:
        if one.get("type") == "PodScheduled" and one.get("status") == "False":
            yield "PodUnschedulable", str(one.get("message") or one.get("reason") or "no node fits")
    for name in ("initContainerStatuses", "containerStatuses"):
        for container in pod.status.get(name) or []:
            waiting: Manifest = (container.get("state") or {}).get("waiting") or {}
            reason = str(waiting.get("reason") or "")
            if reason in _STUCK or (reason == "ContainerCreating" and waiting.get("message")):
                message = str(waiting.get("message") or reason)
                yield reason, f"container {container.get('name')} waits: {message}"
