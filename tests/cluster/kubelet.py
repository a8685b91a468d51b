"""The part of a node: pods that wait are run, report a metric and end."""

from __future__ import annotations

import re
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import msgspec

from katib.api import names
from katib.api.codec import format_time
from katib.api.values import Key, Manifest
from katib.errors import KatibError, NotFoundError, StoreUnavailableError
from katib.kubernetes.client import KubernetesClient
from katib.observations.remote import RemoteObservationLog
from katib.ports.observation_log import MetricEntry

#: What a pod of a test says that it would print.
_VALUE = re.compile(r"loss=([-+.\w]+)")

#: How long is waited before a server that is away is asked again, in seconds.
AGAIN = 0.2


def follow_pods(
    client: KubernetesClient, path: str, is_stopping: threading.Event
) -> Iterator[Manifest]:
    """All pods, then those that change, until the server forgets the past, or it is to stop.

    Raises:
        KatibError: the server does not answer.
    """
    listed = msgspec.json.decode(client.request("GET", path))
    yield from listed["items"]
    since = {"resourceVersion": listed["metadata"]["resourceVersion"], "timeoutSeconds": "1"}
    while not is_stopping.is_set():
        for line in client.watch(path, since):
            change = msgspec.json.decode(line)
            if change["type"] == "ERROR":
                return
            since["resourceVersion"] = change["object"]["metadata"]["resourceVersion"]
            yield change["object"]


def _at_once(trial: str) -> None:
    """Pods end as soon as they begin."""


def _statuses(pod: Manifest, ended: Manifest, collected: Manifest | None = None) -> Manifest:
    """What a pod tells of its containers: its program has ended, and its collector may have."""
    now = format_time(datetime.now(UTC))

    def status_of(name: str) -> Manifest:
        last = collected if name in names.COLLECTOR_CONTAINERS else ended
        running = {"running": {"startedAt": now}}
        state = running if last is None else {"terminated": {**last, "finishedAt": now}}
        fixed = {"image": "", "imageID": "", "ready": last is None, "restartCount": 0}
        return {"name": name, **fixed, "state": state}

    return {"containerStatuses": [status_of(one["name"]) for one in pod["spec"]["containers"]]}


class Kubelet:
    """Runs the pods of a namespace, on threads. Those of Deployments are ready, and do not end.

    The value of ``loss`` is what the pod's command names, as ``loss=0.5``.

    Args:
        client: of the API server.
        namespace: whose pods.
        db_manager: where metrics are reported, as ``host:port``.
        run: called with the name of a trial while its pod runs; may wait.
        threads: how many pods run at once.

    Attributes:
        jobs: trial → the ``uid`` of each Job that had a pod for it.
        failing: whether the pods of a trial fail.
        failure: how the program of a pod that fails has ended.
        end_pod: called with the name of a trial when it has reported and its pod is to end; may
            wait.
    """

    def __init__(
        self,
        client: KubernetesClient,
        namespace: str,
        db_manager: str,
        run: Callable[[str], None] = _at_once,
        threads: int = 4,
    ) -> None:
        self._client, self._namespace = client, namespace
        self.run_pod = run
        self._log = RemoteObservationLog(db_manager)
        self.jobs: dict[str, set[str]] = defaultdict(set)
        self.failing: Callable[[str], bool] = lambda trial: False
        self.failure: Manifest = {"exitCode": 1, "reason": "Error"}
        self.end_pod: Callable[[str], None] = _at_once
        self._begun: set[str] = set()
        self._reported: set[str] = set()
        self._is_stopping = threading.Event()
        self._pool = ThreadPoolExecutor(threads, "kubelet")
        self._thread = threading.Thread(target=self._follow, name="kubelet", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Run no more pods."""
        self._is_stopping.set()
        self._thread.join()
        self._pool.shutdown(cancel_futures=True)
        self._log.close()

    @property
    def _path(self) -> str:
        return f"/api/v1/namespaces/{self._namespace}/pods"

    def _follow(self) -> None:
        while not self._is_stopping.is_set():
            try:
                for pod in follow_pods(self._client, self._path, self._is_stopping):
                    self._take(pod)
            except KatibError:
                pass  # The server may be restarted by a test.
            self._is_stopping.wait(AGAIN)

    def _take(self, pod: Manifest) -> None:
        metadata = pod["metadata"]
        is_new = metadata["uid"] not in self._begun and "deletionTimestamp" not in metadata
        if is_new and pod.get("status", {}).get("phase") == "Pending":
            self._begun.add(metadata["uid"])
            self._pool.submit(self._run, pod)

    def _run(self, pod: Manifest) -> None:
        metadata = pod["metadata"]
        (owner,) = (one for one in metadata["ownerReferences"] if one.get("controller"))
        if owner["kind"] == "ReplicaSet":
            ready = {"type": "Ready", "status": "True"}
            self._show(metadata["name"], {"phase": "Running", "conditions": [ready]})
            return
        trial: str = owner["name"]
        self.jobs[trial].add(owner["uid"])
        self._show(metadata["name"], {"phase": "Running"})
        self.run_pod(trial)
        if self.failing(trial):
            self._show(metadata["name"], {"phase": "Failed", **_statuses(pod, self.failure)})
            return
        ended = {"exitCode": 0, "reason": "Completed"}
        if trial not in self._reported:
            # The collector goes on until it has reported.
            self._show(metadata["name"], {"phase": "Running", **_statuses(pod, ended)})
            self._report(trial, pod)
            self._reported.add(trial)
        self.end_pod(trial)
        self._show(metadata["name"], {"phase": "Succeeded", **_statuses(pod, ended, ended)})

    def _report(self, trial: str, pod: Manifest) -> None:
        words = str(pod["spec"]["containers"])
        found = _VALUE.search(words)
        entry = MetricEntry(datetime.now(UTC), "loss", found[1] if found else "1")
        self._persist(lambda: self._log.report(Key(self._namespace, trial), [entry]))

    def _show(self, name: str, status: Manifest) -> None:
        body = msgspec.json.encode({"status": status})
        path = f"{self._path}/{name}/status"
        merge = "application/merge-patch+json"

        def write() -> None:
            try:
                self._client.request("PATCH", path, body=body, content_type=merge)
            except NotFoundError:
                return  # The test, or the operator, has deleted it.

        self._persist(write)

    def _persist(self, act: Callable[[], Any]) -> None:
        while not self._is_stopping.is_set():
            try:
                act()
                return
            except (KatibError, StoreUnavailableError):
                self._is_stopping.wait(AGAIN)
