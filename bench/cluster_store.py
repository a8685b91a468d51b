"""What a cluster's store costs: memory and time with many trials, on a real API server.

It makes the trials with as many threads as are useful, beside the same by a bare client; then a
fresh store lists them, as an operator does that starts, and reads and writes among them.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import msgspec
import psutil

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(REPOSITORY / "tests"), str(REPOSITORY / "tests" / "cluster")]

from definitions import define  # noqa: E402

from control_plane import ControlPlane  # noqa: E402  # the path comes first
from katib.api.codec import encode  # noqa: E402
from katib.api.conditions import put  # noqa: E402
from katib.api.trial import TRIALS, Trial, TrialSpec, TrialStatus  # noqa: E402
from katib.api.values import (  # noqa: E402
    Condition,
    Key,
    NameValue,
    ObjectMeta,
    Strings,
)
from katib.apps.clock import SystemClock  # noqa: E402
from katib.kubernetes.client import KubernetesClient  # noqa: E402
from katib.kubernetes.pace import Pace  # noqa: E402
from katib.stores.kubernetes import KubernetesStore  # noqa: E402

NAMESPACE = "default"
UNHURRIED = Pace(per_second=1e6, burst=1_000_000)
THREADS = 8

#: A Job of a usual size.
RUN = msgspec.json.encode(
    {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "trial", "namespace": NAMESPACE},
        "spec": {
            "template": {
                "spec": {
                    "containers": [
                        {
                            "name": "training-container",
                            "image": "registry.example/train:1",
                            "command": ["python3", "/opt/train.py", *["--some=argument"] * 20],
                            "resources": {"limits": {"cpu": "1", "memory": "1Gi"}},
                        }
                    ],
                    "restartPolicy": "Never",
                }
            }
        },
    }
)


@contextmanager
def a_cluster(kubeconfig: Path | None) -> Iterator[Path]:
    if kubeconfig is not None:
        yield kubeconfig
        return
    plane = ControlPlane()
    try:
        plane.start()
        yield plane.kubeconfig
    finally:
        plane.close()


def a_trial(number: int) -> Trial:
    labels = Strings({"katib.kubeflow.org/experiment": f"experiment-{number % 100}"})
    assignments = tuple(NameValue(name=f"p{n}", value=f"0.{number}{n}") for n in range(6))
    now = SystemClock().now()
    conditions: tuple[Condition, ...] = ()
    for type in ("Created", "Running", "Succeeded"):
        told = Condition(
            type=type, status="True", reason=f"Trial{type}", message=f"Trial is {type}"
        )
        conditions = put(conditions, told, now)
    return Trial(
        metadata=ObjectMeta(name=f"trial-{number:05}", namespace=NAMESPACE, labels=labels),
        spec=TrialSpec(parameter_assignments=assignments, run_spec=msgspec.Raw(RUN)),
        status=TrialStatus(start_time=now, conditions=conditions),
    )


def seconds_of(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def memory() -> float:
    """This process's resident memory in MiB."""
    gc.collect()
    return psutil.Process().memory_info().rss / 2**20


def make(client: KubernetesClient, count: int) -> None:
    path = f"/apis/kubeflow.org/v1beta1/namespaces/{NAMESPACE}/trials"

    def make_one(number: int) -> None:
        client.request("POST", path, body=encode(a_trial(number)))

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(make_one, range(count)))


def delays(store: KubernetesStore, client: KubernetesClient, rounds: int) -> list[float]:
    """Seconds from a change by another until a listener hears it."""
    heard = threading.Event()
    unsubscribe = store.subscribe(lambda event: heard.set())
    found = []
    for number in range(rounds):
        heard.clear()
        began = time.perf_counter()
        client.request(
            "PATCH",
            f"/apis/kubeflow.org/v1beta1/namespaces/{NAMESPACE}/trials/trial-{number:05}",
            body=msgspec.json.encode({"metadata": {"labels": {"round": str(began)}}}),
            content_type="application/merge-patch+json",
        )
        assert heard.wait(30)
        found.append(time.perf_counter() - began)
    unsubscribe()
    return found


def write(store: KubernetesStore, count: int, rounds: int) -> list[float]:
    found = []
    for number in range(rounds):
        trial = store.get(TRIALS, Key(NAMESPACE, f"trial-{number * 7 % count:05}"))
        status = msgspec.structs.replace(trial.status, last_reconcile_time=SystemClock().now())
        fresh = msgspec.structs.replace(trial, status=status)
        found.append(seconds_of(lambda fresh=fresh: store.update_status(TRIALS, fresh)))
    return found


def measure(kubeconfig: Path, count: int) -> None:
    client = KubernetesClient.connect(kubeconfig, pace=UNHURRIED)
    define(client, TRIALS, has_status=False)
    seconds = seconds_of(lambda: make(client, count))
    print(f"| a bare client makes {count:,} trials | {count / seconds:,.0f} a second |")
    before = memory()
    store = KubernetesStore(client, SystemClock())
    seconds = seconds_of(lambda: store.get(TRIALS, Key(NAMESPACE, "trial-00000")))
    print(f"| a fresh store lists them | {seconds:.2f} s |")
    print(f"| its memory | {memory() - before:.0f} MiB |")
    keys = [Key(NAMESPACE, f"trial-{number * 7919 % count:05}") for number in range(5_000)]
    seconds = seconds_of(lambda: [store.find(TRIALS, key) for key in keys])
    print(f"| find one, decoded anew | {seconds / len(keys) * 1e6:.0f} µs |")
    seconds = seconds_of(lambda: [store.find(TRIALS, keys[-1]) for _ in keys])
    print(f"| find one that was read lately | {seconds / len(keys) * 1e6:.1f} µs |")
    rounds = 300
    bare = [seconds_of(lambda: client.request("GET", "/version")) * 1e3 for _ in range(rounds)]
    print(f"| the least request there is | {statistics.median(bare):.1f} ms |")
    print(f"| write a status | {statistics.median(write(store, count, rounds)) * 1e3:.1f} ms |")
    found = delays(store, client, rounds)
    print(
        f"| another's change is heard after, its write included | "
        f"{statistics.median(found) * 1e3:.1f} ms, 99 % {sorted(found)[-4] * 1e3:.1f} ms |"
    )
    store.close()
    client.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--kubeconfig", type=Path, help="an existing cluster; filled with trials")
    options = parser.parse_args()
    print("| | |\n|---|---|")
    with a_cluster(options.kubeconfig) as kubeconfig:
        measure(kubeconfig, options.trials)


if __name__ == "__main__":
    main()
