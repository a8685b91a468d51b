"""What does the operator make of a cluster when trials cost nothing?

A real API server with its controllers, but no node and no Job controller: each run is finished by
this script as soon as it is there. Measured are trials a minute, calls of the API server for each
trial, and how long reconciles take; beside the limit, which is the same Jobs created, finished and
deleted by a bare script. Then an operator is started beside many trials that have ended, and
weighed. Prints Markdown.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "cluster"))

from definitions import define
from experiments import Experiments, an_experiment
from processes import IMAGE, Program, a_db_manager, a_free_port

from control_plane import ControlPlane, find_gap
from katib.api import codec
from katib.api.experiment import EXPERIMENTS
from katib.api.suggestion import SUGGESTIONS
from katib.api.trial import TRIALS
from katib.api.values import Key, Manifest
from katib.errors import KatibError
from katib.kubernetes.client import KubernetesClient
from katib.kubernetes.pace import Pace
from katib.observations.remote import RemoteObservationLog
from katib.ports.observation_log import MetricEntry

#: So often that this script waits for nobody.
UNHURRIED = Pace(per_second=100_000.0, burst=100_000)
MERGE = "application/merge-patch+json"
COMPLETE: Manifest = {"status": {"conditions": [{"type": "Complete", "status": "True"}]}}
THREADS = 8
INFINITY = float("inf")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=1_000)
    parser.add_argument("--parallel", type=int, default=100)
    parser.add_argument("--big", type=int, default=10_000, help="trials of the operator weighed")
    parser.add_argument("--pace", type=float, default=10_000.0, help="calls a second at most")
    flags = parser.parse_args()
    if gap := find_gap():
        sys.exit(gap)
    # Runs are finished by this script: that of the Job controller would only be in the way.
    os.environ["K8S_KCM_ARGS"] = "--controllers=*,-job"
    plane = ControlPlane()
    try:
        plane.start()
        with tempfile.TemporaryDirectory() as folder:
            run(Cluster(plane.kubeconfig, Path(folder), plane.processes()), flags)
    finally:
        plane.close()


@dataclass(frozen=True)
class Cluster:
    """An API server with its store and controllers, and a folder for what runs beside it."""

    kubeconfig: Path
    folder: Path
    processes: Sequence[psutil.Process]

    @property
    def spent(self) -> float:
        """The processor time that all of it has taken, in seconds."""
        times = [process.cpu_times() for process in self.processes]
        return sum(one.user + one.system for one in times)

    def connect(self) -> KubernetesClient:
        return KubernetesClient.connect(self.kubeconfig, pace=UNHURRIED)

    def add_namespace(self, client: KubernetesClient, name: str) -> str:
        body = msgspec.json.encode({"metadata": {"name": name}})
        client.request("POST", "/api/v1/namespaces", body=body)
        return name


def run(cluster: Cluster, flags: argparse.Namespace) -> None:
    client = cluster.connect()
    for kind in (EXPERIMENTS, SUGGESTIONS, TRIALS):
        define(client, kind)
    limits = [measure_limit(cluster, client, f"limit-{n}", flags.trials) for n in range(2)]
    note(f"the limit: {', '.join(f'{one.rate:.0f}' for one in limits)} Jobs a minute")
    db_manager, address = a_db_manager(cluster.folder)
    db_manager.start()
    try:
        sample = measure_operator(cluster, client, address, flags)
        limits.append(measure_limit(cluster, client, "limit-2", flags.trials))
        print_rates(sample, sorted(limits, key=lambda one: one.rate)[1], flags)
        if flags.big:
            print_weight(cluster, client, address, flags.big)
    finally:
        db_manager.close()
        client.close()


@dataclass(frozen=True)
class Limit:
    """Jobs a minute, and the processor time that each costs the cluster, in milliseconds."""

    rate: float
    cost: float


def measure_limit(cluster: Cluster, client: KubernetesClient, namespace: str, jobs: int) -> Limit:
    """Jobs are created, finished and deleted by a bare script, several at once."""
    cluster.add_namespace(client, namespace)
    path = f"/apis/batch/v1/namespaces/{namespace}/jobs"
    container = {"name": "main", "image": "localhost/none:1", "command": ["true"]}
    pod = {"containers": [container], "restartPolicy": "Never"}

    def carry(number: int) -> None:
        body = {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": f"job-{number}"},
            "spec": {"template": {"spec": pod}},
        }
        client.request("POST", path, body=msgspec.json.encode(body))
        finish(client, f"{path}/job-{number}")
        client.request("DELETE", f"{path}/job-{number}", body=b'{"propagationPolicy":"Background"}')

    spent, began = cluster.spent, time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(carry, range(jobs)))
    rate = jobs / (time.perf_counter() - began) * 60
    return Limit(rate, (cluster.spent - spent) / jobs * 1e3)


def finish(client: KubernetesClient, path: str) -> None:
    body = msgspec.json.encode(COMPLETE)
    client.request("PATCH", f"{path}/status", body=body, content_type=MERGE)


class Finisher:
    """Finishes every Job of a namespace as soon as it is there, and reports its metric."""

    def __init__(self, client: KubernetesClient, namespace: str, db_manager: str) -> None:
        self._client, self._namespace = client, namespace
        self._log = RemoteObservationLog(db_manager)
        self._pool = ThreadPoolExecutor(THREADS)
        self._path = f"/apis/batch/v1/namespaces/{namespace}/jobs"
        threading.Thread(target=self._follow, daemon=True).start()

    def _follow(self) -> None:
        # At the end of the measurement the API server goes first.
        with suppress(KatibError):
            self._finish_all()

    def _finish_all(self) -> None:
        listed = msgspec.json.decode(self._client.request("GET", self._path))
        since = {"resourceVersion": listed["metadata"]["resourceVersion"]}
        while True:
            for line in self._client.watch(self._path, since):
                change = msgspec.json.decode(line)
                metadata = change["object"]["metadata"]
                since["resourceVersion"] = metadata["resourceVersion"]
                if change["type"] == "ADDED":
                    self._pool.submit(self._end, metadata["name"])

    def _end(self, name: str) -> None:
        entry = MetricEntry(datetime.now(UTC), "loss", "0.5")
        self._log.report(Key(self._namespace, name), [entry])
        finish(self._client, f"{self._path}/{name}")


@dataclass(frozen=True)
class Sample:
    """What was measured of one operator."""

    seconds: float
    trials: int
    calls: dict[str, float]
    reconciles: dict[str, float]
    busy: dict[str, float]
    slowest: dict[str, float]
    processor: float
    cost: float
    resident: float

    @property
    def rate(self) -> float:
        return self.trials / self.seconds * 60


def measure_operator(
    cluster: Cluster, client: KubernetesClient, db_manager: str, flags: argparse.Namespace
) -> Sample:
    """One experiment whose runs end at once."""
    namespace = cluster.add_namespace(client, "tuning")
    experiments = Experiments(client, namespace)
    finisher = cluster.connect()
    Finisher(finisher, namespace, db_manager)
    given = an_experiment("many", flags.trials, parallelTrialCount=flags.parallel)
    with operator(cluster, namespace, db_manager, flags.pace) as (process, port):
        before, spent = scrape(port), cluster.spent
        began = time.perf_counter()
        experiments.create(given)
        while not experiments.ended("many"):
            time.sleep(0.2)
        seconds = time.perf_counter() - began
        # The runs of the last trials are deleted a moment later.
        time.sleep(2)
        after = scrape(port)
        times, memory = process.cpu_times(), process.memory_info()
        return Sample(
            seconds,
            flags.trials,
            {
                method: (after.calls[method] - before.calls.get(method, 0)) / flags.trials
                for method in after.calls
            },
            {name: buckets[INFINITY] / flags.trials for name, buckets in after.buckets.items()},
            {name: spent / flags.trials * 1e3 for name, spent in after.seconds.items()},
            {name: quantile(buckets, 0.99) for name, buckets in after.buckets.items()},
            (times.user + times.system) / flags.trials * 1e3,
            (cluster.spent - spent) / flags.trials * 1e3,
            memory.rss / 2**20,
        )


@contextmanager
def operator(
    cluster: Cluster, namespace: str, db_manager: str, pace: float
) -> Iterator[tuple[psutil.Process, int]]:
    """An operator, and the port of its metrics."""
    port = a_free_port()
    controller = {"healthzAddr": "127.0.0.1:0", "metricsAddr": f"127.0.0.1:{port}"}
    config = cluster.folder / f"{namespace}.yaml"
    config.write_text(codec.dump_yaml({"init": {"controller": controller}}))
    words = ["operator", "--kubeconfig", str(cluster.kubeconfig), "--namespace", namespace]
    words += ["--katib-config", str(config), "--db-manager", db_manager]
    words += ["--early-stopping-address", "127.0.0.1:0", "--calls-per-second", str(pace)]
    ready, variables = "Running the experiments", {"KATIB_IMAGE": IMAGE}
    program = Program(cluster.folder, f"operator-{namespace}", words, ready, variables)
    program.start()
    try:
        yield psutil.Process(program.pid), port
    finally:
        program.stop()


@dataclass(frozen=True)
class Scrape:
    """What was counted so far: calls by method, reconciles and their seconds by controller."""

    calls: dict[str, float]
    buckets: dict[str, dict[float, float]]
    seconds: dict[str, float]


def scrape(port: int) -> Scrape:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        text = answer.read().decode()
    calls = re.findall(r'rest_client_requests_total{method="(\w+)"} ([\d.e+]+)', text)
    pattern = r'reconcile_time_seconds_bucket{controller="([\w-]+)",le="([^"]+)"} ([\d.e+]+)'
    buckets: dict[str, dict[float, float]] = {}
    for name, bound, count in re.findall(pattern, text):
        buckets.setdefault(name, {})[float(bound)] = float(count)
    sums = re.findall(r'reconcile_time_seconds_sum{controller="([\w-]+)"} ([\d.e+-]+)', text)
    return Scrape(
        {method: float(count) for method, count in calls},
        buckets,
        {name: float(seconds) for name, seconds in sums},
    )


def quantile(buckets: dict[float, float], part: float) -> float:
    """An upper bound of it, in seconds: that of the bucket in which it lies."""
    wanted = part * buckets[INFINITY]
    return next(bound for bound, count in sorted(buckets.items()) if count >= wanted)


def print_rates(sample: Sample, limit: Limit, flags: argparse.Namespace) -> None:
    reads = {"GET", "WATCH"}
    writes = sum(count for method, count in sample.calls.items() if method not in reads)
    print(f"{flags.trials} trials, {flags.parallel} at once\n")
    print("| | |\n|---|---|")
    print(f"| trials a minute | {sample.rate:.0f} |")
    print(f"| Jobs a minute, bare script | {limit.rate:.0f} |")
    print(f"| of the limit | {sample.rate / limit.rate:.0%} |")
    print(f"| writes for a trial | {writes:.2f} |")
    print(f"| reads for a trial | {sample.calls.get('GET', 0):.2f} |")
    print(f"| processor time of the operator for a trial | {sample.processor:.1f} ms |")
    print(f"| processor time of the cluster for a trial | {sample.cost:.1f} ms |")
    print(f"| processor time of the cluster for a bare Job | {limit.cost:.1f} ms |")
    print(f"| resident memory | {sample.resident:.0f} MiB |")
    for name, seconds in sorted(sample.slowest.items()):
        often, spent = sample.reconciles[name], sample.busy[name]
        print(f"| {name}, reconciles for a trial | {often:.2f}, {spent:.0f} ms in all |")
        print(f"| {name}, p99 of a reconcile | {seconds * 1e3:g} ms at most |")
    print(flush=True)


def print_weight(cluster: Cluster, client: KubernetesClient, db_manager: str, trials: int) -> None:
    """An operator beside trials that have ended: what it keeps of them."""
    namespace = cluster.add_namespace(client, "heavy")
    with operator(cluster, namespace, db_manager, 1000) as (process, _):
        time.sleep(2)
        empty = process.memory_info().rss / 2**20
    template = finished_trial(client, namespace)
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda number: add_trial(client, namespace, template, number), range(trials)))
    began = time.perf_counter()
    with operator(cluster, namespace, db_manager, 1000) as (process, _):
        started = time.perf_counter() - began
        time.sleep(10)
        full = process.memory_info().rss / 2**20
    print(f"| | empty | {trials} trials |\n|---|---|---|")
    print(f"| resident memory | {empty:.0f} MiB | {full:.0f} MiB |")
    print(f"| start | | {started:.1f} s |", flush=True)


def finished_trial(client: KubernetesClient, namespace: str) -> Manifest:
    """A trial of the experiment that was measured before, as the operator has left it."""
    path = "/apis/kubeflow.org/v1beta1/namespaces/tuning/trials"
    found = msgspec.json.decode(client.request("GET", path, query={"limit": "1"}))["items"][0]
    owner: dict[str, Any] = {"name": "many", "labels": found["metadata"]["labels"]}
    return {**found, "metadata": {"labels": owner["labels"], "finalizers": ["clean-metrics-in-db"]}}


def add_trial(client: KubernetesClient, namespace: str, template: Manifest, number: int) -> None:
    path = f"/apis/kubeflow.org/v1beta1/namespaces/{namespace}/trials"
    name = f"many-{number:08d}"
    body = {**template, "metadata": {**template["metadata"], "name": name}}
    client.request("POST", path, body=msgspec.json.encode(body))
    status = msgspec.json.encode({"status": template["status"]})
    client.request("PATCH", f"{path}/{name}/status", body=status, content_type=MERGE)


def note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
