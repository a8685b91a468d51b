"""A `katib up` in a home of its own, how it is asked, and the experiments that it is given."""

from __future__ import annotations

import http.client
import json
import os
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

NAMESPACE = "/apis/kubeflow.org/v1beta1/namespaces/default"
CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
JSON = "application/json"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


@dataclass(frozen=True)
class Server:
    """The server of a home, as a client finds it."""

    home: Path

    @cached_property
    def where(self) -> SplitResult:
        address: str = json.loads((self.home / "server.json").read_bytes())["address"]
        return urlsplit(address)

    @cached_property
    def token(self) -> str:
        return (self.home / "token").read_text().strip()

    @cached_property
    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.home / "tls" / "ca.crt"))

    def connect(self) -> http.client.HTTPSConnection:
        assert self.where.hostname is not None
        connection = http.client.HTTPSConnection(
            self.where.hostname, self.where.port, context=self.context
        )
        connection.connect()
        return connection

    def begin(
        self,
        connection: http.client.HTTPSConnection,
        path: str,
        accept: str = JSON,
        created: dict[str, Any] | None = None,
    ) -> http.client.HTTPResponse:
        """The answer to a ``get``, or to the creation of an object, as far as its head."""
        headers = {"Authorization": f"Bearer {self.token}", "Accept": accept, "Content-Type": JSON}
        method, body = ("GET", None) if created is None else ("POST", json.dumps(created))
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        assert answer.status in (200, 201), answer.read()
        return answer

    def ask(self, connection: http.client.HTTPSConnection, path: str, accept: str = JSON) -> bytes:
        return self.begin(connection, path, accept).read()

    def create(self, path: str, manifest: dict[str, Any]) -> None:
        with closing(self.connect()) as connection:
            self.begin(connection, path, created=manifest).read()

    def list_now(self, path: str) -> dict[str, Any]:
        with closing(self.connect()) as connection:
            found: dict[str, Any] = json.loads(self.ask(connection, path))
        return found


@contextmanager
def serving(home: Path) -> Iterator[Server]:
    environment = {**os.environ, "KATIB_HOME": str(home)}

    def katib(*words: str) -> None:
        command = [sys.executable, "-m", "katib", *words]
        subprocess.run(
            command, cwd=home, env=environment, check=True, stdout=subprocess.DEVNULL, timeout=120
        )

    home.mkdir(exist_ok=True)
    # What a UI takes to begin is not what is measured.
    katib("up", "--detach", "--port", "0", "--no-ui")
    try:
        yield Server(home)
    finally:
        katib("down")


@dataclass(frozen=True)
class Size:
    """How much an experiment has to do.

    Attributes:
        trials: how many.
        parallel: how many at a time.
        seconds: how long each takes.
    """

    trials: int
    parallel: int
    seconds: float = 0.0


def experiment(name: str, size: Size) -> dict[str, Any]:
    sleep = f"sleep {size.seconds}; " if size.seconds else ""
    container = {
        "name": "main",
        "image": "busybox",
        "command": ["/bin/sh", "-c", f"{sleep}echo loss=${{trialParameters.x}}"],
    }
    pod = {"containers": [container], "restartPolicy": "Never"}
    return {
        "apiVersion": "kubeflow.org/v1beta1",
        "kind": "Experiment",
        "metadata": {"name": name},
        "spec": {
            "objective": {"type": "minimize", "objectiveMetricName": "loss"},
            "algorithm": {"algorithmName": "random"},
            "maxTrialCount": size.trials,
            "parallelTrialCount": size.parallel,
            "maxFailedTrialCount": 1,
            "parameters": [
                {
                    "name": "x",
                    "parameterType": "double",
                    "feasibleSpace": {"min": "0.0", "max": "1.0"},
                }
            ],
            "trialTemplate": {
                "primaryContainerName": "main",
                "trialParameters": [{"name": "x", "reference": "x"}],
                "trialSpec": {
                    "apiVersion": "batch/v1",
                    "kind": "Job",
                    "spec": {"backoffLimit": 0, "template": {"spec": pod}},
                },
            },
        },
    }


def run_experiment(server: Server, name: str, size: Size, look_every: float) -> list[float]:
    """Run an experiment to its end; how long each look at it took, in seconds."""
    server.create(f"{NAMESPACE}/experiments", experiment(name, size))
    taken = []
    with closing(server.connect()) as connection:
        while True:
            begun = time.perf_counter()
            data = server.ask(connection, f"{NAMESPACE}/experiments/{name}")
            taken.append(time.perf_counter() - begun)
            if _is_over(data):
                return taken
            time.sleep(look_every)


def _is_over(data: bytes) -> bool:
    conditions = json.loads(data).get("status", {}).get("conditions", [])
    true = {one["type"] for one in conditions if one["status"] == "True"}
    assert "Failed" not in true, conditions
    return "Succeeded" in true
