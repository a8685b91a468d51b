"""Our own algorithms as an external service, and TPE in its worker, with kills in between."""

from __future__ import annotations

import random
import signal
import socket
import subprocess
import time

import pytest
import yaml
from command_line import Katib, Manifest, an_experiment, finish, wait_for

pytestmark = [pytest.mark.journey, pytest.mark.timeout(300)]

TRIALS = 10


def a_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def searched(name: str, algorithm: str = "tpe", pause: str = "0", **spec: object) -> Manifest:
    settings = {"random_state": "7", "n_startup_trials": "4"}
    given = [{"name": key, "value": value} for key, value in settings.items()]
    usual = {
        "algorithm": {"algorithmName": algorithm, "algorithmSettings": given},
        "maxTrialCount": TRIALS,
    }
    return an_experiment(
        f"sleep {pause}; echo loss=${{trialParameters.x}}", name, **{**usual, **spec}
    )


def values(katib: Katib, experiment: str) -> list[str]:
    """What was tried, in the order of the suggestions."""
    found = katib.get("suggestion", experiment)["status"]["suggestions"]
    return [one["parameterAssignments"][0]["value"] for one in found]


def serve(katib: Katib, port: int, *words: str) -> subprocess.Popen[bytes]:
    service = katib.start("suggestion", "--port", str(port), *words)
    assert service.stdout is not None
    line = service.stdout.readline().decode()
    assert line.startswith("Serving ")
    assert f"127.0.0.1:{port}" in line
    return service


def configure(katib: Katib, port: int, *algorithms: str) -> str:
    entries = [{"algorithmName": name, "address": f"127.0.0.1:{port}"} for name in algorithms]
    path = katib.folder / "config.yaml"
    path.write_text(yaml.safe_dump({"runtime": {"suggestions": entries}}))
    return str(path)


def test_a_service_that_is_killed_and_started_again_changes_nothing(katib: Katib) -> None:
    katib("run", katib.write(searched("here")), check=0)
    port = a_free_port()
    config = configure(katib, port, "tpe")
    path = katib.write(searched("there", pause="0.5"))
    service = serve(katib, port, "--algorithm", "tpe")
    run = katib.start("run", path, "--config", config)
    for count in (2, 6):
        wait_for(lambda count=count: trials_of(katib, "there") >= count, f"{count} trials", 60)  # type: ignore[misc]  # the default is the type
        service.kill()
        finish(service)
        wait_for(lambda: is_away(katib, "there"), "the engine tells that it is away", 60)
        service = serve(katib, port)
    ended = finish(run)
    assert ended.code == 0, ended.text
    assert values(katib, "there") == values(katib, "here")
    service.send_signal(signal.SIGTERM)
    assert finish(service).code == 0


def trials_of(katib: Katib, experiment: str) -> int:
    answer = katib("get", "trials", "-e", experiment, "-o", "yaml")
    return len(yaml.safe_load(answer.out)["items"]) if answer.code == 0 else 0


def is_away(katib: Katib, experiment: str) -> bool:
    found = katib.get("suggestion", experiment)["status"].get("conditions", [])
    return any(one.get("reason") == "AlgorithmUnavailable" for one in found)


def test_what_cannot_be_served_is_refused(katib: Katib) -> None:
    refused = katib("suggestion", "--algorithm", "tpx", "--port", "0", check=2)
    assert 'unknown algorithm "tpx", did you mean "tpe"?' in refused.err
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        refused = katib("suggestion", "--port", port, check=2)
    assert f"algorithms cannot be served at 127.0.0.1:{port}" in refused.err
    assert "Traceback" not in refused.err


def test_a_schedule_goes_through_a_service(katib: Katib) -> None:
    """Hyperband finds its brackets by the labels of its trials."""
    port = a_free_port()
    config = configure(katib, port, "hyperband")
    settings = {"resource_name": "epochs", "r_l": "4", "eta": "2", "random_state": "1"}
    given = [{"name": key, "value": value} for key, value in settings.items()]
    parameters = [
        {"name": "x", "parameterType": "double", "feasibleSpace": {"min": "0", "max": "1"}},
        {"name": "epochs", "parameterType": "int", "feasibleSpace": {"min": "1", "max": "4"}},
    ]
    manifest = searched(
        "scheduled",
        algorithm="hyperband",
        parameters=parameters,
        maxTrialCount=None,
        parallelTrialCount=4,
    )
    manifest["spec"]["algorithm"]["algorithmSettings"] = given
    template = manifest["spec"]["trialTemplate"]
    template["trialParameters"].append({"name": "epochs", "reference": "epochs"})
    container = template["trialSpec"]["spec"]["template"]["spec"]["containers"][0]
    container["command"][2] += "\n: ${trialParameters.epochs}"
    service = serve(katib, port)
    ended = katib("run", katib.write(manifest), "--config", config, check=0)
    assert "ExperimentSuggestionEndReached" in ended.text
    trials = katib.trials("scheduled")
    epochs = sorted(
        pair["value"]
        for trial in trials
        for pair in trial["spec"]["parameterAssignments"]
        if pair["name"] == "epochs"
    )
    # (4, 1) (2, 2) (1, 4); (3, 2) (2, 4); (3, 4).
    assert epochs == ["1"] * 4 + ["2"] * 5 + ["4"] * 6
    service.send_signal(signal.SIGINT)
    assert finish(service).code == 0


def test_an_engine_that_is_killed_again_and_again_asks_for_the_same(katib: Katib) -> None:
    katib("run", katib.write(searched("calm")), check=0)
    path = katib.write(searched("killed", pause="0.1"))
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    for _ in range(4):
        engine = katib.start("run", path)
        begun = trials_of(katib, "killed")
        wait_for(
            lambda engine=engine, begun=begun: (  # type: ignore[misc]  # the defaults are the types
                engine.poll() is not None or trials_of(katib, "killed") > begun
            ),
            "one more trial",
            60,
        )
        time.sleep(chance.uniform(0, 0.5))
        engine.kill()
        finish(engine)
    katib("run", path, check=0)
    assert values(katib, "killed") == values(katib, "calm")
    assert trials_of(katib, "killed") == TRIALS
