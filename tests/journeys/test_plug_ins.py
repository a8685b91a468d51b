"""Algorithms of an installed package: admitted, run, waited for, and kept apart from the others."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import Katib, Manifest, an_experiment, finish, wait_for
from packages import install

pytestmark = [pytest.mark.journey, pytest.mark.timeout(240)]

CONTRACT = """
import pytest

from katib.search.algorithms import ALGORITHMS
from katib.testing.algorithm_contract import AlgorithmContract


class TestHalving(AlgorithmContract):
    @pytest.fixture
    def algorithm(self):
        return ALGORITHMS.load("halving")
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(tmp_path_factory.mktemp("package"))


@pytest.fixture(autouse=True)
def _installed(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = [str(package), *filter(None, [os.environ.get("PYTHONPATH", "")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path))


def searched(name: str, algorithm: str, trials: int = 4, **settings: str) -> Manifest:
    given = [{"name": key, "value": value} for key, value in settings.items()]
    return an_experiment(
        "echo loss=${trialParameters.x}",
        name,
        algorithm={"algorithmName": algorithm, "algorithmSettings": given},
        maxTrialCount=trials,
        parallelTrialCount=min(2, trials),
    )


def progress(katib: Katib, name: str) -> tuple[str, str]:
    """The reason and the message of what the suggestion waits for; empty when it does not."""
    answer = katib("get", "suggestion", name, "-o", "yaml")
    if answer.code:
        return "", ""
    found = katib.get("suggestion", name)["status"].get("conditions", [])
    waits = [one for one in found if one["type"] == "Progressing"]
    return (waits[0]["reason"], waits[0]["message"]) if waits else ("", "")


def test_an_algorithm_of_a_package_is_admitted_checked_and_run(katib: Katib) -> None:
    path = katib.write(searched("halved", "halving", start="0.8"))
    assert katib("validate", path, check=0).code == 0
    katib("run", path, check=0)
    values = {
        float(trial["spec"]["parameterAssignments"][0]["value"]) for trial in katib.trials("halved")
    }
    assert values == {0.8, 0.4, 0.2, 0.1}
    wrong = katib.write(searched("wrong", "halving", start="2", typo="1"), "wrong.yaml")
    for command in ("validate", "run"):
        refused = katib(command, wrong, check=2)
        assert "unknown setting typo for algorithm halving" in refused.text
        assert "start should be in (0, 1]" in refused.text


def test_its_author_runs_the_contract_of_algorithms_on_it(katib: Katib) -> None:
    test = katib.folder / "test_halving.py"
    test.write_text(CONTRACT)
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(test)],
        cwd=katib.folder,
        env=katib.environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stdout
    assert "8 passed" in ended.stdout


def test_one_that_takes_its_time_is_told_and_holds_up_nobody(katib: Katib) -> None:
    slow = katib.write(searched("slow", "sleepy", trials=1), "slow.yaml")
    quick = katib.write(searched("quick", "random", trials=6), "quick.yaml")
    run = katib.start("run", slow, quick)
    wait_for(lambda: progress(katib, "slow")[0] == "AskingAlgorithm", "it is told", 60)
    assert progress(katib, "slow")[1].startswith("asking algorithm sleepy for ")
    wait_for(lambda: is_over(katib, "quick"), "the other ends", 60)
    assert "asking algorithm sleepy for" in katib("explain", "slow", check=0).out
    assert not katib.get("suggestion", "slow")["status"].get("suggestions")
    (katib.folder / "gate").touch()
    ended = finish(run)
    assert ended.code == 0, ended.text
    assert progress(katib, "slow") == ("", "")


def test_one_that_crashes_is_told_and_takes_nobody_with_it(katib: Katib) -> None:
    bad = katib.write(searched("bad", "crashing", trials=1), "bad.yaml")
    good = katib.write(searched("good", "halving", trials=6), "good.yaml")
    run = katib.start("run", bad, good)
    wait_for(lambda: progress(katib, "bad")[0] == "AlgorithmFailed", "it is told", 90)
    _, message = progress(katib, "bad")
    assert (
        "algorithm crashing crashed 3 times in a row: its process ended with signal 11" in message
    )
    wait_for(lambda: is_over(katib, "good"), "the other ends", 60)
    assert "AlgorithmFailed" in katib("explain", "bad", check=0).out
    log = (katib.home / "engine.log").read_text()
    assert "Segmentation fault" in log
    assert "in suggest" in log, "the engine's log says where"
    run.send_signal(signal.SIGINT)
    assert finish(run).code == 130


def is_over(katib: Katib, name: str) -> bool:
    answer = katib("get", "experiment", name, "-o", "yaml")
    return answer.code == 0 and "ExperimentMaxTrialsReached" in answer.out


def test_a_worker_that_is_killed_costs_nothing(katib: Katib) -> None:
    path = katib.write(searched("killed", "sleepy", trials=2))
    run = katib.start("run", path)
    wait_for(lambda: progress(katib, "killed")[0] == "AskingAlgorithm", "it is asked", 60)
    (worker,) = workers_of(run.pid)
    os.kill(worker, signal.SIGKILL)
    (katib.folder / "gate").touch()
    assert finish(run).code == 0
    assert len(katib.trials("killed")) == 2


def workers_of(engine: int) -> list[int]:
    import psutil

    children = psutil.Process(engine).children()
    return [one.pid for one in children if "katib.apps.worker" in one.cmdline()]
