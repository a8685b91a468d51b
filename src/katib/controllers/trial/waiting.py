"""What a run says of itself: that it has ended, or what it waits for. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from katib.api import conditions, names
from katib.api.codec import parse_time
from katib.api.kinds import FUNCTION_CALLS
from katib.api.trial import Trial
from katib.api.values import Condition, Manifest, Unstructured

_JOBS = (
    ("Job", "batch/v1"),
    ("TrainJob", "trainer.kubeflow.org/v1alpha1"),
    (FUNCTION_CALLS.name, FUNCTION_CALLS.api_version),
)

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
    suspended = find_suspension(run)
    if suspended is not None:
        return suspended
    here = [run, *pods] if run.kind == "Pod" else list(pods)
    for pod in here:
        for reason, message in _waits(pod):
            return conditions.progress("False", reason, f"Pod {pod.metadata.name}: {message}")
    return None


def find_unreported(
    run: Unstructured, pods: Iterable[Unstructured], before: datetime
) -> Condition | None:
    """That a program has ended and its collector cannot, as a ``Progressing`` condition.

    Args:
        run: a trial's run that has not ended.
        pods: those that it made.
        before: how long ago a program ended whose collector should have ended, too.
    """
    for pod in [run, *pods] if run.kind == "Pod" else pods:
        collector = _lingering_collector(pod, before)
        if collector:
            message = (
                f"Pod {pod.metadata.name}: its program has ended, and container {collector} still "
                "waits to report metrics; its log says for what. See that the database manager "
                "runs, and can be reached from there"
            )
            return conditions.progress("False", "MetricsNotReported", message)
    return None


def _lingering_collector(pod: Unstructured, before: datetime) -> str:
    """The collector that still runs though all else ended before that moment; empty for none."""
    collector, others = "", 0
    for container in pod.status.get("containerStatuses") or []:
        state: Manifest = container.get("state") or {}
        if container.get("name") in names.COLLECTOR_CONTAINERS:
            collector = str(container["name"]) if "running" in state else ""
        elif not _ended_before(state, before):
            return ""
        else:
            others += 1
    return collector if others else ""


def _ended_before(state: Manifest, moment: datetime) -> bool:
    finished = (state.get("terminated") or {}).get("finishedAt")
    return finished is not None and parse_time(finished) < moment


def tell_unmet(trial: Trial, run: Unstructured, ending: str, problem: str) -> str:
    """Why a run that has ended can never be judged."""
    both = (
        f"successCondition {trial.spec.success_condition or '(none)'} nor "
        f"failureCondition {trial.spec.failure_condition or '(none)'}"
    )
    detail = f" ({problem})" if problem else ""
    return f"The {run.kind} has ended ({ending}), but neither {both} matches it{detail}"


def find_suspension(run: Unstructured) -> Condition | None:
    """That a run is suspended, as a ``Progressing`` condition."""
    if run.spec.get("suspend") is not True:
        return None
    message = f"{run.kind} {run.metadata.name} is suspended; it starts when that is taken back"
    return conditions.progress("False", "RunSuspended", message)


def wait_for_metrics(trial: Trial, pods: Sequence[Unstructured], seconds: float) -> Condition:
    """What a trial whose run has succeeded waits for, as a ``Progressing`` condition.

    Args:
        trial: whose metrics.
        pods: of its run.
        seconds: how long it waits, in all.
    """
    wanted: Mapping[str, str] = trial.spec.primary_pod_labels or {}
    if pods and not any(_has(pod, wanted) for pod in pods):
        labels = ", ".join(f"{name}={value}" for name, value in sorted(wanted.items()))
        message = (
            f"The run has succeeded, and none of its pods has the labels {labels} of "
            "spec.trialTemplate.primaryPodLabels, so nobody reads metrics; they are waited for, "
            f"{seconds:g} s at most"
        )
        return conditions.progress("False", "NoPrimaryPod", message)
    message = f"The run has succeeded; its metrics are waited for, {seconds:g} s at most"
    return conditions.progress("True", "WaitingForMetrics", message)


def _has(pod: Unstructured, labels: Mapping[str, str]) -> bool:
    return all(pod.metadata.label(name) == value for name, value in labels.items())


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
