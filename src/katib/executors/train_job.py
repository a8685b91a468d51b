"""TrainJobs: makes the Job of their nodes and tells how it goes, as Kubeflow's trainer does."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from katib.api.codec import format_time, with_status
from katib.api.kinds import JOBS, TRAIN_JOBS
from katib.api.values import Key, Kind, Manifest, Unstructured
from katib.errors import AlreadyExistsError
from katib.executors.nodes import Shape, node_job, shape_of
from katib.executors.runtimes import NODE, TrainJobError, find_runtime
from katib.executors.torchrun import Torchrun
from katib.ports.clock import Clock
from katib.ports.event_recorder import EventRecorder
from katib.ports.reconciler import DONE, Result
from katib.ports.resource_store import Event, EventType, ResourceStore, Selector

#: What is looked at of a TrainJob here.
_USED = frozenset(("runtimeRef", "trainer", "initializer", "labels", "annotations", "suspend"))

#: For which there is nothing to do on one machine.
_NEEDLESS = frozenset(("managedBy",))

_COMPLETED = "jobset completed successfully"
_BROKEN = "jobset failed due to one or more job failures"


class TrainJobReconciler:
    """Runs a ``trainer.kubeflow.org/v1alpha1`` TrainJob: its nodes are an indexed Job.

    Args:
        store: where TrainJobs, their runtimes and Jobs are.
        events: what happened, for the user.
        clock: for times.
        torchrun: what starts the processes of torch's runtimes.
    """

    name = "train-job-controller"
    kinds: tuple[Kind[Any], ...] = (TRAIN_JOBS, JOBS)

    def __init__(
        self, store: ResourceStore, events: EventRecorder, clock: Clock, torchrun: Torchrun
    ) -> None:
        self._store, self._events, self._clock = store, events, clock
        self._torchrun = torchrun

    def keys(self, event: Event) -> Iterable[Key]:
        if event.kind is TRAIN_JOBS:
            if event.type is not EventType.DELETED and not event.is_status:
                yield event.key
            return
        owner = event.metadata.controller
        if owner is not None and owner.kind == TRAIN_JOBS.name:
            yield Key(event.metadata.namespace, owner.name)

    def reconcile(self, key: Key) -> Result:
        train_job = self._store.find(TRAIN_JOBS, key)
        if train_job is None or train_job.metadata.deletion_timestamp is not None:
            return DONE
        if _is_finished(train_job):
            return DONE
        found = self._store.list(JOBS, Selector(owner=train_job.metadata.uid))
        try:
            status = self._advance(train_job, next(iter(found), None))
        except TrainJobError as error:
            reason = "TrainingRuntimeNotSupported"
            status = self._with(train_job.status, "Failed", "True", reason, str(error))
        self._store.update_status(TRAIN_JOBS, with_status(train_job, status))
        return DONE

    def _advance(self, train_job: Unstructured, job: Unstructured | None) -> Manifest:
        status = train_job.status
        if train_job.spec.get("suspend"):
            if job is not None:
                self._store.delete(JOBS, job.key)
            status = {**status, "jobsStatus": [_counted("suspended")]}
            return self._with(status, "Suspended", "True", "Suspended", "TrainJob is suspended")
        if any(one["type"] == "Suspended" for one in status.get("conditions", ())):
            status = self._with(status, "Suspended", "False", "Resumed", "TrainJob is resumed")
        if job is None:
            job = self._make(train_job)
        return self._follow(status, job)

    def _make(self, train_job: Unstructured) -> Unstructured:
        """The Job of its nodes."""
        runtime = find_runtime(self._store, train_job)
        shape = shape_of(train_job, runtime)
        job = node_job(train_job, runtime, shape, self._launching(train_job, shape))
        unused = sorted(train_job.spec.keys() - _USED - _NEEDLESS)
        if unused:
            told = f"Not looked at on one machine: spec.{', spec.'.join(unused)}"
            self._events.record(train_job, "FieldsNotUsed", told, warning=True)
        try:
            return self._store.create(JOBS, job)
        except AlreadyExistsError as error:
            raise TrainJobError(
                f"{error}, and it belongs to something else; delete it, or give the TrainJob "
                "another name"
            ) from error

    def _launching(self, train_job: Unstructured, shape: Shape) -> list[Manifest]:
        """The variables by which a node finds what starts its processes."""
        if not shape.is_torch or not shape.is_single:
            return []
        if not self._torchrun.is_installed:
            told = (
                "torchrun is not on PATH: what it is asked to start, one process on one node, is "
                "started with python instead"
            )
            self._events.record(train_job, "TorchrunMissing", told)
        try:
            folder = self._torchrun.stand_in()
        except OSError as error:
            raise TrainJobError(f"no stand-in for torchrun could be written: {error}") from error
        # The last folder: a torchrun that the program installs comes before.
        return [{"name": "PATH", "value": f"$(PATH):{folder}"}]

    def _follow(self, status: Manifest, job: Unstructured) -> Manifest:
        """The status of a TrainJob that goes as its Job does."""
        found: list[Manifest] = job.status.get("conditions") or []
        ends = {one["type"]: one for one in found if one.get("status") == "True"}
        if "Complete" in ends:
            note = str(ends["Complete"].get("message") or "").partition(". ")[2]
            message = f"{_COMPLETED}. {note}" if note else _COMPLETED
            status = {**status, "jobsStatus": [_counted("succeeded")]}
            return self._with(status, "Complete", "True", "AllJobsCompleted", message)
        if "Failed" in ends:
            cause = str(ends["Failed"].get("message") or "")
            message = f"{_BROKEN} (first failed job: {job.metadata.name}). {cause}"
            status = {**status, "jobsStatus": [_counted("failed")]}
            return self._with(status, "Failed", "True", "FailedJobs", message)
        return {**status, "jobsStatus": [_counted("active")]}

    def _with(self, status: Manifest, type: str, truth: str, reason: str, message: str) -> Manifest:
        """The status with a condition, in the place of the one of its type."""
        before = next((one for one in status.get("conditions", ()) if one["type"] == type), None)
        if before is not None and before["status"] == truth:
            return status
        condition = {
            "type": type,
            "status": truth,
            "reason": reason,
            "message": message,
            "lastTransitionTime": format_time(self._clock.now()),
        }
        others = [one for one in status.get("conditions", ()) if one["type"] != type]
        return {**status, "conditions": [*others, condition]}


def _is_finished(train_job: Unstructured) -> bool:
    return any(
        one["type"] in ("Complete", "Failed") and one["status"] == "True"
        for one in train_job.status.get("conditions", ())
    )


def _counted(state: str) -> Manifest:
    """How many Jobs are in which state: there is one, of the nodes."""
    states = ("ready", "succeeded", "failed", "active", "suspended")
    counts = {one: int(one == state) for one in states}
    # A Job is ready when its pods are; they are processes, and so at once.
    counts["ready"] = counts["active"]
    return {"name": NODE, **counts}
