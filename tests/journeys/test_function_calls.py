"""Experiments whose trials are calls of a function, with real engines."""

from __future__ import annotations

import hashlib
import json
import random
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest
from command_line import (
    LONGEST,
    Katib,
    Manifest,
    an_experiment,
    finish,
    has_text,
    is_running,
    wait_for,
)

from katib import KatibClient
from katib.api.values import Key
from katib.observations.sql import SqlObservationLog

pytestmark = [pytest.mark.journey, pytest.mark.timeout(600)]

KILLS, TRIALS = 6, 40

#: What the functions of these tests are; a worker finds them in the folder of the test.
MODULE = """
import ctypes, os, sys, time

def note(arguments, trial):
    with open("started", "a") as file:
        file.write(f"{trial.name} {os.getpid()}\\n")
    for step in range(3):
        time.sleep(0.05)
        trial.report(loss=f"{arguments['x']}{step}")
    return {"loss": float(arguments["x"])}

def wait(arguments, trial):
    print("waits", flush=True)
    with open("pid", "w") as file:
        file.write(str(os.getpid()))
    while not os.path.exists("go"):
        time.sleep(0.01)
    return {"loss": 1}

def square(arguments, trial):
    return {"loss": float(arguments["x"]) ** 2}

def other(arguments, trial):
    return {"accuracy": 1}

def crash(arguments, trial):
    print("about to crash")
    ctypes.string_at(0)

def worsen(arguments, trial):
    for step in range(50):
        trial.report(loss=step * float(arguments["x"]))
        time.sleep(0.01)
    return {"loss": 50 * float(arguments["x"])}
"""


def ship(katib: Katib, name: str) -> str:
    """Write a function's file into the home; its name."""
    (katib.folder / "functions_of_tests.py").write_text(MODULE)
    head = {
        "python": sys.executable,
        "directory": str(katib.folder),
        "path": [str(katib.folder), *sys.path],
        "name": name,
    }
    # What pickle makes of a function in a module that a worker finds.
    data = json.dumps(head).encode() + f"\ncfunctions_of_tests\n{name}\n.".encode()
    file = katib.home / "functions" / hashlib.sha256(data).hexdigest()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    return file.name


def calling(katib: Katib, name: str, call: Manifest | None = None, **spec: Any) -> str:
    """The path of an experiment that calls a function."""
    template = {
        "trialParameters": [{"name": "x", "reference": "x"}],
        "trialSpec": {
            "apiVersion": "katib.kubeflow.org/v1alpha1",
            "kind": "FunctionCall",
            "spec": {
                "function": ship(katib, name),
                "arguments": {"x": "${trialParameters.x}"},
                **(call or {}),
            },
        },
    }
    return katib.write(an_experiment("", trialTemplate=template, **spec))


def read_values(katib: Katib, trial: str) -> list[str]:
    log = SqlObservationLog(f"sqlite:///{katib.home / 'observations.db'}")
    try:
        return [entry.value for entry in log.read(Key("default", trial))]
    finally:
        log.close()


def test_an_engine_that_is_killed_again_and_again_loses_and_doubles_no_call(katib: Katib) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    path = calling(katib, "note", maxTrialCount=TRIALS, parallelTrialCount=2)
    started = katib.folder / "started"
    for number in range(KILLS):
        engine = katib.start("run", path)
        begun = number * TRIALS // (2 * KILLS)
        wait_for(lambda begun=begun: count(started) > begun, "a call began")  # type: ignore[misc]
        time.sleep(chance.uniform(0, 0.5))
        assert engine.poll() is None, "there is something left to do"
        engine.kill()
        finish(engine)
    workers = {int(line.split()[1]) for line in started.read_text().splitlines()}
    wait_for(lambda: not any(map(is_running, workers)), "workers end with their engine")

    katib("run", path, check=0)

    trials = katib.trials("tuned")
    names = {trial["metadata"]["name"] for trial in trials}
    assert len(trials) == len(names) == TRIALS
    assert {trial["status"]["conditions"][-1]["type"] for trial in trials} == {"Succeeded"}
    for trial in trials:
        [x] = trial["spec"]["parameterAssignments"]
        text = x["value"]
        wanted = [f"{text}{step}" for step in range(3)] + [repr(float(text))]
        assert read_values(katib, trial["metadata"]["name"]) == wanted
    experiment = katib.get("experiment", "tuned")
    assert experiment["status"]["trialsSucceeded"] == TRIALS
    assert all(not is_running(pid) for pid in workers)


def test_silent_functions_leave_no_folders_and_their_log_says_so(katib: Katib) -> None:
    path = calling(katib, "square", maxTrialCount=20, parallelTrialCount=2)
    katib("run", path, check=0)
    trials = katib.trials("tuned")
    assert len(trials) == 20
    assert list((katib.home / "trials").glob("default/*")) == []
    answer = katib("logs", trials[0]["metadata"]["name"])
    assert "has printed nothing" in answer.text


def test_ctrl_c_ends_calls_and_the_same_command_makes_them_again(katib: Katib) -> None:
    path = calling(katib, "wait")
    engine = katib.start("run", path)
    pid_file = katib.folder / "pid"
    wait_for(lambda: has_text(pid_file), "the function runs")
    worker = int(pid_file.read_text())
    engine.send_signal(2)
    assert finish(engine).code == 130
    assert not is_running(worker)
    (katib.folder / "go").touch()
    katib("run", path, check=0)
    [trial] = katib.trials("tuned")
    assert trial["status"]["conditions"][-1]["type"] == "Succeeded"


def test_a_log_can_be_read_while_a_function_runs_and_by_the_server(katib: Katib) -> None:
    path = calling(katib, "wait")
    engine = katib.start("run", path)
    wait_for(lambda: katib("logs", "tuned-none").code != 0 and log_of(katib) == "waits\n", "a log")
    (katib.folder / "go").touch()
    assert finish(engine).code == 0
    assert log_of(katib) == "waits\n"


def log_of(katib: Katib) -> str:
    found = list((katib.home / "trials").glob("default/*/*.log"))
    return katib("logs", found[0].parent.name, check=0).out if found else ""


def test_a_crash_is_explained(katib: Katib) -> None:
    path = calling(katib, "crash", maxTrialCount=3, maxFailedTrialCount=2)
    assert katib("run", path).code == 1
    told = katib("explain", "tuned").text
    assert "WorkerCrashed" in told
    assert "SIGSEGV" in told
    assert "katib logs" in told


def test_a_missing_objective_is_told_at_once(katib: Katib) -> None:
    path = calling(katib, "other", maxFailedTrialCount=1)
    begun = time.monotonic()
    katib("run", path)
    assert time.monotonic() - begun < LONGEST
    [trial] = katib.trials("tuned")
    newest = trial["status"]["conditions"][-1]
    assert newest["type"] == "MetricsUnavailable"
    assert 'neither returned nor reported metric "loss"' in newest["message"]


def test_functions_are_stopped_early(katib: Katib) -> None:
    rules = {"algorithmName": "threshold", "algorithmSettings": [{"name": "upper", "value": "5"}]}
    path = calling(katib, "worsen", maxTrialCount=8, parallelTrialCount=2, earlyStopping=rules)
    katib("run", path, check=0)
    trials = katib.trials("tuned")
    ends = [trial["status"]["conditions"][-1]["type"] for trial in trials]
    assert len(ends) == 8
    assert "EarlyStopped" in ends
    stopped = trials[ends.index("EarlyStopped")]
    assert "5" in stopped["status"]["conditions"][-1]["message"]
    values = [float(value) for value in read_values(katib, stopped["metadata"]["name"])]
    assert values[-1] > 5 >= values[-2]


def test_the_sdk_follows_what_a_function_prints(katib: Katib) -> None:
    path = calling(katib, "wait")
    katib("up", "--detach", "--port", "0", check=0)
    try:
        follower = katib.start("run", path)
        wait_for(lambda: has_text(katib.folder / "pid"), "the function runs")
        [trial] = katib.trials("tuned")
        with closing(KatibClient(home=katib.home)) as client:
            lines = client.get_job_logs("tuned", trial["metadata"]["name"], follow=True)
            assert next(lines) == "waits"
            (katib.folder / "go").touch()
            assert list(lines) == []
        assert finish(follower).code == 0
    finally:
        katib("down", "--stop-trials", check=0)


def test_deleting_an_experiment_ends_its_calls(katib: Katib) -> None:
    path = calling(katib, "wait")
    katib("up", "--detach", "--port", "0", check=0)
    try:
        follower = katib.start("run", path)
        pid_file = katib.folder / "pid"
        wait_for(lambda: has_text(pid_file), "the function runs")
        worker = psutil.Process(int(pid_file.read_text()))
        katib("delete", "experiment", "tuned", check=0)
        worker.wait(LONGEST)
        finish(follower)
    finally:
        katib("down", "--stop-trials", check=0)


def count(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0
