from __future__ import annotations

import socket
import urllib.request
from pathlib import Path

from command_line import Katib, an_experiment, finish, wait_for


def a_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_prometheus_reads_what_a_run_does(katib: Katib) -> None:
    gate = katib.folder / "gate"
    script = f"while [ ! -e {gate} ]; do sleep 0.05; done; echo loss=1"
    path = katib.write(an_experiment(script))
    port = a_free_port()
    run = katib.start("run", path, "--metrics-address", str(port))

    def read() -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            text: str = answer.read().decode()
            return text

    def is_running() -> bool:
        try:
            return 'katib_trials_current{namespace="default",status="Running"} 1.0' in read()
        except OSError:
            return False

    wait_for(is_running, "the trial shows as running")
    assert 'katib_experiment_created_total{namespace="default"} 1.0' in read()
    assert 'katib_trial_created_total{namespace="default"} 1.0' in read()
    gate.touch()
    assert finish(run).code == 0


def test_a_taken_address_is_refused_before_anything_starts(katib: Katib) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        path = katib.write(an_experiment("echo loss=1"))
        refused = katib("run", path, "--metrics-address", str(port), check=2)
    assert f"metrics cannot be served at {port}" in refused.err
    assert "Traceback" not in refused.err


CONFIG = """
apiVersion: config.kubeflow.org/v1beta1
kind: KatibConfig
init:
  controller:
    metricsAddr: :9090
    trialResources: [Job.v1.batch]
runtime:
  suggestions:
    - algorithmName: mine
      image: example.com/mine:1
    - algorithmName: away
      address: 127.0.0.1:1
"""


def test_a_home_reads_its_configuration(katib: Katib) -> None:
    katib.home.mkdir()
    (katib.home / "katib-config.yaml").write_text(CONFIG)
    mine = katib.write(an_experiment("echo loss=1", algorithm={"algorithmName": "mine"}))
    refused = katib("run", mine, check=2)
    assert "algorithm mine is only an image (example.com/mine:1)" in refused.text
    plain = katib.write(an_experiment("echo loss=1"), "plain.yaml")
    assert katib("run", plain, check=0).code == 0


def test_an_algorithm_that_is_away_is_waited_for_and_explained(katib: Katib) -> None:
    config = Path(katib.folder, "config.yaml")
    config.write_text(CONFIG)
    path = katib.write(an_experiment("echo loss=1", algorithm={"algorithmName": "away"}))
    run = katib.start("run", path, "--config", str(config))

    def is_told() -> bool:
        answer = katib("explain", "tuned")
        return "the algorithm at 127.0.0.1:1 cannot be reached" in answer.out

    wait_for(is_told, "explain names the algorithm")
    run.send_signal(2)
    assert finish(run).code == 130
    listed = katib.get("experiment", "tuned")["status"]["conditions"]
    assert listed[0]["type"] == "Progressing"
    assert (listed[0]["status"], listed[0]["reason"]) == ("False", "AlgorithmUnavailable")


def test_a_broken_configuration_is_refused_with_its_place(katib: Katib) -> None:
    config = Path(katib.folder, "config.yaml")
    config.write_text("runtime: {suggestions: [{algorithmName: 3}]}\n")
    path = katib.write(an_experiment("echo loss=1"))
    refused = katib("validate", path, "--config", str(config), check=2)
    assert str(config) in refused.err
    assert "runtime.suggestions[0].algorithmName" in refused.err
    assert "Traceback" not in refused.err
