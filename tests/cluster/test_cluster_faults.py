"""Whatever fails, an experiment ends with the right number of trials: none lost, none doubled."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from experiments import an_experiment
from processes import an_operator, wait_for
from stage import Stage, relayed

from control_plane import ControlPlane
from katib.errors import KatibError
from katib.kubernetes.client import KubernetesClient

pytestmark = pytest.mark.timeout(600)

#: How many trials an experiment has that is disturbed.
TRIALS = 24


def slowly(seconds: float) -> Callable[[str], None]:
    return lambda trial: time.sleep(seconds)


class Held:
    """Runs pods slowly, and all but the first so many no further until they are let go.

    However quick the machine, the experiment is not over before.

    Attributes:
        waiting: how many are held.
    """

    def __init__(self, seconds: float, free: int) -> None:
        self._seconds, self._free = seconds, free
        self._lock, self._is_open = threading.Lock(), threading.Event()
        self.waiting = 0

    def __call__(self, trial: str) -> None:
        with self._lock:
            is_free, self._free = self._free > 0, self._free - 1
            self.waiting += not is_free
        if not is_free:
            self._is_open.wait(240)
        time.sleep(self._seconds)

    def let_go(self) -> None:
        self._is_open.set()


def check(stage: Stage, trials: int = TRIALS) -> None:
    wait_for(lambda: bool(stage.experiments.ended()), "the experiment is over", 240)
    assert stage.experiments.ended() == "ExperimentMaxTrialsReached"
    # The counters are written a moment after the verdict.
    wait_for(lambda: stage.experiments.completed() == trials, "all trials are counted")
    stage.experiments.check_books(trials)
    stage.check_runs()
    assert len(stage.kubelet.jobs) == trials


def test_the_operator_is_killed_at_20_random_moments(stage: Stage) -> None:
    chance = random.Random(7)
    stage.kubelet.run_pod = held = Held(0.3, free=90)
    stage.operator.start()
    stage.experiments.create(an_experiment(trials=100))
    for _ in range(20):
        time.sleep(chance.uniform(0.0, 1.5))
        stage.operator.kill()
        stage.operator.start(is_awaited=chance.random() < 0.7)
    assert not stage.experiments.ended(), "it was killed while it worked"
    held.let_go()
    check(stage, 100)


def test_the_api_server_is_restarted(stage: Stage, control_plane: ControlPlane) -> None:
    stage.kubelet.run_pod = slowly(0.2)
    stage.operator.start()
    stage.experiments.create(an_experiment(trials=TRIALS))
    for done in (4, 12):
        wait_for(lambda done=done: stage.experiments.completed() >= done, f"{done} trials")  # type: ignore[misc]  # the default is the type
        control_plane.kill_api_server()
        time.sleep(1)
        control_plane.start()
    check(stage)
    assert stage.operator.is_running


def test_an_operator_that_starts_before_the_api_server_waits_for_it(
    stage: Stage, kubeconfig: Path, tmp_path: Path
) -> None:
    path, relay = relayed(kubeconfig, tmp_path)
    operator = stage.add_operator(path)
    with relay:
        with relay.closed():
            operator.start(is_awaited=False)
            wait_for(lambda: "waiting for" in operator.text(), "the operator says what it needs")
            stage.experiments.create(an_experiment(trials=3))
        check(stage, 3)
        assert operator.stop() == 0


def test_a_namespace_that_is_not_there_ends_an_operator(kubeconfig: Path, tmp_path: Path) -> None:
    operator = an_operator(tmp_path, kubeconfig, "no-such-namespace", "127.0.0.1:1")
    operator.start(is_awaited=False)
    wait_for(lambda: not operator.is_running, "it does not wait for what never comes")
    assert 'there is no namespace "no-such-namespace"' in operator.text()


def test_watches_and_calls_are_cut(stage: Stage, kubeconfig: Path, tmp_path: Path) -> None:
    path, relay = relayed(kubeconfig, tmp_path)
    stage.kubelet.run_pod = slowly(0.2)
    operator = stage.add_operator(path)
    with relay:
        operator.start()
        stage.experiments.create(an_experiment(trials=TRIALS))
        for _ in range(10):
            time.sleep(0.4)
            relay.cut()
        check(stage)
        assert operator.stop() == 0


def test_what_a_watch_wants_is_no_longer_kept(
    stage: Stage, kubeconfig: Path, tmp_path: Path, control_plane: ControlPlane
) -> None:
    """A new API server remembers no changes from before its time."""
    path, relay = relayed(kubeconfig, tmp_path)
    stage.kubelet.run_pod = slowly(0.2)
    operator = stage.add_operator(path)
    with relay:
        operator.start()
        stage.experiments.create(an_experiment(trials=TRIALS))
        wait_for(lambda: stage.experiments.completed() >= 4, "some trials")
        with relay.closed():
            # Meanwhile pods go on, so that more is missed than what it has heard of.
            time.sleep(3)
            control_plane.kill_api_server()
            control_plane.start()
        check(stage)
        assert "begins anew" in operator.text()
        assert operator.stop() == 0


def test_the_database_manager_is_away_for_a_minute(stage: Stage) -> None:
    """Trials run and end meanwhile, and say what they wait for; then all goes on by itself."""
    stage.kubelet.run_pod = running = Held(0.2, free=8)
    stage.kubelet.end_pod = ending = Held(0.0, free=6)
    stage.operator.start()
    stage.experiments.create(an_experiment(trials=TRIALS, parallelTrialCount=4))
    wait_for(lambda: ending.waiting == running.waiting == 2, "two wait to end, two to report")
    wait_for(lambda: stage.experiments.completed() == 6, "the others have succeeded")
    stage.db_manager.kill()
    began = time.monotonic()
    running.let_go()
    ending.let_go()
    why = {"ObservationLogUnavailable": 2, "MetricsNotReported": 2}
    wait_for(lambda: Counter(stage.experiments.waits("trials").values()) == why, "trials say why")
    wait_for(lambda: stage.experiments.waits("experiments").get("tuned") in why, "it says why, too")
    time.sleep(max(0.0, began + 60.0 - time.monotonic()))
    assert Counter(stage.experiments.waits("trials").values()) == why
    assert not stage.experiments.ended()
    assert stage.experiments.completed() == 6
    stage.db_manager.start()
    check(stage)
    assert stage.experiments.waits("trials") == {}
    assert stage.operator.is_running


def test_pods_of_trials_are_deleted(stage: Stage, client: KubernetesClient) -> None:
    """The Job makes another: its trial is the same."""
    stage.kubelet.run_pod = slowly(1.0)
    stage.operator.start()
    stage.experiments.create(an_experiment(trials=6))
    pods = f"/api/v1/namespaces/{stage.experiments.namespace}/pods"
    deleted = 0
    while not stage.experiments.ended():
        listed = msgspec.json.decode(client.request("GET", pods))["items"]
        for pod in listed[:1] if deleted < 4 else []:
            try:
                client.request("DELETE", f"{pods}/{pod['metadata']['name']}")
                deleted += 1
            except KatibError:
                pass
        time.sleep(0.5)
    assert deleted >= 2
    check(stage, 6)


def test_a_run_that_somebody_deletes_is_made_again(stage: Stage, client: KubernetesClient) -> None:
    stage.kubelet.run_pod = slowly(5.0)
    stage.operator.start()
    stage.experiments.create(an_experiment(trials=2))

    def pods() -> list[int]:
        return [job["status"].get("active", 0) for job in stage.experiments.list_jobs()]

    # The Job controller of Kubernetes waits for minutes for a pod of a Job that went meanwhile.
    wait_for(lambda: pods() == [1, 1], "both have a pod")
    first = stage.experiments.list_jobs()[0]["metadata"]["name"]
    jobs = f"/apis/batch/v1/namespaces/{stage.experiments.namespace}/jobs"
    body = b'{"propagationPolicy": "Background"}'
    client.request("DELETE", f"{jobs}/{first}", body=body)
    wait_for(lambda: bool(stage.experiments.ended()), "the experiment is over")
    stage.experiments.check_books(2)
