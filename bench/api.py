"""How quick is the server, and what do those who watch cost an experiment?

Three questions, asked of a `katib up` in a new home: how long a list of many trials takes, how long
a `get` takes while trials run, and whether watchers hear everything and slow the trials down.
Clients and server share the machine. Prints a Markdown table with the limit beside each figure.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import http.client
import json
import os
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any
from urllib.parse import urlsplit

from katib.api.suggestion import TrialAssignment
from katib.api.trial import TRIALS
from katib.apps.clock import SystemClock
from katib.stores.sqlite import SqliteStore
from katib.testing.builders import a_running_trial, a_succeeded_trial, an_experiment

GROUP = "/apis/kubeflow.org/v1beta1/namespaces/default"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


@dataclass(frozen=True)
class Server:
    """A server in a home of its own, and how it is asked."""

    address: str
    token: str
    context: ssl.SSLContext

    def connect(self) -> http.client.HTTPSConnection:
        where = urlsplit(self.address)
        assert where.hostname is not None
        return http.client.HTTPSConnection(where.hostname, where.port, context=self.context)

    def ask(
        self, connection: http.client.HTTPSConnection, path: str, accept: str = "application/json"
    ) -> bytes:
        headers = {"Authorization": f"Bearer {self.token}", "Accept": accept}
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        data = answer.read()
        assert answer.status == 200, data
        return data

    def create(self, manifest: dict[str, Any]) -> None:
        connection = self.connect()
        headers = {
            "Authorization": f"Bearer {self.token}",
            "Content-Type": "application/json",
        }
        connection.request("POST", f"{GROUP}/experiments", json.dumps(manifest), headers)
        answer = connection.getresponse()
        assert answer.status == 201, answer.read()
        connection.close()


@contextmanager
def serving(home: Path) -> Iterator[Server]:
    environment = {**os.environ, "KATIB_HOME": str(home)}

    def katib(*words: str) -> None:
        command = [sys.executable, "-m", "katib", *words]
        subprocess.run(
            command, cwd=home, env=environment, check=True, stdout=subprocess.DEVNULL, timeout=120
        )

    home.mkdir(exist_ok=True)
    katib("up", "--detach", "--port", "0")
    try:
        record = json.loads((home / "server.json").read_bytes())
        token = (home / "token").read_text().strip()
        context = ssl.create_default_context(cafile=str(home / "tls" / "ca.crt"))
        yield Server(record["address"], token, context)
    finally:
        katib("down")


def experiment(name: str, trials: int, parallel: int) -> dict[str, Any]:
    container = {
        "name": "main",
        "image": "busybox",
        "command": ["/bin/sh", "-c", "echo loss=${trialParameters.x}"],
    }
    pod = {"containers": [container], "restartPolicy": "Never"}
    return {
        "apiVersion": "kubeflow.org/v1beta1",
        "kind": "Experiment",
        "metadata": {"name": name},
        "spec": {
            "objective": {"type": "minimize", "objectiveMetricName": "loss"},
            "algorithm": {"algorithmName": "random"},
            "maxTrialCount": trials,
            "parallelTrialCount": parallel,
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


def is_over(data: bytes) -> bool:
    conditions = json.loads(data).get("status", {}).get("conditions", [])
    true = {one["type"] for one in conditions if one["status"] == "True"}
    assert "Failed" not in true, conditions
    return "Succeeded" in true


def list_seconds(home: Path, count: int, rounds: int) -> dict[str, float]:
    """Lists of trials that have ended, as two clients want them."""
    home.mkdir()
    store = SqliteStore(home / "katib.db", SystemClock())
    owner = an_experiment().build()
    for number in range(count):
        assignment = TrialAssignment(name=f"trial-{number:05}")
        trial = a_running_trial(owner, assignment.name, assignment)
        store.create(TRIALS, a_succeeded_trial(trial, "0.5"))
    store.close()
    taken: dict[str, float] = {}
    with serving(home) as server:
        connection = server.connect()
        for form, accept in (("Table", TABLE), ("JSON", "application/json")):
            samples = []
            for _ in range(rounds):
                begun = time.perf_counter()
                data = server.ask(connection, f"{GROUP}/trials", accept)
                samples.append(time.perf_counter() - begun)
                listed = json.loads(data)
                found = len(listed["rows" if form == "Table" else "items"])
                assert found == count, found
            taken[form] = median(samples)
        connection.close()
    return taken


def get_seconds(server: Server, name: str, trials: int, parallel: int) -> list[float]:
    """Every ``get`` of an experiment from its creation to its end, a hundred a second."""
    server.create(experiment(name, trials, parallel))
    connection, samples = server.connect(), []
    while True:
        begun = time.perf_counter()
        data = server.ask(connection, f"{GROUP}/experiments/{name}")
        samples.append(time.perf_counter() - begun)
        if is_over(data):
            connection.close()
            return samples
        time.sleep(0.01)


def run_seconds(server: Server, name: str, trials: int, parallel: int) -> float:
    """From an experiment's creation to its end, hardly looked at."""
    begun = time.perf_counter()
    server.create(experiment(name, trials, parallel))
    connection = server.connect()
    while not is_over(server.ask(connection, f"{GROUP}/experiments/{name}")):
        time.sleep(0.2)
    connection.close()
    return time.perf_counter() - begun


class Watcher:
    """Counts the changes that one watch tells, and sums them up in a digest."""

    def __init__(self) -> None:
        self.events = 0
        self.trials: set[bytes] = set()
        self._digest = hashlib.blake2b()

    @property
    def seen(self) -> tuple[int, str]:
        return self.events, self._digest.hexdigest()

    async def follow(self, server: Server, name: str, begun: asyncio.Event) -> None:
        where = urlsplit(server.address)
        reader, writer = await asyncio.open_connection(
            where.hostname, where.port, ssl=server.context, limit=1 << 24
        )
        path = f"{GROUP}/trials?watch=1&labelSelector=katib.kubeflow.org/experiment={name}"
        head = f"GET {path} HTTP/1.1\r\nHost: katib\r\nAuthorization: Bearer {server.token}\r\n\r\n"
        writer.write(head.encode())
        status = await reader.readline()
        assert b" 200 " in status, status
        begun.set()
        try:
            async for line in reader:
                # Lines of the chunks' own sizes are in between.
                if line.startswith(b'{"type"'):
                    self.events += 1
                    self._digest.update(line)
                    self.trials.add(_name(line))
        finally:
            writer.close()


def _name(line: bytes) -> bytes:
    return line.partition(b'"metadata":{"name":"')[2].partition(b'"')[0]


def watched(server: Server, name: str, flags: argparse.Namespace) -> tuple[float, bool]:
    """The seconds of a run that is watched, and whether all watchers heard the same and all."""
    watchers = [Watcher() for _ in range(flags.watchers)]

    async def work() -> float:
        begun = [asyncio.Event() for _ in watchers]
        tasks = [
            asyncio.create_task(watcher.follow(server, name, event))
            for watcher, event in zip(watchers, begun, strict=True)
        ]
        await asyncio.gather(*(event.wait() for event in begun))
        taken = await asyncio.to_thread(run_seconds, server, name, flags.trials, flags.parallel)
        before = -1
        while before != sum(one.events for one in watchers):
            before = sum(one.events for one in watchers)
            await asyncio.sleep(1)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return taken

    taken = asyncio.run(work())
    is_same = len({one.seen for one in watchers}) == 1
    return taken, is_same and len(watchers[0].trials) == flags.trials


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--listed", type=int, default=10_000, help="trials in the list")
    parser.add_argument("--trials", type=int, default=1_000, help="trials of each experiment")
    parser.add_argument("--parallel", type=int, default=2, help="trials at a time")
    parser.add_argument("--watchers", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured")
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        lists = list_seconds(Path(folder, "lists"), flags.listed, flags.rounds)
        gets: list[float] = []
        alone, with_them, heard = [], [], []
        with serving(Path(folder, "runs")) as server:
            for number in range(flags.rounds):
                size = (flags.trials, flags.parallel)
                gets += get_seconds(server, f"asked-{number}", *size)
                alone.append(run_seconds(server, f"alone-{number}", *size))
                taken, is_complete = watched(server, f"watched-{number}", flags)
                with_them.append(taken)
                heard.append(is_complete)
    rates = flags.trials / median(alone), flags.trials / median(with_them)
    centiles = quantiles(gets, n=100)
    print("| What | Measured | Limit |\n|---|---|---|")
    print(f"| list of {flags.listed:,} trials as a Table | {lists['Table']:.2f} s | 1 s |")
    print(f"| list of {flags.listed:,} trials as JSON | {lists['JSON']:.2f} s | 1.5 s |")
    print(f"| `get` while trials run, half of them within | {centiles[49] * 1e3:.1f} ms | |")
    print(f"| `get` while trials run, 99 % within | {centiles[98] * 1e3:.1f} ms | 10 ms |")
    complete = "yes" if all(heard) else "no"
    audience = f"{flags.watchers} watchers heard every change of {flags.trials:,} trials"
    print(f"| {audience} | {complete} | yes |")
    lost = (1 - rates[1] / rates[0]) * 100
    print(f"| trials a second alone, and watched by {flags.watchers} | ", end="")
    print(f"{rates[0]:.1f}, {rates[1]:.1f}: {lost:.0f} % less | 20 % less |")


if __name__ == "__main__":
    main()
