"""A home that is served: kubectl as in a cluster, and ``katib run`` beside it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence

import pytest
from command_line import (
    Answer,
    Katib,
    Manifest,
    an_experiment,
    finish,
    has_text,
    read_until,
    wait_for,
)
from kubectl import why_not

from katib.apps.connection import connect
from katib.apps.home import Home
from katib.apps.server_record import ServerRecord, find_server
from katib.client.backend import AwayError
from katib.client.http import HttpBackend

pytestmark = [pytest.mark.journey, pytest.mark.timeout(600)]

needs_kubectl = pytest.mark.skipif(bool(why_not()), reason=why_not())

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"

#: Ends when a file appears, so that a trial runs as long as a test wants.
UNTIL_TOLD = "echo loss=2; while [ ! -e go-on ]; do sleep 0.05; done; echo loss=1"


@pytest.fixture
def served(katib: Katib) -> Iterator[Katib]:
    """A home with a server in the background, which is stopped at the end."""
    katib("up", "--detach", "--port", "0", check=0)
    yield katib
    katib("down", check=0)


def server_of(katib: Katib) -> ServerRecord:
    record = find_server(Home(katib.home))
    assert record is not None
    return record


def kubectl(katib: Katib, *words: str, check: int | None = 0) -> Answer:
    """Run kubectl with the home's kubeconfig."""
    ended = subprocess.run(
        ["kubectl", *words],
        env=variables(katib),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=300,
    )
    answer = Answer(ended.returncode, ended.stdout, ended.stderr)
    assert check in (None, answer.code), f"exit code {answer.code}: {answer.text}"
    return answer


def follow_log(katib: Katib, pod: str) -> subprocess.Popen[bytes]:
    """``kubectl logs -f``."""
    return subprocess.Popen(
        ["kubectl", "logs", "-f", pod],
        env=variables(katib),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
    )


def variables(katib: Katib) -> dict[str, str]:
    """Of kubectl: the home's kubeconfig, and a cache of its own."""
    kubeconfig = str(katib.home / "kubeconfig")
    return {**katib.environment, "KUBECONFIG": kubeconfig, "HOME": str(katib.folder)}


def retained(manifest: Manifest) -> Manifest:
    """The experiment, with runs that stay when they have ended."""
    manifest["spec"]["trialTemplate"]["retain"] = True
    return manifest


@needs_kubectl
def test_kubectl_runs_an_experiment_as_in_a_cluster(served: Katib) -> None:
    path = served.write(retained(an_experiment(UNTIL_TOLD)))
    assert "experiment.kubeflow.org/tuned created" in kubectl(served, "apply", "-f", path).out
    kubectl(served, "apply", "-f", path)
    generation = "jsonpath={.metadata.generation}"
    assert kubectl(served, "get", "experiment", "tuned", "-o", generation).out == "1"
    kubectl(served, "wait", "--for=condition=Running", "experiment/tuned", "--timeout=240s")
    wait_for(lambda: bool(names_of(served, "pods")), "the pod of the trial is there")
    (pod,) = names_of(served, "pods")
    kubectl(served, "wait", "--for=jsonpath={.status.phase}=Running", pod, "--timeout=240s")
    log = follow_log(served, pod)
    assert log.stdout is not None
    assert log.stdout.readline() == b"loss=2\n"
    (served.folder / "go-on").touch()
    assert finish(log).out == "loss=1\n"
    kubectl(served, "wait", "--for=condition=Succeeded", "experiment/tuned", "--timeout=240s")

    head, row = kubectl(served, "get", "experiment", "tuned").out.splitlines()
    assert head.split() == ["NAME", "TYPE", "STATUS", "AGE"]
    assert row.split()[:3] == ["tuned", "Succeeded", "True"]
    listed = names_of(served, "katib")
    assert [name.partition("/")[0] for name in listed] == [
        f"{kind}.kubeflow.org" for kind in ("experiment", "suggestion", "trial")
    ]
    (job,) = names_of(served, "jobs")
    described = kubectl(served, "describe", listed[2]).out
    assert "JobSucceeded" in described
    assert job.partition("/")[2] in described
    best = "jsonpath={.status.currentOptimalTrial.observation.metrics[0].min}"
    assert kubectl(served, "get", "experiment", "tuned", "-o", best).out == "1"

    kubectl(served, "delete", "-f", path)
    # What it owned goes behind it, as in a cluster.
    wait_for(lambda: names_of(served, "all,katib") == [], "all that it owned is gone")


def names_of(katib: Katib, kinds: str) -> list[str]:
    return kubectl(katib, "get", kinds, "-o", "name").out.split()


@needs_kubectl
def test_kubectl_changes_an_experiment_that_runs(served: Katib) -> None:
    path = served.write(an_experiment(UNTIL_TOLD, maxTrialCount=2))
    kubectl(served, "apply", "-f", path)
    more = served.write(an_experiment(UNTIL_TOLD, maxTrialCount=3), "more.yaml")
    assert "maxTrialCount: 3" in kubectl(served, "diff", "-f", more, check=1).out
    kubectl(served, "apply", "-f", more)
    kubectl(
        served, "patch", "experiment", "tuned", "--type=merge", "-p", '{"spec":{"maxTrialCount":4}}'
    )
    refused = kubectl(
        served,
        "patch",
        "experiment",
        "tuned",
        "--type=merge",
        "-p",
        '{"spec":{"objective":{"objectiveMetricName":"other"}}}',
        check=1,
    )
    assert 'webhook "validator.experiment.katib.kubeflow.org" denied the request' in refused.err
    (served.folder / "go-on").touch()
    kubectl(
        served,
        "wait",
        "--for=jsonpath={.status.trialsSucceeded}=4",
        "experiment/tuned",
        "--timeout=240s",
    )


@needs_kubectl
def test_kubectl_tells_what_is_wrong_with_a_document(served: Katib) -> None:
    path = served.write(an_experiment("true", algorithm={"algorithmName": "randon"}))
    refused = kubectl(served, "apply", "-f", path, check=1)
    assert "denied the request" in refused.err
    assert 'did you mean "random"' in refused.err


def follow(katib: Katib, path: str) -> subprocess.Popen[bytes]:
    """``katib run`` that has submitted its document and follows it."""
    following = katib.start("run", path, "--plain")
    read_until(following, "experiment tuned")
    return following


def test_run_hands_documents_to_the_server_and_follows_them(served: Katib) -> None:
    path = served.write(an_experiment("echo loss=0.5"))
    answer = served("run", path, check=0)
    assert server_of(served).address in answer.out
    assert "loss=0.5" in answer.out
    assert served.get("experiment", "tuned")["status"]["trialsSucceeded"] == 1
    again = served("run", path, check=0)
    assert "going on" in again.out


def test_a_document_that_is_refused_starts_nothing_on_the_server(served: Katib) -> None:
    good = served.write(an_experiment("true", name="good"), "good.yaml")
    bad = served.write(an_experiment("true", algorithm={"algorithmName": "randon"}), "bad.yaml")
    answer = served("run", good, bad, check=2)
    assert "bad.yaml: " in answer.err
    assert 'did you mean "random"' in answer.err
    assert "not found" in served("get", "experiment", "good").err


def test_more_trials_are_asked_for_by_the_same_command(served: Katib) -> None:
    manifest = an_experiment("echo loss=1", resumePolicy="LongRunning")
    served("run", served.write(manifest), check=0)
    manifest["spec"]["maxTrialCount"] = 3
    served("run", served.write(manifest), check=0)
    assert served.get("experiment", "tuned")["status"]["trialsSucceeded"] == 3
    before = served.get("experiment", "tuned")["metadata"]["uid"]
    served("run", "--replace", served.write(manifest), check=0)
    assert served.get("experiment", "tuned")["metadata"]["uid"] != before


def test_sources_of_a_document_are_kept_before_it_runs(served: Katib) -> None:
    config_map = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "given"},
        "data": {"offset": "0.5"},
    }
    manifest = an_experiment("echo loss=$OFFSET")
    (container,) = manifest["spec"]["trialTemplate"]["trialSpec"]["spec"]["template"]["spec"][
        "containers"
    ]
    reference = {"configMapKeyRef": {"name": "given", "key": "offset"}}
    container["env"] = [{"name": "OFFSET", "valueFrom": reference}]
    files = served.write(config_map, "given.yaml"), served.write(manifest)
    assert "loss=0.5" in served("run", *files, check=0).out
    config_map["data"] = {"offset": "0.125"}
    files = served.write(config_map, "given.yaml"), served.write(manifest)
    assert "loss=0.125" in served("run", "--replace", *files, check=0).out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_the_experiment_to_the_server(served: Katib, number: int) -> None:
    path = served.write(an_experiment(UNTIL_TOLD))
    following = follow(served, path)
    following.send_signal(number)
    answer = finish(following)
    assert answer.code == 130, answer.text
    assert "Detached: the server goes on" in answer.out
    (served.folder / "go-on").touch()
    served("run", path, check=0)
    assert served.get("experiment", "tuned")["status"]["trialsSucceeded"] == 1


def test_who_follows_is_told_when_the_experiment_is_deleted(served: Katib) -> None:
    path = served.write(an_experiment(UNTIL_TOLD))
    following = follow(served, path)
    served("delete", "experiment", "tuned", check=0)
    answer = finish(following)
    assert answer.code == 1, answer.text
    assert 'experiment "tuned" in namespace "default" was deleted' in answer.err


OF_THE_ENGINE: dict[str, Sequence[str]] = {
    "what stands for an image": ("--image", "busybox=/bin"),
    "metrics of its own": ("--metrics-address", "127.0.0.1:0"),
    "another configuration": ("--config", "katib-config.yaml"),
}


@pytest.mark.parametrize("case", OF_THE_ENGINE)
def test_run_refuses_what_only_the_server_could_be_told(case: str, served: Katib) -> None:
    path = served.write(an_experiment("true"))
    words = OF_THE_ENGINE[case]
    answer = served("run", path, *words, check=2)
    assert words[0] in answer.err
    assert "katib up" in answer.err


def test_a_home_has_one_server_and_the_second_is_told(served: Katib) -> None:
    record = server_of(served)
    for words in (("up",), ("up", "--detach")):
        answer = served(*words, check=3)
        assert record.address in answer.err
        assert f"process {record.pid}" in answer.err


def test_a_server_that_cannot_start_says_why_from_the_background(katib: Katib) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        answer = katib("up", "--detach", "--port", str(port), check=2)
    assert f"port {port}" in answer.err
    assert "--port 0" in answer.err


def test_a_server_is_told_what_programs_find(katib: Katib) -> None:
    link = katib.folder / "bin" / "python3"
    link.parent.mkdir()
    link.symlink_to(sys.executable)
    shell = katib.folder / "shell"
    shell.write_text("#!/bin/sh\necho loss=0.75\n")
    shell.chmod(0o755)
    told = ("--python", str(link), "--image", f"busybox={shell}", "--stop-trials", "--no-tls")
    katib("up", "--detach", "--port", "0", *told, check=0)
    assert server_of(katib).address.startswith("http://127.0.0.1:")
    assert "loss=0.75" in katib("run", katib.write(an_experiment("echo loss=1")), check=0).out
    katib("down", check=0)


WRONG: dict[str, tuple[Sequence[str], str]] = {
    "an interpreter that is not there": (("--python", "nowhere"), "is no program"),
    "an image that is not there": (("--image", "busybox=nowhere"), "does not exist"),
    "clear text for other machines": (("--address", "0.0.0.0", "--no-tls"), "leave --no-tls out"),
    "an address of nobody": (("--address", "no.such.host.invalid"), "is no address"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_server_is_refused(case: str, katib: Katib) -> None:
    words, said = WRONG[case]
    answer = katib("up", "--port", "0", *words, check=2)
    assert said in " ".join(answer.err.replace("│", " ").split())


def test_a_home_where_an_experiment_is_run_is_not_served(katib: Katib) -> None:
    running = katib.start("run", katib.write(an_experiment(UNTIL_TOLD)))
    wait_for(lambda: any(katib.home.rglob("*.log")), "the trial runs")
    answer = katib("up", "--port", "0", check=3)
    assert f"process {running.pid} (katib run" in answer.err
    told = katib("status", check=1)
    assert f"server: none (process {running.pid} (katib run" in told.out
    (katib.folder / "go-on").touch()
    assert finish(running).code == 0


def test_status_tells_what_there_is_to_do(served: Katib) -> None:
    path = served.write(an_experiment(UNTIL_TOLD, maxTrialCount=2, parallelTrialCount=2))
    following = follow(served, path)
    wait_for(
        lambda: "trials running: 2" in served("status", check=0).out, "both trials are counted"
    )
    told = served("status", check=0).out
    assert f"server: {server_of(served).address}, process {server_of(served).pid}\n" in told
    assert "experiments active: 1\n" in told
    assert "katib.db: " in told
    (served.folder / "go-on").touch()
    assert finish(following).code == 0
    wait_for(lambda: "trials running: 0" in served("status", check=0).out, "both have ended")


def test_a_home_that_is_not_served_says_so(katib: Katib) -> None:
    assert "start one with: katib up" in katib("status", check=1).out
    assert "No server works" in katib("down", check=0).out
    assert not katib.home.exists()


def test_a_server_in_the_foreground_ends_with_ctrl_c_and_leaves_trials_alone(katib: Katib) -> None:
    server = katib.start("up", "--port", "0")
    assert server.stdout is not None
    told = [server.stdout.readline() for _ in range(2)]
    assert f"export KUBECONFIG={katib.home / 'kubeconfig'}".encode() in told[1]
    path = katib.write(an_experiment(f"echo $$$$ >> pids; {UNTIL_TOLD}"))
    following = follow(katib, path)
    wait_for(lambda: has_text(katib.folder / "pids"), "the trial runs")
    server.send_signal(signal.SIGINT)
    answer = finish(server)
    assert answer.code == 0, answer.text
    assert "Stopped. 1 trial goes on by themselves" in answer.out
    # It looks now and then: the next server must not be there before it has looked.
    read_until(following, "The server has ended")
    (katib.folder / "go-on").touch()
    katib("up", "--detach", "--port", "0", check=0)
    followed = finish(following)
    assert followed.code == 0, followed.text
    assert len((katib.folder / "pids").read_text().split()) == 1
    katib("down", check=0)


def test_down_ends_running_trials_when_it_is_told_so(katib: Katib) -> None:
    katib("up", "--detach", "--port", "0", check=0)
    path = katib.write(an_experiment(f"echo $$$$ >> pids; {UNTIL_TOLD}"))
    following = follow(katib, path)
    wait_for(lambda: has_text(katib.folder / "pids"), "the trial runs")
    katib("down", "--stop-trials", check=0)
    following.send_signal(signal.SIGINT)
    finish(following)
    (katib.folder / "go-on").touch()
    katib("run", path, check=0)
    assert len((katib.folder / "pids").read_text().split()) == 2


def test_nothing_that_was_acknowledged_is_lost_when_the_server_is_killed(katib: Katib) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    katib("up", "--detach", "--port", port, check=0)
    path = katib.write(
        an_experiment("echo loss=1; sleep 0.2", maxTrialCount=40, parallelTrialCount=4)
    )
    following = follow(katib, path)
    connection = connect(Home(katib.home), server_of(katib))
    writers = [Writer(connection, number) for number in range(4)]
    try:
        for _ in range(3):
            wait_for_more(writers)
            os.kill(server_of(katib).pid, signal.SIGKILL)
            wait_for(lambda: find_server(Home(katib.home)) is None, "the server is gone")
            katib("up", "--detach", "--port", port, check=0)
        wait_for_more(writers)
    finally:
        for writer in writers:
            writer.end()

    acknowledged = {name for writer in writers for name in writer.acknowledged}
    stored = {item["metadata"]["name"] for item in connection.ask("GET", CONFIG_MAPS)["items"]}
    assert acknowledged <= stored
    answer = finish(following)
    assert answer.code == 0, answer.text
    assert katib.get("experiment", "tuned")["status"]["trialsSucceeded"] == 40
    assert len(katib.trials("tuned")) == 40
    katib("down", check=0)


def wait_for_more(writers: Sequence[Writer]) -> None:
    before = [len(writer.acknowledged) for writer in writers]
    wait_for(
        lambda: all(
            len(writer.acknowledged) >= count + 20
            for writer, count in zip(writers, before, strict=True)
        ),
        "every writer is acknowledged",
    )


class Writer:
    """Creates ConfigMaps one after the other, and waits when the server is away."""

    def __init__(self, connection: HttpBackend, number: int) -> None:
        self.acknowledged: list[str] = []
        self._connection, self._number = connection, number
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def end(self) -> None:
        self._is_over.set()
        self._thread.join()

    def _run(self) -> None:
        count = 0
        while not self._is_over.is_set():
            name = f"of-{self._number}-{count}"
            body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}
            count += 1
            try:
                self._connection.ask("POST", CONFIG_MAPS, body)
            except AwayError:
                time.sleep(0.05)
            else:
                self.acknowledged.append(name)
