"""A server over a store in memory, asked without a network."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import uvicorn

from katib.api.codec import to_manifest
from katib.api.experiment import Experiment
from katib.api.values import Manifest, ObjectMeta, Unstructured
from katib.api_server.ports import ServerPorts
from katib.api_server.server import ApiServer
from katib.api_server.services import Pace
from katib.api_server.serving import TlsFiles, configure
from katib.apps.door import admission_context, admit_here
from katib.observations.memory import MemoryObservationLog
from katib.ports.pod_logs import LogSource, LogState
from katib.stores.memory import MemoryStore
from katib.testing.builders import CREATED_AT, an_experiment
from katib.testing.clocks import FakeClock

TOKEN = "the-token"
EXPERIMENTS_PATH = "/apis/kubeflow.org/v1beta1/namespaces/default/experiments"
TRIALS_PATH = "/apis/kubeflow.org/v1beta1/namespaces/default/trials"
CONFIG_MAPS_PATH = "/api/v1/namespaces/default/configmaps"
PODS_PATH = "/api/v1/namespaces/default/pods"
MERGE = "application/merge-patch+json"


@dataclass
class Logs:
    """Logs as plain bytes, by container; and whether they are over."""

    texts: dict[str, bytes] = field(default_factory=dict)
    is_over: bool = True
    looks: int = 0

    def find(self, source: LogSource) -> LogState | None:
        text = self.texts.get(_name(source))
        if text is None:
            return None
        self.looks += 1
        return LogState(len(text), self.is_over, CREATED_AT)

    def read(self, source: LogSource, start: int, size: int) -> bytes:
        return self.texts[_name(source)][start : start + size]


def _name(source: LogSource) -> str:
    return f"{source.container}/previous" if source.is_previous else source.container


class WatchedStore(MemoryStore):
    """Remembers what has been flushed, and can refuse to."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.flushed: list[int] = []
        self.problem: Exception | None = None

    def flush(self) -> None:
        if self.problem is not None:
            raise self.problem
        self.flushed.append(self.version)
        super().flush()


class Home:
    """What stands behind a server, and the server."""

    def __init__(self, pace: Pace | None = None, *built_in: Unstructured) -> None:
        self.clock = FakeClock()
        self.store = WatchedStore(self.clock)
        self.events: list[Unstructured] = []
        self._listeners: list[Callable[[Unstructured], None]] = []
        self.logs = Logs()
        self.observations = MemoryObservationLog()
        ports = ServerPorts(
            self.store,
            self.clock,
            TOKEN,
            self._admit,
            self._list_events,
            self._hear_events,
            self.logs,
            self.observations.read,
            lambda: "katib_experiments 3\n",
            built_in,
        )
        self.server = ApiServer(ports, pace)

    def _admit(self, manifest: Manifest, old: Experiment | None) -> Experiment:
        return admit_here(manifest, admission_context(self.store.find), old)

    def _list_events(self, namespace: str | None, uid: str | None) -> list[Unstructured]:
        return [
            event
            for event in self.events
            if namespace in (None, event.metadata.namespace)
            and uid in (None, event.body["involvedObject"]["uid"])
        ]

    def _hear_events(self, listener: Callable[[Unstructured], None]) -> Callable[[], None]:
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    @property
    def is_heard(self) -> bool:
        """Whether somebody listens to events."""
        return bool(self._listeners)

    def tell(self, event: Unstructured) -> None:
        """An event is new or told again."""
        found = [one for one in self.events if one.key != event.key]
        self.events = [*found, event]
        for listener in self._listeners:
            listener(event)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """One request; ``body`` is sent as JSON unless it is bytes. Underscores become dashes."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        with_token = {"authorization": f"Bearer {TOKEN}", "accept": "application/json"}

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.server.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://katib") as client:
                return await client.request(
                    method, path, content=content, headers={**with_token, **sent}
                )

        return asyncio.run(ask())

    def json(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """The answer's body; the request must succeed."""
        response = self.ask(method, path, body, **headers)
        assert response.status_code < 300, response.text
        return response.json()

    def names(self, path: str) -> list[str]:
        """The names in a list."""
        return [item["metadata"]["name"] for item in self.json("GET", path)["items"]]


@contextmanager
def listening(home: Home, tls: TlsFiles | None = None) -> Iterator[int]:
    """The port at which the server of a home listens."""
    server = uvicorn.Server(configure(home.server.app, tls=tls))
    with closing(socket.socket()) as own:
        own.bind(("127.0.0.1", 0))
        own.listen()
        thread = threading.Thread(target=server.run, args=([own],))
        thread.start()
        try:
            yield own.getsockname()[1]
        finally:
            home.server.close()
            server.should_exit = True
            thread.join(30)


def an_experiment_manifest(name: str = "one") -> Manifest:
    """A legal experiment, as a user writes it."""
    manifest = to_manifest(an_experiment().named(name).build())
    del manifest["status"]
    return {**manifest, "metadata": {"name": name}}


def a_config_map_manifest(name: str = "one", labels: dict[str, str] | None = None) -> Manifest:
    """The smallest object there is."""
    metadata: Manifest = {"name": name, "labels": labels} if labels else {"name": name}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"a": "1"}}


def a_pod_manifest(name: str = "one", *containers: str) -> Manifest:
    """A pod of these containers."""
    spec = {"containers": [{"name": container} for container in containers or ("main",)]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def an_event(
    name: str, uid: str = "a-uid", namespace: str = "default", count: int = 1
) -> Unstructured:
    """Something that was told about an object."""
    involved = {"kind": "Trial", "name": "one", "namespace": namespace, "uid": uid}
    return Unstructured(
        api_version="v1",
        kind="Event",
        metadata=ObjectMeta(name=name, namespace=namespace),
        body={"involvedObject": involved, "reason": "JobCreated", "type": "Normal", "count": count},
    )
