"""What a trial costs an API server, and that experiments share what there is."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from experiments import an_experiment
from processes import IMAGE, wait_for
from stage import Stage

from katib.apps.operating import Operator, Options
from katib.apps.operator import DBManager
from katib.errors import ConflictError
from katib.kubernetes.client import KubernetesClient

pytestmark = pytest.mark.timeout(300)

#: The most writes that a trial may cost over its life.
MOST_WRITES = 8


class Running:
    """An operator in this process, whose calls are counted."""

    def __init__(self, client: KubernetesClient, stage: Stage, config: Path) -> None:
        self.calls: Counter[tuple[str, str]] = Counter()
        client.on_call = self._count
        config.write_text(
            "init: {controller: {healthzAddr: '127.0.0.1:0', metricsAddr: '127.0.0.1:0'}}"
        )
        options = Options(
            DBManager(stage.address),
            "none",
            stage.experiments.namespace,
            config,
            IMAGE,
            "127.0.0.1:0",
        )
        self.operator = Operator(client, options)
        self._started = threading.Event()
        self._thread = threading.Thread(target=self.operator.run, args=(self._started.set,))
        self._thread.start()
        assert self._started.wait(60)

    @property
    def writes(self) -> Counter[str]:
        """How much was written, by method and kind."""
        written: Counter[str] = Counter()
        for (method, path), count in self.calls.items():
            parts = path.partition("/namespaces/")[2].split("/")
            if method not in ("GET", "WATCH"):
                written[" ".join((method, *parts[1:2], *parts[3:]))] += count
        return written

    @property
    def lists(self) -> dict[str, int]:
        """How often everything of a kind was asked for."""
        plurals = {"experiments", "suggestions", "trials", "jobs", "pods"}
        return {
            path: count
            for (method, path), count in self.calls.items()
            if method == "GET" and path.rpartition("/")[2] in plurals
        }

    def close(self) -> None:
        self.operator.stop()
        self._thread.join(60)
        assert not self._thread.is_alive()

    def _count(self, method: str, path: str) -> None:
        self.calls[method, path] += 1


class Fickle(KubernetesClient):
    """A client that is told at every second write that somebody was faster."""

    patches = 0
    conflicts = 0

    def request(self, method: str, path: str, **more: Any) -> bytes:
        if method == "PATCH":
            self.patches += 1
            if self.patches % 2:
                self.conflicts += 1
                raise ConflictError("Trial", path, "1", "2")
        return super().request(method, path, **more)


@pytest.fixture
def second(kubeconfig: Path) -> KubernetesClient:
    """A client of the operator's own, which it closes."""
    return KubernetesClient.connect(kubeconfig)


def test_a_trial_costs_few_calls(stage: Stage, second: KubernetesClient, tmp_path: Path) -> None:
    """Also when trials end one by one, so that nothing is written for several of them at once."""
    chance = random.Random(3)
    stage.kubelet.run_pod = lambda trial: time.sleep(chance.uniform(1.0, 4.0))
    running = Running(second, stage, tmp_path / "config.yaml")
    stage.run(an_experiment(trials=20, parallelTrialCount=2))
    wait_for(lambda: not stage.experiments.list_jobs(), "all runs are gone")
    wait_for(lambda: stage.experiments.completed() == 20, "all are counted")
    running.close()
    # Beyond what trials cost: the experiment and its suggestion are made and end.
    assert running.writes.total() <= MOST_WRITES * 20 + 10, running.writes
    # Each kind is listed once, however many trials there are.
    assert len(running.lists) >= 4
    assert set(running.lists.values()) == {1}, running.lists


def test_every_second_write_conflicts(stage: Stage, kubeconfig: Path, tmp_path: Path) -> None:
    client = Fickle.connect(kubeconfig)
    assert isinstance(client, Fickle)
    running = Running(client, stage, tmp_path / "config.yaml")
    stage.run(an_experiment(trials=12))
    wait_for(lambda: stage.experiments.completed() == 12, "all are counted")
    running.close()
    stage.experiments.check_books(12)
    stage.check_runs()
    assert client.conflicts > 12


def test_a_small_experiment_does_not_wait_for_a_large_one(
    stage: Stage, second: KubernetesClient, tmp_path: Path
) -> None:
    running = Running(second, stage, tmp_path / "config.yaml")
    stage.experiments.create(an_experiment("large", 150, parallelTrialCount=150))
    wait_for(lambda: len(stage.experiments.list("trials")) > 5, "the large one has begun")
    for number in range(5):
        stage.experiments.create(an_experiment(f"small-{number}", 2))
    names = [f"small-{number}" for number in range(5)]
    wait_for(lambda: all(map(stage.experiments.ended, names)), "the small ones are over")
    assert stage.experiments.completed("large") < 150
    running.close()
