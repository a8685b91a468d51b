"""Kubeflow's trainer for a cluster that has none: a laptop's, over the cluster's resources."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from definitions import define_as, definition_of
from msgspec.structs import replace

from katib.api.kinds import CLUSTER_TRAINING_RUNTIMES, JOBS, TRAIN_JOBS, TRAINING_RUNTIMES
from katib.api.values import Key, Kind, Manifest, Resource, Unstructured
from katib.apps.clock import SystemClock
from katib.controllers.loop import Loop
from katib.controllers.loop.loop import Surroundings
from katib.errors import AlreadyExistsError
from katib.executors.runtimes import builtin_runtimes
from katib.executors.torchrun import Torchrun
from katib.executors.train_job import TrainJobReconciler
from katib.kubernetes.client import KubernetesClient
from katib.kubernetes.events import KubernetesEventRecorder
from katib.kubernetes.install.parts import LABEL_INJECTION
from katib.kubernetes.templates import INDEX
from katib.stores.kubernetes import KubernetesStore

R = TypeVar("R", bound=Resource)

_RUNTIMES = f"/apis/{CLUSTER_TRAINING_RUNTIMES.api_version}/{CLUSTER_TRAINING_RUNTIMES.plural}"


class IndexedJobs(KubernetesStore):
    """Gives the pods of Jobs the index that an old Kubernetes does not give; of one pod each."""

    def create(self, kind: Kind[R], resource: R) -> R:
        if kind is JOBS and isinstance(resource, Unstructured):
            return super().create(kind, replace(resource, body=_indexed(resource)))
        return super().create(kind, resource)


class Trainer:
    """Runs the TrainJobs of a namespace. The kinds are defined, and there are two runtimes.

    Args:
        client: of the API server, as the administrator.
        namespace: whose TrainJobs; its pods are shown to the webhooks from now on.
        folder: for files.
    """

    def __init__(self, client: KubernetesClient, namespace: str, folder: Path) -> None:
        _install(client, namespace)
        clock = SystemClock()
        self._store = IndexedJobs(client, clock, namespace)
        self._events = KubernetesEventRecorder(client, clock)
        self._failures: list[BaseException] = []
        torchrun = Torchrun(folder / "torchrun", os.environ["PATH"])
        reconciler = TrainJobReconciler(self._store, self._events, clock, torchrun)
        around = Surroundings(self._store, self._events, clock, lambda: None, self._failures.append)
        self._loop = Loop(around, (reconciler,), 1)
        for kind in reconciler.kinds:
            # What was looked for is watched from then on.
            self._store.find(kind, Key(namespace, "none"))
        self._loop.start()

    def close(self) -> None:
        """Run no more of them.

        Raises:
            BaseExceptionGroup: what has hindered it.
        """
        self._loop.stop()
        self._events.close()
        self._store.close()
        if self._failures:
            raise BaseExceptionGroup("not all TrainJobs were run", self._failures)


def _install(client: KubernetesClient, namespace: str) -> None:
    kinds: tuple[Kind[Any], ...] = (TRAIN_JOBS, TRAINING_RUNTIMES, CLUSTER_TRAINING_RUNTIMES)
    for kind in kinds:
        definition = definition_of(kind, has_status=kind is TRAIN_JOBS)
        if kind is CLUSTER_TRAINING_RUNTIMES:
            definition["spec"]["scope"] = "Cluster"
        define_as(client, definition)
    for runtime in builtin_runtimes():
        try:
            client.request("POST", _RUNTIMES, body=msgspec.json.encode(runtime))
        except AlreadyExistsError:
            continue
    body = msgspec.json.encode({"metadata": {"labels": {LABEL_INJECTION: "enabled"}}})
    path = f"/api/v1/namespaces/{namespace}"
    client.request("PATCH", path, body=body, content_type="application/merge-patch+json")


def _indexed(job: Unstructured) -> Manifest:
    """The body of a Job whose pods have an index."""
    spec: Manifest = job.spec
    template: Manifest = spec["template"]
    metadata: Manifest = template["metadata"]
    given = {
        field: {**(metadata.get(field) or {}), INDEX: "0"} for field in ("labels", "annotations")
    }
    template = {**template, "metadata": {**metadata, **given}}
    return {**job.body, "spec": {**spec, "template": template}}
