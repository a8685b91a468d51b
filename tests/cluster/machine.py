"""A node whose containers are processes of this machine, without images and isolation."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from container_logs import ContainerLog, LogServer
from containers import Volumes, variables_of, words_of
from kubelet import AGAIN, follow_pods
from pods import Pod, a_pod
from processes import IMAGE

from katib.api import names
from katib.api.values import Manifest
from katib.apps.certificates import Pem, read_authority, sign
from katib.errors import ConflictError, KatibError, NotFoundError, RequestRefusedError
from katib.executors import shim
from katib.kubernetes.client import KubernetesClient
from katib.kubernetes.sidecars import TELL_LAST_LINES

#: How often the cluster is told that the node goes on, in seconds; it is given up after 40.
_BEAT = 10.0

_MERGE = "application/merge-patch+json"
_PODS = "/api/v1/pods"


@dataclass(slots=True)
class _Running:
    """A pod that runs, or has run."""

    manifest: Manifest
    folder: Path
    processes: Pod | None = None
    is_over: threading.Event = field(default_factory=threading.Event)
    is_ended: bool = False


class Machine:
    """Runs all pods of a cluster that no other node has, and answers for their logs.

    A pod's processes see each other, and no others. Its programs work in one folder.

    Args:
        client: of the API server, as the administrator.
        authority: the folder with ``ca.crt`` and ``ca.key``, whom the API server trusts.
        folder: for the machine's own files.
        work: where programs work.
        variables: what programs find in their environment, the node's ``PATH`` before all.
    """

    def __init__(
        self,
        client: KubernetesClient,
        authority: Path,
        folder: Path,
        work: Path,
        variables: Mapping[str, str],
    ) -> None:
        self._client, self._folder, self._work = client, folder, work
        self._given = variables
        self._name = f"machine-{os.getpid()}-{id(self):x}"
        self._pods: dict[str, _Running] = {}
        self._threads: list[threading.Thread] = []
        self._failures: list[Exception] = []
        self._is_stopping = threading.Event()
        folder.mkdir(parents=True)
        # Where no pod can be made, tests are skipped: here, as a thread could not skip them later.
        with a_pod(folder):
            pass
        self._logs = LogServer(_certificate(authority, folder), self._find_log)
        self._register()
        self._start("pods", self._follow)
        self._start("beat", self._beat)

    def close(self) -> None:
        """End all pods, and leave the cluster.

        Raises:
            ExceptionGroup: what has hindered the machine meanwhile.
        """
        self._is_stopping.set()
        for pod in self._pods.values():
            self._end(pod)
        for thread in self._threads:
            thread.join()
        self._logs.close()
        self._client.request("DELETE", f"/api/v1/nodes/{self._name}")
        if self._failures:
            raise ExceptionGroup("the machine did not run all pods", self._failures)

    def _start(self, name: str, work: Any, *words: object) -> None:
        def attempt() -> None:
            try:
                work(*words)
            except Exception as error:
                self._failures.append(error)

        thread = threading.Thread(target=attempt, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _register(self) -> None:
        body = msgspec.json.encode({"metadata": {"name": self._name}})
        self._client.request("POST", "/api/v1/nodes", body=body)
        self._show_ready()

    def _show_ready(self) -> None:
        now = _now()
        ready = {
            "type": "Ready",
            "status": "True",
            "reason": "KubeletReady",
            "message": "processes can be started",
            "lastHeartbeatTime": now,
            "lastTransitionTime": now,
        }
        status = {
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": self._logs.port}},
            "conditions": [ready],
        }
        self._patch(f"/api/v1/nodes/{self._name}/status", {"status": status})

    def _beat(self) -> None:
        while not self._is_stopping.wait(_BEAT):
            self._show_ready()

    def _follow(self) -> None:
        while not self._is_stopping.is_set():
            try:
                for pod in follow_pods(self._client, _PODS, self._is_stopping):
                    self._take(pod)
            except KatibError:
                self._is_stopping.wait(AGAIN)

    def _take(self, pod: Manifest) -> None:
        metadata, uid = pod["metadata"], pod["metadata"]["uid"]
        if uid in self._pods:
            if "deletionTimestamp" in metadata:
                self._end(self._pods[uid])
        elif "nodeName" not in pod["spec"] and "deletionTimestamp" not in metadata:
            running = _Running(pod, self._folder / uid)
            self._pods[uid] = running
            self._start(metadata["name"], self._run, running)

    def _end(self, pod: _Running) -> None:
        pod.is_ended = True
        if pod.processes is not None:
            pod.processes.kill()

    def _run(self, pod: _Running) -> None:
        if not self._bind(pod.manifest):
            return
        codes = self._run_processes(pod)
        self._show(pod, "Failed" if any(codes.values()) else "Succeeded", codes)
        self._forget(pod)

    def _bind(self, pod: Manifest) -> bool:
        """Take a pod; whether it was there to be taken."""
        target = {"apiVersion": "v1", "kind": "Node", "name": self._name}
        named = {"name": pod["metadata"]["name"]}
        body = msgspec.json.encode({"metadata": named, "target": target})
        try:
            self._client.request("POST", f"{_path(pod)}/binding", body=body)
        except (ConflictError, NotFoundError):
            return False
        except RequestRefusedError as error:
            # Its namespace is about to go, and it with it.
            if error.code != 403:
                raise
            return False
        return True

    def _run_processes(self, pod: _Running) -> Mapping[str, int]:
        """Run all containers to their ends; their exit codes."""
        volumes = Volumes(pod.manifest, pod.folder, partial(self._read_config_map, pod))
        volumes.make()
        containers: list[Manifest] = pod.manifest["spec"]["containers"]
        with ExitStack() as ends:
            pod.processes = ends.enter_context(a_pod(self._work))
            started = {}
            for one in containers:
                log = ends.enter_context(_log_of(pod, one["name"]).open("wb"))
                variables = self._variables(one, pod, volumes)
                words = [volumes.moved(one, word) for word in _words(one, variables)]
                if "workingDir" in one:
                    place = volumes.moved(one, one["workingDir"])
                    words = ["sh", "-c", 'cd "$0" && exec "$@"', place, *words]
                started[one["name"]] = pod.processes.start(*words, variables=variables, log=log)
            self._show(pod, "Running", {})
            if pod.is_ended:
                pod.processes.kill()
            codes = {name: process.wait() for name, process in started.items()}
        pod.is_over.set()
        return codes

    def _read_config_map(self, pod: _Running, name: str) -> Manifest:
        path = f"/api/v1/namespaces/{pod.manifest['metadata']['namespace']}/configmaps/{name}"
        found: Manifest = msgspec.json.decode(self._client.request("GET", path))
        return found

    def _variables(self, container: Manifest, pod: _Running, volumes: Volumes) -> dict[str, str]:
        told = variables_of(container, pod.manifest, self._given)
        found = {name: volumes.moved(container, value) for name, value in told.items()}
        if container["image"] == IMAGE:
            return {**os.environ, **found}
        return {
            **self._given,
            "HOME": str(self._work),
            "PYTHONPATH": str(shim.FOLDER),
            names.ENV_NAMESPACE: pod.manifest["metadata"]["namespace"],
            **found,
        }

    def _show(self, pod: _Running, phase: str, codes: Mapping[str, int]) -> None:
        now, is_running = _now(), phase == "Running"

        def status_of(container: Manifest) -> Manifest:
            name = container["name"]
            running = {"running": {"startedAt": now}}
            state = running if is_running else _ended(container, codes[name], now, pod)
            return {
                "name": name,
                "image": container["image"],
                "imageID": "",
                "ready": is_running,
                "restartCount": 0,
                "state": state,
            }

        status: Manifest = {
            "phase": phase,
            "conditions": [{"type": "Ready", "status": str(is_running)}],
            "containerStatuses": [status_of(one) for one in pod.manifest["spec"]["containers"]],
            **({"startTime": now} if is_running else {}),
        }
        self._patch(f"{_path(pod.manifest)}/status", {"status": status})

    def _forget(self, pod: _Running) -> None:
        """Let a pod go that was deleted: the API server waits for its node to do so."""
        while not pod.is_ended:
            if self._is_stopping.wait(AGAIN):
                return
        options = {
            "gracePeriodSeconds": 0,
            "preconditions": {"uid": pod.manifest["metadata"]["uid"]},
        }
        try:
            self._client.request("DELETE", _path(pod.manifest), body=msgspec.json.encode(options))
        except (ConflictError, NotFoundError):
            return  # It is gone.

    def _patch(self, path: str, body: Manifest) -> None:
        try:
            encoded = msgspec.json.encode(body)
            self._client.request("PATCH", path, body=encoded, content_type=_MERGE)
        except NotFoundError:
            return  # It was deleted.

    def _find_log(self, namespace: str, name: str, container: str) -> ContainerLog | None:
        for pod in self._pods.values():
            metadata = pod.manifest["metadata"]
            path = _log_of(pod, container)
            if (metadata["namespace"], metadata["name"]) == (namespace, name) and path.exists():
                return ContainerLog(path, pod.is_over.is_set)
        return None


def _words(container: Manifest, variables: Mapping[str, str]) -> Sequence[str]:
    program, *rest = words_of(container, variables)
    if container["image"] == IMAGE and program == "katib":
        return [sys.executable, "-m", "katib", *rest]
    return [program, *rest]


def _log_of(pod: _Running, container: str) -> Path:
    return pod.folder / f"{container}.log"


def _ended(container: Manifest, code: int, now: str, pod: _Running) -> Manifest:
    told: Manifest = {"exitCode": code, "reason": "Completed", "finishedAt": now}
    if code:
        told["reason"] = "Error"
        if container.get("terminationMessagePolicy") == TELL_LAST_LINES:
            # As kubelet: so much of the log's end, where nothing was written for this purpose.
            log = _log_of(pod, container["name"]).read_bytes()
            told["message"] = log[-2048:].decode(errors="replace")
    return {"terminated": told}


def _path(pod: Manifest) -> str:
    metadata = pod["metadata"]
    return f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _certificate(authority: Path, folder: Path) -> Path:
    """A file with a certificate for this machine, and its key."""
    pem = Pem((authority / "ca.crt").read_bytes(), (authority / "ca.key").read_bytes())
    trusted = read_authority(pem)
    assert trusted is not None
    path = folder / "machine.pem"
    path.write_bytes(b"".join(sign(trusted, ("127.0.0.1",), datetime.now(UTC))))
    return path
