from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from katib.api.codec import to_manifest
from katib.api.values import Manifest
from katib.apps import addresses
from katib.apps.addresses import is_loopback, list_names
from katib.apps.connection import connect
from katib.apps.embedded import EmbeddedEngine
from katib.apps.home import Home
from katib.apps.kubeconfig import read_token, token_path
from katib.apps.server import Server, ServerOptions, check_address
from katib.apps.server_record import ServerRecord, find_server
from katib.client.backend import AwayError, RefusedError
from katib.errors import (
    ConfigurationError,
    HomeLockedError,
    StoreUnavailableError,
)
from katib.testing.builders import an_experiment

EXPERIMENTS = "/apis/kubeflow.org/v1beta1/namespaces/default/experiments"
TRIALS = "/apis/kubeflow.org/v1beta1/namespaces/default/trials"

#: How long a server may take to begin or to end, in seconds; generous, since machines are busy.
LONGEST = 60.0


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


class Running:
    """A server in a thread of its own."""

    def __init__(self, home: Home, options: ServerOptions) -> None:
        self.home, self.server = home, Server(home, options)
        self.left: int | None = None
        self.error: BaseException | None = None
        self._told = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        assert self._told.wait(LONGEST)
        self.connection = connect(home, self.server.record)

    def _run(self) -> None:
        try:
            self.left = self.server.run(lambda _: self._told.set())
        except BaseException as error:
            self.error = error
            self._told.set()

    def ask(self, method: str, path: str, body: Any = None) -> Manifest:
        return self.connection.ask(method, path, body)

    def end(self) -> None:
        self.server.stop()
        self.join()

    def join(self) -> None:
        self._thread.join(LONGEST)
        assert not self._thread.is_alive()


@contextmanager
def serving(home: Home, **options: Any) -> Iterator[Running]:
    running = Running(home, ServerOptions(**{"port": 0, **options}))
    try:
        yield running
    finally:
        running.end()


def eventually(look: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + LONGEST
    while not look():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def a_manifest(script: str, name: str = "one", **spec: Any) -> Manifest:
    """An experiment of one trial that runs a shell script."""
    manifest = to_manifest(an_experiment().named(name).with_trials(1, 1, 1).build())
    del manifest["status"]
    manifest["metadata"] = {"name": name}
    template = manifest["spec"]["trialTemplate"]
    template["retain"] = True
    (container,) = template["trialSpec"]["spec"]["template"]["spec"]["containers"]
    words = " ".join(container.get("command") or []) + " ".join(container.get("args") or [])
    container["command"] = ["/bin/sh", "-c", f"{script}\n: {words}"]
    container.pop("args", None)
    manifest["spec"].update(spec)
    return manifest


def test_a_home_is_served_and_given_up(home: Home) -> None:
    with serving(home) as running:
        record = running.server.record
        assert record.address.startswith("https://127.0.0.1:")
        assert find_server(home) == record
        eventually(running.connection.is_ready, "the server answers")
        with pytest.raises(HomeLockedError):
            home.lock()
    assert running.error is None
    assert running.left == 0
    assert find_server(home) is None
    assert not running.connection.is_ready()
    home.lock().release()


def test_who_has_another_token_is_not_let_in(home: Home) -> None:
    with serving(home) as running:
        running.ask("GET", EXPERIMENTS)
        token_path(home).write_text("another")
        stranger = connect(home, running.server.record)
        assert stranger.is_ready()
        with pytest.raises(RefusedError, match="Unauthorized") as caught:
            stranger.ask("GET", EXPERIMENTS)
        assert (caught.value.code, caught.value.reason) == (401, "Unauthorized")


def test_without_tls_the_address_says_so(home: Home) -> None:
    with serving(home, is_secure=False) as running:
        assert running.server.record.address.startswith("http://127.0.0.1:")
        assert running.ask("GET", EXPERIMENTS)["items"] == []


def test_a_client_that_trusts_others_does_not_trust_the_server(home: Home) -> None:
    with serving(home) as running:
        port = int(running.server.record.address.rpartition(":")[2])
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=LONGEST)
        with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
            connection.request("GET", "/readyz")
        connection.close()


def test_an_experiment_runs_to_its_end_and_everything_about_it_is_told(home: Home) -> None:
    with serving(home) as running:
        running.ask("POST", EXPERIMENTS, a_manifest("echo loss=0.25"))
        path = f"{EXPERIMENTS}/one"
        eventually(
            lambda: running.ask("GET", path).get("status", {}).get("trialsSucceeded") == 1,
            "the trial succeeds",
        )
        (trial,) = running.ask("GET", TRIALS)["items"]
        assert trial["status"]["observation"]["metrics"][0]["latest"] == "0.25"
        (pod,) = running.ask("GET", "/api/v1/namespaces/default/pods")["items"]
        assert read_log(running, pod["metadata"]["name"]) == "loss=0.25\n"
        uid = trial["metadata"]["uid"]
        events = running.ask(
            "GET", f"/api/v1/namespaces/default/events?fieldSelector=involvedObject.uid={uid}"
        )
        reasons = [event["reason"] for event in events["items"]]
        assert reasons == ["JobCreated", "JobRunning", "JobSucceeded"]
        metrics = read_text(running, "/metrics")
        assert 'katib_trial_succeeded_total{namespace="default"} 1.0' in metrics


def test_an_experiment_is_refused_as_by_katibs_webhooks(home: Home) -> None:
    wrong = a_manifest("true", algorithm={"algorithmName": "no-such-algorithm"})
    with serving(home) as running, pytest.raises(RefusedError) as caught:
        running.ask("POST", EXPERIMENTS, wrong)
    assert caught.value.code == 400
    assert 'admission webhook "validator.experiment.katib.kubeflow.org" denied' in str(caught.value)
    assert "no-such-algorithm" in str(caught.value)


def read_log(running: Running, pod: str) -> str:
    return read_text(running, f"/api/v1/namespaces/default/pods/{pod}/log")


def read_text(running: Running, path: str) -> str:
    # What is no JSON comes back as the message of an answer.
    return str(running.ask("GET", path)["message"])


def test_what_was_acknowledged_is_there_for_the_next_server(home: Home) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "kept"}, "data": {}}
    with serving(home) as running:
        running.ask("POST", "/api/v1/namespaces/default/configmaps", body)
    with serving(home) as running:
        found = running.ask("GET", "/api/v1/namespaces/default/configmaps/kept")
    assert found["metadata"]["name"] == "kept"


def test_the_token_and_the_authority_outlive_the_server(home: Home) -> None:
    with serving(home) as running:
        token, kept = read_token(home), running.connection
        port = running.server.record.address.rpartition(":")[2]
    with serving(home, port=int(port)):
        assert read_token(home) == token
        assert kept.ask("GET", EXPERIMENTS)["items"] == []


def test_a_server_that_is_stopped_leaves_running_trials_alone(home: Home, tmp_path: Path) -> None:
    go_on = tmp_path / "go-on"
    script = f"echo loss=0.5; while [ ! -e {go_on} ]; do sleep 0.05; done; echo loss=0.125"
    with serving(home) as running:
        running.ask("POST", EXPERIMENTS, a_manifest(script))
        wait_for_log(home, "loss=0.5")
    assert running.left == 1
    go_on.touch()
    with serving(home) as running:
        eventually(
            lambda: (
                running.ask("GET", f"{EXPERIMENTS}/one").get("status", {}).get("trialsSucceeded")
                == 1
            ),
            "the trial is adopted and succeeds",
        )
        (trial,) = running.ask("GET", TRIALS)["items"]
    (metric,) = trial["status"]["observation"]["metrics"]
    assert (metric["max"], metric["min"]) == ("0.5", "0.125")


def test_a_server_that_is_told_so_ends_running_trials(home: Home) -> None:
    with serving(home) as running:
        running.ask("POST", EXPERIMENTS, a_manifest("echo loss=0.5; exec sleep 300"))
        wait_for_log(home, "loss=0.5")
        running.server.stop(stops_trials=True)
        running.join()
    assert running.left == 0
    engine = EmbeddedEngine(home)
    try:
        assert engine.is_idle
    finally:
        engine.close()


def wait_for_log(home: Home, text: str) -> None:
    eventually(
        lambda: any(text in path.read_text() for path in home.trials.rglob("*.log")),
        f"a trial prints {text}",
    )


def test_a_server_ends_with_its_engine(home: Home) -> None:
    with serving(home) as running:
        running.server._engine._fail(StoreUnavailableError(home.resources, "no space left"))
        running.join()
    assert isinstance(running.error, StoreUnavailableError)
    assert find_server(home) is None
    home.lock().release()


def test_a_port_that_is_taken_is_told_and_the_home_stays_free(home: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ConfigurationError, match=rf"port {port}: .* --port 0"):
            Server(home, ServerOptions(port=port))
    home.lock().release()


def test_files_that_cannot_be_written_are_told_and_the_home_stays_free(home: Home) -> None:
    home.path.mkdir()
    (home.path / "tls").touch()
    with pytest.raises(StoreUnavailableError, match="tls"):
        Server(home, ServerOptions(port=0))
    home.lock().release()


def test_a_home_has_one_server(home: Home) -> None:
    with serving(home), pytest.raises(HomeLockedError):
        Server(home, ServerOptions(port=0))


# Addresses


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.0.2.1"])
def test_off_the_loopback_a_token_in_clear_text_is_refused(address: str, home: Home) -> None:
    with pytest.raises(ConfigurationError, match="leave --no-tls out"):
        Server(home, ServerOptions(address=address, port=0, is_secure=False))
    assert not home.path.exists()


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.2", "localhost"])
def test_on_the_loopback_clear_text_is_allowed(address: str) -> None:
    assert is_loopback(address)
    check_address(ServerOptions(address=address, is_secure=False))


def test_what_is_no_address_is_refused(home: Home) -> None:
    with pytest.raises(ConfigurationError, match=r'"no address" is no address of this machine'):
        Server(home, ServerOptions(address="no address", is_secure=False))


def test_a_server_for_all_is_called_by_every_name_of_the_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(addresses, "_own_addresses", lambda: ["192.0.2.7", "fe80::1"])
    names = list_names("0.0.0.0")
    assert {"192.0.2.7", "fe80::1", "localhost", "127.0.0.1", socket.gethostname()} <= set(names)
    assert "0.0.0.0" not in names


def test_a_server_for_all_tells_this_machine_an_address_that_leads_there(home: Home) -> None:
    with serving(home, address="0.0.0.0") as running:
        assert running.server.record.address.startswith("https://127.0.0.1:")
        assert running.ask("GET", EXPERIMENTS)["items"] == []


# Its client


def test_a_server_that_is_away_is_told(home: Home) -> None:
    with serving(home) as running:
        record: ServerRecord = running.server.record
    away = connect(home, replace(record, address=record.address))
    with pytest.raises(AwayError, match="start it again with: katib up"):
        away.ask("GET", EXPERIMENTS)


def test_training_runtimes_that_are_built_in_are_served(home: Home) -> None:
    with serving(home) as server:
        path = "/apis/trainer.kubeflow.org/v1alpha1/clustertrainingruntimes"
        found = server.connection.ask("GET", path)["items"]
    assert [one["metadata"]["name"] for one in found] == ["jax-distributed", "torch-distributed"]
    for one in found:
        # Kubeflow's SDK reads these.
        assert one["metadata"]["creationTimestamp"]
        assert one["metadata"]["labels"]["trainer.kubeflow.org/framework"] in ("jax", "torch")
        assert one["kind"] == "ClusterTrainingRuntime"


def test_observations_are_served_before_any_trial_pushes(home: Home) -> None:
    with serving(home):
        ports = json.loads((home.path / "push.json").read_bytes())
        socket.create_connection(("127.0.0.1", ports["dbManager"])).close()
