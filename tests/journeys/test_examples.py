"""Every example runs to its end, as its first lines say."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from command_line import REPOSITORY, Answer, Katib, Manifest

from environments import an_environment

pytestmark = pytest.mark.journey

EXAMPLES = sorted(path.parent.name for path in (REPOSITORY / "examples").glob("*/experiment.yaml"))

#: They need PyTorch, and run in ``test_networks``, where they are killed on their way.
ELSEWHERE = {"darts", "enas"}


@pytest.fixture
def here(tmp_path: Path) -> Katib:
    """At the root of the repository, from which the examples name their programs."""
    return Katib(tmp_path / "home", REPOSITORY)


@pytest.mark.parametrize("name", sorted({*EXAMPLES} - ELSEWHERE))
def test_an_example_runs_to_its_end(
    here: Katib, digits_run: tuple[Katib, Answer], name: str
) -> None:
    if name == "digits":
        here, answer = digits_run
    else:
        answer = here("run", f"examples/{name}/experiment.yaml", *options_of(name))

    experiment = here.get("experiment", name)
    last = experiment["status"]["conditions"][-1]
    assert answer.code == (0 if last["type"] == "Succeeded" else 1), answer.text
    assert last["status"] == "True"
    assert last["message"] in answer.out
    assert "Traceback (most recent call last)" not in answer.err
    trials = here.trials(name)
    assert len(trials) == experiment["status"]["trials"]
    ends = {trial["status"]["conditions"][-1]["type"] for trial in trials}
    assert ends <= {"Succeeded", "Failed", "MetricsUnavailable", "EarlyStopped"}
    assert ("EarlyStopped" in ends) == (name == "successive-halving")
    assert experiment["status"]["currentOptimalTrial"]["bestTrialName"] in answer.out
    if name in ("asha", "bohb"):
        check_rungs(name, trials)


def options_of(name: str) -> list[str]:
    """What a command needs beside the file."""
    if name != "tensorboard":
        return []
    return ["--python", an_environment("tensorboard-x", "tensorboardX")]


def test_the_flaky_example_tells_how_its_trials_went_wrong(here: Katib) -> None:
    here("run", "examples/flaky/experiment.yaml")

    trials = here.trials("flaky")
    ends = {trial["status"]["conditions"][-1]["type"] for trial in trials}
    assert ends == {"Succeeded", "Failed", "MetricsUnavailable"}
    messages = "\n".join(trial["status"]["conditions"][-1]["message"] for trial in trials)
    assert "MemoryError: a batch of" in messages
    assert "the loss diverges, try a lower learning rate" in messages
    assert "stopping before the first validation" in here("explain", "flaky", check=0).out


def test_the_diverging_example_is_told_that_infinity_is_bad(here: Katib) -> None:
    here("run", "examples/diverging/experiment.yaml", check=0)

    trials = here.trials("diverging")
    latest = [trial["status"]["observation"]["metrics"][0]["latest"] for trial in trials]
    assert {"nan", "inf"} <= set(latest)
    numbers = [float(text) for text in latest if text not in ("nan", "inf")]
    best = here.get("experiment", "diverging")["status"]["currentOptimalTrial"]
    assert float(best["observation"]["metrics"][0]["latest"]) == min(numbers)
    assert "MetricNotANumber" not in here("explain", "diverging", check=0).out


def test_the_wildcards_example_observes_all_that_match(here: Katib) -> None:
    here("run", "examples/wildcards/experiment.yaml", check=0)

    for trial in here.trials("wildcards"):
        metrics = trial["status"]["observation"]["metrics"]
        assert [one["name"] for one in metrics] == [
            "loss",
            "recall_bird",
            "recall_cat",
            "recall_dog",
        ]
        assert all(float(one["min"]) < float(one["max"]) for one in metrics)


def check_rungs(name: str, trials: list[Manifest]) -> None:
    """Whoever is promoted has the values of a trial with a third of the epochs."""
    by_name = {trial["metadata"]["name"]: trial for trial in trials}
    rungs: Counter[str] = Counter()
    for trial in trials:
        labels = trial["metadata"]["labels"]
        rung = labels[f"{name}.suggestion/rung"]
        rungs[rung] += 1
        if rung != "0":
            mine = assigned(trial)
            theirs = assigned(by_name[labels[f"{name}.suggestion/parent"]])
            assert int(mine.pop("epochs")) == 3 * int(theirs.pop("epochs"))
            assert mine == theirs
    assert rungs["0"] > rungs["1"] >= 1
    if name == "bohb":
        assert rungs == {"0": 9 + 5 + 3, "1": 3 + 2, "2": 1}


def assigned(trial: Manifest) -> dict[str, str]:
    return {one["name"]: one["value"] for one in trial["spec"]["parameterAssignments"]}


def test_the_examples_of_ours_are_there() -> None:
    assert set(EXAMPLES) == {
        "asha",
        "bohb",
        "darts",
        "digits",
        "diverging",
        "enas",
        "flaky",
        "pbt",
        "prometheus",
        "push",
        "shell",
        "smac",
        "successive-halving",
        "tensorboard",
        "wildcards",
    }
