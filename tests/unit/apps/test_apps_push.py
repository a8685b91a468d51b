from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import grpc
import pytest
from msgspec.structs import replace

from katib.api import names
from katib.api.experiment import EXPERIMENTS, CollectorSpec, MetricsCollectorSpec
from katib.api.kinds import PODS
from katib.api.trial import TRIALS, Trial, TrialSpec, TrialStatus
from katib.api.values import (
    Condition,
    Key,
    Manifest,
    ObjectMeta,
    Resource,
    Unstructured,
    owner_reference,
)
from katib.apps.push import Push, PushSidecars
from katib.collectors.inbox import Inbox
from katib.collectors.sidecar import LogSidecars
from katib.errors import KatibError, StoreUnavailableError
from katib.executors import shim
from katib.observations.memory import MemoryObservationLog
from katib.rpc.generated import api_pb2 as pb
from katib.rpc.generated.api_pb2_grpc import DBManagerStub
from katib.stores.memory import MemoryStore
from katib.testing.builders import an_experiment
from katib.testing.clocks import FakeClock

NAME = "tune-x1"


class FakeOutfit:
    """Takes what is added, and keeps nothing."""

    def __call__(self, container: str) -> str:
        return "/nowhere/log"

    def map_path(self, path: str, is_folder: bool = False) -> str:
        raise AssertionError("nothing is read of a program that pushes")

    def map_checkpoints(self, path: str, experiment: Key, trial: str, parent: str = "") -> str:
        raise AssertionError("there are none")

    def add_file(self, name: str, content: bytes) -> str:
        return f"/nowhere/{name}"

    def add_container(self, container: Manifest) -> str:
        raise AssertionError("nothing runs beside a program that pushes")


class Stage:
    """A store, a log, and engines that follow one another in one home."""

    def __init__(self, home: Path) -> None:
        self.home, self.ports = home, home / "push.json"
        self.clock = FakeClock()
        self.store = MemoryStore(self.clock)
        self.log = MemoryObservationLog()
        self.inbox = Inbox(self.store, self.log)
        self.opened: list[Push] = []

    def push(self, **variables: str) -> Push:
        self.opened.append(Push(self.store, self.log, self.inbox, self.home, variables))
        return self.opened[-1]

    def record(self, resource: Resource, reason: str, message: str, warning: bool = False) -> None:
        raise AssertionError(message)

    def trial(self, namespace: str = "default", kind: str = "Push", ended: bool = False) -> Trial:
        experiment = an_experiment().named("tune", namespace, uid=f"uid-{namespace}").build()
        owner = self.store.create(EXPERIMENTS, experiment)
        metadata = ObjectMeta(
            name=NAME, namespace=namespace, owner_references=(owner_reference(owner),)
        )
        collector = MetricsCollectorSpec(collector=CollectorSpec(kind=kind))
        spec = TrialSpec(
            objective=owner.spec.objective,
            metrics_collector=collector,
            primary_container_name="main",
        )
        trial = self.store.create(TRIALS, Trial(metadata=metadata, spec=spec))
        if not ended:
            return trial
        status = TrialStatus(conditions=(Condition(type=names.SUCCEEDED, status="True"),))
        return self.store.update_status(TRIALS, replace(trial, status=status))

    def attach(self, push: Push, trial: Trial) -> Mapping[str, str]:
        owner = replace(owner_reference(trial), controller=True)
        metadata = ObjectMeta(
            name=NAME, namespace=trial.metadata.namespace, owner_references=(owner,)
        )
        pod = self.store.create(PODS, Unstructured(api_version="v1", kind="Pod", metadata=metadata))
        reading = LogSidecars(self.store, self.log, self, self.clock)
        sidecar = PushSidecars(reading, self.store, push).attach(pod, FakeOutfit())
        assert sidecar is not None
        return sidecar.environment


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path)
    yield stage
    for push in stage.opened:
        push.close()


def report(address: str, token: str = "", trial: str = NAME) -> None:
    entry = pb.MetricLog(
        time_stamp="2026-05-01T12:00:00Z", metric=pb.Metric(name="loss", value="0.5")
    )
    message = pb.ReportObservationLogRequest(
        trial_name=trial, observation_log=pb.ObservationLog(metric_logs=[entry])
    )
    metadata = (("authorization", f"Bearer {token}"),) if token else ()
    with grpc.insecure_channel(address) as channel:
        DBManagerStub(channel).ReportObservationLog(message, metadata=metadata)


def post(
    environment: Mapping[str, str], token: str | None = None, body: bytes = b"loss=0.5"
) -> tuple[int, str]:
    """Push as ``curl -d`` does; the answer's status and text."""
    url = urlsplit(environment["KATIB_METRICS_URL"])
    connection = HTTPConnection(str(url.hostname), url.port, timeout=20)
    bearer = environment["KATIB_METRICS_TOKEN"] if token is None else token
    headers = {
        "Authorization": f"Bearer {bearer}",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    try:
        connection.request("POST", url.path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_a_trial_that_pushes_is_given_what_it_needs(stage: Stage) -> None:
    push = stage.push()
    trial = stage.trial("team-a")
    environment = stage.attach(push, trial)
    token = environment["KATIB_METRICS_TOKEN"]
    ports = json.loads(stage.ports.read_bytes())
    assert push.start() == f"127.0.0.1:{ports['dbManager']}"
    assert environment["KATIB_TRIAL_NAME"] == NAME
    assert environment["KATIB_NAMESPACE"] == "team-a"
    assert environment["KATIB_METRICS_URL"] == (
        f"http://127.0.0.1:{ports['metrics']}/trials/team-a/{NAME}/metrics"
    )
    assert token.startswith(f"team-a.{NAME}.")
    drop = f"/nowhere/metrics-{trial.metadata.uid.partition('-')[0]}"
    assert environment["KATIB_METRICS_DROP"] == drop
    assert environment["KATIB_DB_MANAGER_SERVICE_IP"] == "katib-db-manager"
    assert environment["KATIB_DB_MANAGER_SERVICE_NAMESPACE"] == "kubeflow"
    assert environment["KATIB_DB_MANAGER_SERVICE_PORT"] == "6789"
    assert environment["PYTHONPATH"] == str(shim.FOLDER)
    assert environment["grpc_proxy"] == f"http://katib:{token}@127.0.0.1:{ports['proxy']}"
    for name in ("no_grpc_proxy", "no_proxy", "NO_PROXY"):
        assert environment[name] == "localhost,127.0.0.1"


def test_a_trial_that_is_stopped_early_is_given_nothing(stage: Stage) -> None:
    trial = stage.trial()
    stopped = TrialStatus(conditions=(Condition(type=names.EARLY_STOPPED, status="True"),))
    stage.store.update_status(TRIALS, replace(trial, status=stopped))
    assert stage.attach(stage.push(), trial) == {}
    assert not stage.ports.exists()


def test_metrics_are_pushed_by_http(stage: Stage) -> None:
    environment = stage.attach(stage.push(), stage.trial("team-a"))
    assert post(environment) == (204, "")
    assert [entry.value for entry in stage.log.read(Key("team-a", NAME))] == ["0.5"]


def test_no_trial_pushes_for_another_by_any_way(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    push = stage.push()
    mine, theirs = (push.environment(stage.trial(one)) for one in ("team-a", "team-b"))
    token = mine["KATIB_METRICS_TOKEN"]
    status, told = post(theirs, token)
    assert (status, f"that of trial team-a/{NAME}" in told, token in told) == (403, True, False)
    for name in ("grpc_proxy", "no_grpc_proxy"):
        monkeypatch.setenv(name, mine[name])
    # Both trials have this name: whose the report is, only the token tells.
    report("katib-db-manager.kubeflow:6789")
    report(push.start(), token)
    assert len(stage.log.read(Key("team-a", NAME))) == 2
    assert stage.log.read(Key("team-b", NAME)) == []
    for address, given in (("katib-db-manager.kubeflow:6789", ""), (push.start(), token)):
        with pytest.raises(grpc.RpcError) as caught:
            report(address, given, trial="another")
        assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED
        assert "writes its own entries, not those of" in str(caught.value.details())


WRONG_TOKENS: dict[str, Callable[[str], str]] = {
    "no token at all": lambda _: "",
    "half a token": lambda token: token[:-1],
    "a seal of another trial's name": lambda token: token.replace("default.", "team-a.", 1),
    "a seal that is made up": lambda token: token.rpartition(".")[0] + "." + "A" * 43,
    "a word": lambda _: "secret",
    "a trial that is not here": lambda token: token.replace(NAME, "other"),
}


@pytest.mark.parametrize("case", WRONG_TOKENS)
def test_a_wrong_token_is_refused(case: str, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    push = stage.push()
    environment = push.environment(stage.trial())
    token = WRONG_TOKENS[case](environment["KATIB_METRICS_TOKEN"])
    assert post(environment, token)[0] == 401
    proxy = environment["grpc_proxy"].replace(environment["KATIB_METRICS_TOKEN"], token)
    monkeypatch.setenv("grpc_proxy", proxy)
    monkeypatch.setenv("no_grpc_proxy", environment["no_grpc_proxy"])
    for address, given in (("katib-db-manager.kubeflow:6789", ""), (push.start(), token)):
        with pytest.raises(grpc.RpcError) as caught:
            report(address, given)
        assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert stage.log.read(Key("default", NAME)) == []


def test_a_wrong_token_counts_more_than_the_right_password(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = stage.push().environment(stage.trial())
    for name in ("grpc_proxy", "no_grpc_proxy"):
        monkeypatch.setenv(name, environment[name])
    with pytest.raises(grpc.RpcError, match="the token is that of no trial here"):
        report("katib-db-manager.kubeflow:6789", "default.tune-x1.wrong")


def test_only_its_owner_may_read_the_secret(stage: Stage) -> None:
    stage.push().start()
    assert stat.S_IMODE((stage.home / "push.key").stat().st_mode) == 0o600


def test_a_secret_that_cannot_be_kept_is_told(stage: Stage) -> None:
    (stage.home / "push.key").mkdir()
    with pytest.raises(StoreUnavailableError, match="Is a directory"):
        stage.push().start()


def test_tokens_are_not_in_what_the_engine_writes(stage: Stage) -> None:
    token = stage.push().environment(stage.trial())["KATIB_METRICS_TOKEN"]
    seal = token.rpartition(".")[2].encode()
    written = [path.read_bytes() for path in stage.home.rglob("*") if path.is_file()]
    assert len(written) == 2
    assert not any(seal in content for content in written)


def test_other_trials_are_left_alone_and_nothing_is_served(stage: Stage) -> None:
    environment = stage.attach(stage.push(), stage.trial(kind="StdOut"))
    assert environment == {
        "KATIB_TRIAL_NAME": NAME,
        "KATIB_PARAMETERS_FILE": "/nowhere/parameters.json",
    }
    assert not stage.ports.exists()


def test_a_pod_of_no_trial_stays_without_a_sidecar(stage: Stage) -> None:
    reading = LogSidecars(stage.store, stage.log, stage, stage.clock)
    pod = Unstructured(api_version="v1", kind="Pod", metadata=ObjectMeta(name="p"))
    assert PushSidecars(reading, stage.store, stage.push()).attach(pod, FakeOutfit()) is None


def test_grpc_finds_the_service_by_its_name_in_a_cluster(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = stage.push().environment(stage.trial("team-a"))
    for name in ("grpc_proxy", "no_grpc_proxy"):
        monkeypatch.setenv(name, environment[name])
    report("katib-db-manager.kubeflow:6789")
    assert [entry.value for entry in stage.log.read(Key("team-a", NAME))] == ["0.5"]


INHERITED: dict[str, tuple[dict[str, str], str, str]] = {
    "what a user has on the path comes after the shim": (
        {"PYTHONPATH": f"/a{os.pathsep}/b"},
        "PYTHONPATH",
        os.pathsep.join((str(shim.FOLDER), "/a", "/b")),
    ),
    "the shim stands there once": (
        {"PYTHONPATH": f"{shim.FOLDER}{os.pathsep}/b"},
        "PYTHONPATH",
        os.pathsep.join((str(shim.FOLDER), "/b")),
    ),
    "what a user reaches without a proxy stays so": (
        {"no_proxy": ".me, 10.0.0.0/8,localhost", "no_grpc_proxy": ""},
        "no_grpc_proxy",
        "localhost,127.0.0.1,.me,10.0.0.0/8",
    ),
    "what others reach without a proxy stays so": (
        {"NO_PROXY": ".me,127.0.0.1"},
        "no_proxy",
        "localhost,127.0.0.1,.me",
    ),
    "small letters count first, for those who know capitals only": (
        {"no_proxy": ".me", "NO_PROXY": ".you"},
        "NO_PROXY",
        "localhost,127.0.0.1,.me",
    ),
    "what only gRPC reaches without a proxy counts first": (
        {"no_proxy": ".others", "no_grpc_proxy": ".me"},
        "no_grpc_proxy",
        "localhost,127.0.0.1,.me",
    ),
}


@pytest.mark.parametrize("case", INHERITED)
def test_what_the_user_has_is_kept(case: str, stage: Stage) -> None:
    given, name, expected = INHERITED[case]
    assert stage.push(**given).environment(stage.trial())[name] == expected


@pytest.mark.parametrize("variable", ["grpc_proxy", "https_proxy", "http_proxy"])
def test_the_users_own_proxy_still_leads_to_everything_else(variable: str, stage: Stage) -> None:
    with socket.create_server(("127.0.0.1", 0)) as theirs:
        theirs.settimeout(20)
        push = stage.push(**{variable: f"http://127.0.0.1:{theirs.getsockname()[1]}"})
        ours = push.environment(stage.trial())["grpc_proxy"].rpartition(":")[2]
        with socket.create_connection(("127.0.0.1", int(ours)), timeout=20) as program:
            program.sendall(
                b"CONNECT example.com:443 HTTP/1.1\r\nProxy-Authorization: Basic YTpi\r\n\r\n"
            )
            asked, _ = theirs.accept()
            with asked:
                told = asked.recv(1000)
        assert told.startswith(b"CONNECT example.com:443 HTTP/1.1\r\n")
        # What a program shows to us is nobody else's.
        assert b"YTpi" not in told


def test_the_next_engine_answers_where_the_last_one_did(stage: Stage) -> None:
    first, trial = stage.push(), stage.trial()
    before = first.environment(trial)
    first.close()
    assert stage.push().environment(trial) == before
    assert post(before) == (204, "")


def test_an_engine_that_was_closed_can_start_again(stage: Stage) -> None:
    push, trial = stage.push(), stage.trial()
    push.start()
    push.close()
    environment = push.environment(trial)
    report(push.start(), environment["KATIB_METRICS_TOKEN"])
    assert post(environment) == (204, "")


TAKEN: dict[str, Callable[[int], str]] = {
    "the service's port is taken": '{{"dbManager":{0},"proxy":0,"metrics":0}}'.format,
    "the proxy's port is taken": '{{"dbManager":0,"proxy":{0},"metrics":0}}'.format,
    "the endpoint's port is taken": '{{"dbManager":0,"proxy":0,"metrics":{0}}}'.format,
    "the file holds something else": "ports: {0}".format,
    "the file holds no ports": '{{"dbManager":-1,"proxy":{0}0000000}}'.format,
}


@pytest.mark.parametrize("case", TAKEN)
def test_another_port_is_found_when_the_kept_one_is_not_to_be_had(case: str, stage: Stage) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        stage.ports.write_text(TAKEN[case](port))
        push = stage.push()
        environment = push.environment(stage.trial())
        report(push.start(), environment["KATIB_METRICS_TOKEN"])
        assert post(environment) == (204, "")
        assert port not in json.loads(stage.ports.read_bytes()).values()
    assert len(stage.log.read(Key("default", NAME))) == 2


def test_ports_that_cannot_be_kept_are_told_and_nothing_is_served(stage: Stage) -> None:
    stage.ports.mkdir()
    push = stage.push()
    with pytest.raises(StoreUnavailableError, match="Is a directory"):
        push.start()
    stage.ports.rmdir()
    assert post(push.environment(stage.trial())) == (204, "")


FOUND: dict[str, tuple[dict[str, bool], str | None]] = {
    "no trial has the name": ({}, None),
    "one trial has the name": ({"team-a": False}, "team-a"),
    "a trial that has ended is still found": ({"team-a": True}, "team-a"),
    "one that goes on counts before those that ended": ({"a": True, "b": False, "c": True}, "b"),
}


@pytest.mark.parametrize("case", FOUND)
def test_whose_a_bare_name_is(case: str, stage: Stage) -> None:
    trials, namespace = FOUND[case]
    for one, ended in trials.items():
        stage.trial(one, ended=ended)
    expected = None if namespace is None else Key(namespace, NAME)
    assert stage.push().find_trial(NAME) == expected


def test_a_name_that_means_two_trials_is_told(stage: Stage) -> None:
    stage.trial("team-b")
    stage.trial("team-a")
    with pytest.raises(KatibError, match="the namespaces team-a and team-b all have a trial"):
        stage.push().find_trial(NAME)


def test_what_is_not_used_is_not_loaded() -> None:
    program = (
        "import sys, katib.apps.embedded\n"
        "heavy = ('grpc', 'uvicorn', 'starlette', 'katib.executors.proxy')\n"
        "print([one for one in heavy if one in sys.modules])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ended.stdout == "[]\n"
