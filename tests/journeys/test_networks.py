"""Architecture searches and populations with programs that really train, killed on their way."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import yaml
from command_line import LONGEST, REPOSITORY, Katib, Manifest, finish, wait_for

from environments import TORCH_PACKAGES, an_environment

pytestmark = [pytest.mark.journey, pytest.mark.timeout(1800)]

NETWORKS = REPOSITORY / "tests" / "networks"
PROGRAMS = "examples/networks"


@pytest.fixture(scope="module")
def python() -> str:
    """A Python with PyTorch."""
    return an_environment("torch", *TORCH_PACKAGES)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Katib:
    """At the root of the repository; trials share the machine, and have few pictures."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("TRIAL_IMAGES", "60")
    return Katib(tmp_path / "home", REPOSITORY)


def run(katib: Katib, *words: str, code: int = 0) -> None:
    """Run experiments to their end; PyTorch takes seconds to load, and trials are not alone."""
    answer = finish(katib.start("run", *words), 5 * LONGEST)
    assert answer.code == code, answer.text


def test_the_programs_do_their_mathematics(python: str) -> None:
    """The tests of the programs themselves, in the environment that has what they need."""
    ended = subprocess.run(
        [
            python,
            "-m",
            "pytest",
            "-q",
            "-m",
            "not slow",
            "-c",
            str(NETWORKS / "pytest.ini"),
            NETWORKS,
        ],
        cwd=REPOSITORY,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert re.search(r"\d{2,} passed", ended.stdout)


def observed(trial: Manifest) -> Mapping[str, str]:
    return {one["name"]: one["latest"] for one in trial["status"]["observation"]["metrics"]}


def test_katibs_documents_train_real_networks(here: Katib, python: str) -> None:
    names = ("enas-cpu", "darts-cpu", "darts-gpu")
    images = ("enas-cnn-cifar10-cpu", "darts-cnn-cifar10-cpu", "darts-cnn-cifar10-gpu")
    options = [word for image in images for word in ("--image", f"{image}={PROGRAMS}")]
    files = [f"examples/nas/{name}.yaml" for name in names]

    run(here, *files, *options, "--python", python)

    for name, count in zip(names, (3, 1, 1), strict=True):
        experiment = here.get("experiment", name, "kubeflow")
        assert experiment["status"]["trialsSucceeded"] == count
        best = experiment["status"]["currentOptimalTrial"]["observation"]["metrics"]
        [metric] = best
        if name == "enas-cpu":
            assert 0 <= float(metric["latest"]) <= 1
        else:
            assert re.fullmatch(r"Genotype\(normal=\[\[\('\w+',\d\).*\)", metric["latest"])


def lines_of(katib: Katib, experiment: str, pattern: str) -> int:
    """How often the programs of an experiment have printed something."""
    logs = (katib.home / "trials" / "default").glob(f"{experiment}-*/*.log")
    return sum(len(re.findall(pattern, log.read_text())) for log in logs)


def run_with_a_kill(katib: Katib, path: str, is_time: Callable[[], bool], *options: str) -> None:
    """Kill the engine when it is time, and start it again."""
    first = katib.start("run", path, *options)
    wait_for(lambda: is_time() or first.poll() is not None, "something to kill", 5 * LONGEST)
    assert first.poll() is None, finish(first).text
    first.kill()
    finish(first)
    run(katib, path, *options)


def test_enas_goes_on_after_a_kill(here: Katib, python: str) -> None:
    path = "examples/enas/experiment.yaml"
    run_with_a_kill(
        here,
        path,
        lambda: lines_of(here, "enas", "Validation-Accuracy") >= 5,
        "--python",
        python,
    )

    trials = here.trials("enas")
    assert len(trials) == 4
    architectures = [
        {one["name"]: one["value"] for one in trial["spec"]["parameterAssignments"]}["architecture"]
        for trial in trials
    ]
    assert len(set(architectures)) == 4
    for trial, text in zip(trials, architectures, strict=True):
        assert [len(row) for row in json.loads(text)] == [1, 2, 3]
        assert float(observed(trial)["Validation-Accuracy"]) > 0
    assert here.get("experiment", "enas")["status"]["trialsSucceeded"] == 4


def test_darts_goes_on_after_a_kill_and_has_a_second_trial(here: Katib, python: str) -> None:
    path = "examples/darts/experiment.yaml"
    run_with_a_kill(
        here, path, lambda: lines_of(here, "darts", "Epoch 1:") >= 1, "--python", python
    )

    trials = here.trials("darts")
    assert len(trials) == 2
    seeds = set()
    for trial in trials:
        [settings] = [
            one["value"]
            for one in trial["spec"]["parameterAssignments"]
            if one["name"] == "algorithm-settings"
        ]
        seeds.add(json.loads(settings.replace("'", '"'))["seed"])
        assert observed(trial)["Best-Genotype"].startswith("Genotype(normal=[[('")
        assert 0 < float(observed(trial)["Best-Top1"]) <= 1
    assert len(seeds) == 2


def test_a_search_by_gradients_that_was_stopped_goes_on_after_its_last_epoch(
    here: Katib, python: str
) -> None:
    """Ctrl-C ends the trial, and the next run starts it again, where it was."""
    manifest = yaml.safe_load((REPOSITORY / "examples/darts/experiment.yaml").read_text())
    spec = manifest["spec"]
    spec["maxTrialCount"] = 1
    spec["algorithm"]["algorithmSettings"][0]["value"] = "40"
    path = here.home.parent / "experiment.yaml"
    path.write_text(yaml.safe_dump(manifest))

    first = here.start("run", str(path), "--python", python)
    wait_for(lambda: lines_of(here, "darts", "Epoch [2-9]:") >= 1, "two epochs", 5 * LONGEST)
    first.send_signal(2)
    assert finish(first).code == 130
    run(here, str(path), "--python", python)

    [kept] = re.findall(r"It goes on after epoch (\d+)", logs_of(here, "darts"))
    assert 2 <= int(kept) < 40
    assert observed(here.trials("darts")[0])["Best-Genotype"]


def logs_of(katib: Katib, experiment: str) -> str:
    logs = (katib.home / "trials" / "default").glob(f"{experiment}-*/*.log")
    return "\n".join(log.read_text() for log in logs)


PBT = "pbt.suggestion.katib.kubeflow.org/"


def step_before(katib: Katib, trial: Manifest) -> int:
    """Where the trial's network was when it began."""
    [log] = (katib.home / "trials" / "default" / trial["metadata"]["name"]).glob("*.log")
    [step] = re.findall(r"It goes on at step (\d+)", log.read_text())
    return int(step)


def test_a_population_loses_no_generation_in_a_kill(here: Katib) -> None:
    manifest = yaml.safe_load((REPOSITORY / "examples/pbt/experiment.yaml").read_text())
    manifest["spec"]["maxTrialCount"] = 24
    path = here.home.parent / "experiment.yaml"
    path.write_text(yaml.safe_dump(manifest))

    run_with_a_kill(here, str(path), lambda: lines_of(here, "pbt", "loss=") >= 13)

    trials = {trial["metadata"]["name"]: trial for trial in here.trials("pbt")}
    assert len(trials) == 24
    seats = set()
    for trial in trials.values():
        labels = trial["metadata"]["labels"]
        generation = int(labels[f"{PBT}generation"])
        seats.add((labels[f"{PBT}member"], generation))
        # Every trial went on from where its parent had ended.
        parent = labels.get(f"{PBT}parent")
        begun = 0 if parent is None else step_before(here, trials[parent]) + 250
        assert (parent is None) == (generation == 0)
        assert step_before(here, trial) == begun
    assert seats == {(str(member), generation) for member in range(8) for generation in range(3)}


def test_a_missing_checkpoint_is_told_in_the_trial(here: Katib) -> None:
    """The parents' folders are gone: their children fail and say so."""
    manifest = yaml.safe_load((REPOSITORY / "examples/pbt/experiment.yaml").read_text())
    container = manifest["spec"]["trialTemplate"]["trialSpec"]["spec"]["template"]["spec"][
        "containers"
    ][0]
    # It removes its own checkpoints when it is done.
    script = 'echo "loss=${trialParameters.lr}"; rmdir /checkpoints'
    container["command"] = ["/bin/sh", "-c", script]
    path = here.home.parent / "experiment.yaml"
    path.write_text(yaml.safe_dump(manifest))

    run(here, str(path), code=1)

    failed = [
        one for one in here.trials("pbt") if one["status"]["conditions"][-1]["type"] == "Failed"
    ]
    assert failed
    message = failed[0]["status"]["conditions"][-1]["message"]
    assert "it goes on from the checkpoints of trial" in message


UNKNOWN = {
    "enas": ("convolution", "convolvution", 'is "convolvution", which is not known here; use one'),
    "darts": ("max_pooling", "min_pooling", 'search-space has "min_pooling_3x3"'),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_an_unknown_operation_is_told_in_the_trial(here: Katib, python: str, name: str) -> None:
    known, unknown, message = UNKNOWN[name]
    text = (REPOSITORY / f"examples/{name}/experiment.yaml").read_text()
    manifest = yaml.safe_load(
        text.replace(f"operationType: {known}\n", f"operationType: {unknown}\n")
    )
    manifest["spec"]["nasConfig"]["operations"] = [
        one
        for one in manifest["spec"]["nasConfig"]["operations"]
        if one["operationType"] == unknown
    ]
    manifest["spec"].update(maxTrialCount=1, maxFailedTrialCount=0, parallelTrialCount=1)
    path = here.home.parent / "experiment.yaml"
    path.write_text(yaml.safe_dump(manifest))

    run(here, str(path), "--python", python, code=1)

    [trial] = here.trials(name)
    assert message in trial["status"]["conditions"][-1]["message"]
