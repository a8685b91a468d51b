"""Jobs: makes pods until enough of them succeed, or too many fail."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from itertools import count, islice
from typing import Any

from msgspec.structs import replace

from katib.api import names
from katib.api.codec import format_time, parse_time, with_status
from katib.api.kinds import JOBS, PODS
from katib.api.trial import TRIALS
from katib.api.values import Key, Kind, Manifest, ObjectMeta, Strings, Unstructured, owner_reference
from katib.ports.clock import Clock
from katib.ports.reconciler import DONE, Result
from katib.ports.resource_store import Event, EventType, ResourceStore, Selector

#: Kubernetes' own default: how often a job's pods may fail and be tried again.
BACKOFF_LIMIT = 6

#: The pause after a first failed pod, and the longest, in seconds. Kubernetes waits 10 and 360,
#: since a node may need time to recover; on one machine that only keeps the user waiting.
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10.0


#: Which of the pods of an indexed job one is: as a label and as an annotation.
INDEX = "batch.kubernetes.io/job-completion-index"

#: The same, as a variable of its containers.
INDEX_VARIABLE: Manifest = {
    "name": "JOB_COMPLETION_INDEX",
    "valueFrom": {"fieldRef": {"fieldPath": f"metadata.annotations['{INDEX}']"}},
}

#: Pods were made; their number is written into the status after so many seconds.
_STARTED = Result(retry_after_seconds=0.25)


class JobReconciler:
    """Runs a ``batch/v1`` Job: its pods, its retries, its deadline, its conditions.

    Args:
        store: where jobs and pods are.
        clock: for deadlines and pauses.
        last_words: what a pod that is cut off wrote last, in a sentence.
    """

    name = "job-controller"
    kinds: tuple[Kind[Any], ...] = (JOBS, PODS)

    def __init__(
        self,
        store: ResourceStore,
        clock: Clock,
        last_words: Callable[[Key], str] = lambda _: "",
    ) -> None:
        self._store, self._clock, self._last_words = store, clock, last_words

    def keys(self, event: Event) -> Iterable[Key]:
        if event.kind is JOBS:
            if event.type is not EventType.DELETED and not event.is_status:
                yield event.key
            return
        owner = event.metadata.controller
        if owner is not None and owner.kind == JOBS.name and _matters(event):
            key = Key(event.metadata.namespace, owner.name)
            if event.type is not EventType.DELETED or self._store.find(JOBS, key) is not None:
                yield key

    def reconcile(self, key: Key) -> Result:
        job = self._store.find(JOBS, key)
        if job is None or job.metadata.deletion_timestamp is not None or is_finished(job.status):
            return DONE
        if job.spec.get("suspend"):
            return DONE
        now = self._clock.now()
        pods = self._store.list(PODS, Selector(owner=job.metadata.uid))
        status, result = self._step(job, pods, now)
        if is_finished(status):
            self._remove_active(pods)
        elif result is _STARTED:
            # Soon is soon enough for a status that counts active pods; many a pod ends before.
            return result
        self._store.update_status(JOBS, with_status(job, status))
        return result

    def _step(
        self, job: Unstructured, pods: Iterable[Unstructured], now: datetime
    ) -> tuple[Manifest, Result]:
        by_phase: dict[str, list[Unstructured]] = {"Succeeded": [], "Failed": [], "": []}
        for pod in pods:
            phase = pod.status.get("phase")
            by_phase[phase if phase in by_phase else ""].append(pod)
        active, failed = by_phase[""], by_phase["Failed"]
        created = job.metadata.creation_timestamp or now
        started = parse_time(job.status["startTime"]) if "startTime" in job.status else created
        status: Manifest = {**job.status, "startTime": format_time(started)}
        failures = len(failed) + sum(_restarts(pod) for pod in active)
        counts = {
            "active": len(active),
            "succeeded": len(by_phase["Succeeded"]),
            "failed": len(failed),
        }
        if _is_indexed(job):
            # Once for each index, however often a pod of it was made.
            done = _indexes(by_phase["Succeeded"])
            counts["succeeded"] = len(done)
            status["completedIndexes"] = ",".join(map(str, sorted(done)))
        status.update(counts)
        wanted = int(job.spec.get("completions") or 1)
        if counts["succeeded"] >= wanted:
            return _completed(status, now, by_phase["Succeeded"]), DONE
        limit = job.spec.get("backoffLimit")
        if failures > (BACKOFF_LIMIT if limit is None else int(limit)):
            why = "Job has reached the specified backoff limit"
            return _failed(status, now, "BackoffLimitExceeded", _with_cause(why, failed)), DONE
        deadline = job.spec.get("activeDeadlineSeconds")
        if deadline is not None and now - started >= timedelta(seconds=int(deadline)):
            why = "Job was active longer than specified deadline"
            causes = [cause for pod in active if (cause := self._last_words(pod.key))]
            return _failed(status, now, "DeadlineExceeded", ". ".join([why, *causes])), DONE
        result = self._fill(job, by_phase, wanted - counts["succeeded"])
        if deadline is not None and result.retry_after_seconds is None:
            left = timedelta(seconds=int(deadline)) - (now - started)
            return _tidy(status), Result(retry_after_seconds=max(0.05, left.total_seconds()))
        return _tidy(status), result

    def _fill(
        self, job: Unstructured, by_phase: dict[str, list[Unstructured]], wanted: int
    ) -> Result:
        parallelism = job.spec.get("parallelism")
        most = 1 if parallelism is None else int(parallelism)
        active, failed = by_phase[""], by_phase["Failed"]
        missing = min(most, wanted) - len(active)
        if missing <= 0:
            return DONE
        if failed:
            pause = min(FIRST_PAUSE * 2 ** (len(failed) - 1), LONGEST_PAUSE)
            ended = max(_ended_at(pod) for pod in failed)
            wait = pause - (self._clock.now() - ended).total_seconds()
            if wait > 0:
                return Result(retry_after_seconds=wait)
        pods = [_pod_of(job)] * missing
        if _is_indexed(job):
            taken = _indexes([*active, *by_phase["Succeeded"]])
            free = (index for index in count() if index not in taken)
            pods = [_indexed_pod(job, index) for index in islice(free, missing)]
        for pod in pods:
            self._store.create(PODS, pod)
        return _STARTED

    def _remove_active(self, pods: Iterable[Unstructured]) -> None:
        for pod in pods:
            if pod.status.get("phase") not in ("Succeeded", "Failed"):
                self._store.delete(PODS, pod.key)


def _matters(event: Event) -> bool:
    """Whether a change of a pod can change its job: it ended, went, or was run again."""
    if event.type is not EventType.MODIFIED:
        return event.type is EventType.DELETED
    pod = event.resource
    if not isinstance(pod, Unstructured):
        return False
    return pod.status.get("phase") in ("Succeeded", "Failed") or _restarts(pod) > 0


def is_finished(status: Manifest) -> bool:
    """Whether the job is complete or has failed."""
    return any(
        condition["type"] in ("Complete", "Failed") and condition["status"] == "True"
        for condition in status.get("conditions", ())
    )


def _is_indexed(job: Unstructured) -> bool:
    return job.spec.get("completionMode") == "Indexed"


def _indexes(pods: Iterable[Unstructured]) -> set[int]:
    return {int(pod.metadata.label(INDEX) or 0) for pod in pods}


def _indexed_pod(job: Unstructured, index: int) -> Unstructured:
    """The pod of an indexed job that knows which one it is."""
    pod, number = _pod_of(job), {INDEX: str(index)}
    metadata = replace(
        pod.metadata,
        generate_name=f"{job.metadata.name}-{index}-",
        labels=Strings({**(pod.metadata.labels or {}), **number}),
        annotations=Strings({**(pod.metadata.annotations or {}), **number}),
    )
    spec = dict(pod.spec)
    for part in ("initContainers", "containers"):
        if part in spec:
            spec[part] = [
                {**one, "env": [*(one.get("env") or ()), INDEX_VARIABLE]} for one in spec[part]
            ]
    return replace(pod, metadata=metadata, body={**pod.body, "spec": spec})


def _pod_of(job: Unstructured) -> Unstructured:
    template: Manifest = job.spec.get("template") or {}
    metadata: Manifest = template.get("metadata") or {}
    labels = {**(metadata.get("labels") or {}), names.LABEL_JOB: job.metadata.name}
    owner = job.metadata.controller
    if owner is not None and owner.kind == TRIALS.name:
        labels[names.LABEL_TRIAL] = owner.name
    annotations = metadata.get("annotations")
    return Unstructured(
        api_version=PODS.api_version,
        kind=PODS.name,
        metadata=ObjectMeta(
            generate_name=f"{job.metadata.name}-",
            namespace=job.metadata.namespace,
            labels=Strings(labels),
            annotations=Strings(annotations) if annotations else None,
            owner_references=(owner_reference(job),),
        ),
        body={"spec": template.get("spec") or {}, "status": {"phase": "Pending"}},
    )


def _restarts(pod: Unstructured) -> int:
    return sum(one.get("restartCount", 0) for one in pod.status.get("containerStatuses", ()))


def _ended_at(pod: Unstructured) -> datetime:
    times = [
        parse_time(one["state"]["terminated"]["finishedAt"])
        for one in pod.status.get("containerStatuses", ())
        if "terminated" in one["state"]
    ]
    return max(times, default=pod.metadata.creation_timestamp or datetime.max)


def _with_cause(why: str, pods: list[Unstructured]) -> str:
    """Kubernetes' sentence, and behind it what the last pod says of itself."""
    cause = str(pods[-1].status.get("message") or "") if pods else ""
    return f"{why}. {cause}" if cause else why


def _completed(status: Manifest, now: datetime, pods: list[Unstructured]) -> Manifest:
    said = _with_cause("Reached expected number of succeeded pods", pods)
    why = ("CompletionsReached", said)
    status["conditions"] = [
        _condition("SuccessCriteriaMet", *why, now),
        _condition("Complete", *why, now),
    ]
    status["completionTime"] = format_time(now)
    return _tidy({**status, "active": 0})


def _failed(status: Manifest, now: datetime, reason: str, message: str) -> Manifest:
    status["conditions"] = [
        _condition("FailureTarget", reason, message, now),
        _condition("Failed", reason, message, now),
    ]
    return _tidy({**status, "active": 0})


def _condition(type: str, reason: str, message: str, now: datetime) -> Manifest:
    time = format_time(now)
    return {
        "type": type,
        "status": "True",
        "reason": reason,
        "message": message,
        "lastProbeTime": time,
        "lastTransitionTime": time,
    }


def _tidy(status: Manifest) -> Manifest:
    """Without what is zero or empty, as Kubernetes leaves it out."""
    return {name: value for name, value in status.items() if value not in (0, "")}
