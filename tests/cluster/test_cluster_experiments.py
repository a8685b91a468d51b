"""Whole experiments in a cluster: Jobs whose pods a test runs, to every verdict."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from experiments import an_experiment, is_true
from processes import wait_for
from stage import Stage

pytestmark = [pytest.mark.timeout(300), pytest.mark.usefixtures("running_operator")]


def test_an_experiment_runs_to_its_optimum(stage: Stage) -> None:
    assert stage.run(an_experiment()) == "ExperimentMaxTrialsReached"
    stage.experiments.check_books(6)
    stage.check_runs()
    wait_for(lambda: not stage.experiments.list_jobs(), "runs are not retained")
    wait_for(
        lambda: (
            stage.experiments.get("suggestions", "tuned")["status"]["conditions"][-1]["type"]
            == "Succeeded"
        ),
        "the suggestion is over",
    )
    assert stage.operator.stop() == 0


def test_an_experiment_ends_at_its_goal(stage: Stage) -> None:
    objective = {"type": "minimize", "objectiveMetricName": "loss", "goal": 0.5}
    given = an_experiment(trials=100, objective=objective)
    assert stage.run(given) == "ExperimentGoalReached"
    status = stage.experiments.get("experiments", "tuned")["status"]
    (metric,) = status["currentOptimalTrial"]["observation"]["metrics"]
    assert float(metric["min"]) <= 0.5


def explained(stage: Stage, kubeconfig: Path) -> str:
    """What ``katib explain`` says of the experiment."""
    words = ("explain", "tuned", "-n", stage.experiments.namespace, "--kubeconfig", str(kubeconfig))
    line = [sys.executable, "-m", "katib", *words]
    return subprocess.run(line, capture_output=True, text=True, check=True).stdout


def test_an_experiment_whose_trials_fail_fails(stage: Stage, kubeconfig: Path) -> None:
    stage.kubelet.failing = lambda trial: True
    stage.kubelet.failure = {"exitCode": 137, "reason": "OOMKilled", "message": "epoch 1\nepoch 2"}
    given = an_experiment(maxFailedTrialCount=2)
    given["spec"]["trialTemplate"]["trialSpec"]["spec"]["backoffLimit"] = 0
    assert stage.run(given) == "ExperimentFailed"
    failed = [one for one in stage.experiments.list("trials") if is_true(one, "Failed")]
    for trial in failed:
        name, said = trial["metadata"]["name"], trial["status"]["conditions"][-1]["message"]
        assert f"Pod {name}-" in said
        assert said.endswith(
            ": container main ended with exit code 137 (OOMKilled): epoch 1\nepoch 2"
        )
        assert "JobFailed" in stage.experiments.events(name)
    told = explained(stage, kubeconfig)
    assert "cause: the program was killed (ProgramKilled), seen at trial/tuned-" in told
    assert "epoch 2" in told
    assert "then delete the experiment, and apply its document again" in told


def test_an_experiment_whose_runs_are_all_refused_says_so(stage: Stage) -> None:
    given = an_experiment(trials=2, maxFailedTrialCount=None)
    template = given["spec"]["trialTemplate"]["trialSpec"]["spec"]["template"]
    template["spec"]["containers"][0]["imagePullPolicy"] = "Sometimes"
    assert stage.run(given) == "ExperimentMaxTrialsReached"
    ended = stage.experiments.get("experiments", "tuned")["status"]["conditions"][-1]
    assert (
        "no trial has succeeded, so there is no optimal trial. The last one is" in ended["message"]
    )
    assert 'imagePullPolicy: Unsupported value: "Sometimes"' in ended["message"]
    wait_for(
        lambda: (
            stage.experiments.events("tuned").get("ExperimentMaxTrialsReached")
            == ("Warning", ended["message"])
        ),
        "the experiment is warned about",
    )


def test_a_search_space_that_is_exhausted_ends_the_experiment(stage: Stage) -> None:
    parameter = {
        "name": "x",
        "parameterType": "double",
        "feasibleSpace": {"min": "0.0", "max": "1.0", "step": "0.5"},
    }
    given = an_experiment(
        algorithm={"algorithmName": "grid"}, parameters=[parameter], maxTrialCount=None
    )
    assert stage.run(given) == "ExperimentSuggestionEndReached"
    stage.experiments.check_books(3)


def test_runs_stay_when_they_are_retained_and_go_with_the_experiment(stage: Stage) -> None:
    given = an_experiment(trials=2)
    given["spec"]["trialTemplate"]["retain"] = True
    stage.run(given)
    assert len(stage.experiments.list_jobs()) == 2
    stage.experiments.delete("experiments", "tuned")
    wait_for(
        lambda: not stage.experiments.list("trials") and not stage.experiments.list_jobs(),
        "everything of the experiment is gone",
    )
    assert stage.experiments.find("suggestions", "tuned") is None


def test_an_experiment_with_more_budget_goes_on(stage: Stage) -> None:
    stage.run(an_experiment(trials=2, resumePolicy="LongRunning"))
    stage.experiments.patch("experiments", "tuned", {"spec": {"maxTrialCount": 4}})
    wait_for(lambda: stage.experiments.completed() == 4, "two more trials have succeeded")
    stage.experiments.check_books(4)


def annotate(stage: Stage, **changed: str | None) -> None:
    """As ``kubectl annotate`` does; ``None`` takes one away."""
    given = {f"katib.kubeflow.org/{name}": value for name, value in changed.items()}
    stage.experiments.patch("experiments", "tuned", {"metadata": {"annotations": given}})


def progress_of(stage: Stage) -> str:
    """Why the experiment waits, as it says; empty when it does not."""
    status = stage.experiments.get("experiments", "tuned").get("status", {})
    said = {one["type"]: one["reason"] for one in status.get("conditions", [])}
    return str(said.get("Progressing", ""))


def test_a_suspended_experiment_goes_on_when_it_is_resumed(stage: Stage) -> None:
    given = an_experiment(trials=9)
    given["metadata"]["annotations"] = {"katib.kubeflow.org/suspend": "true"}
    stage.experiments.create(given)
    wait_for(lambda: progress_of(stage) == "Suspended", "it says that it is suspended")
    assert not stage.experiments.list("trials")
    annotate(stage, suspend=None)
    wait_for(lambda: bool(stage.experiments.ended()), "it is over")
    assert stage.experiments.ended() == "ExperimentMaxTrialsReached"
    stage.experiments.check_books(9)


def test_a_stopped_experiment_ends_when_its_trials_have(stage: Stage) -> None:
    """Nothing of it is lost: the trials that run are let run to their end."""
    is_let_go = threading.Event()

    def run_pod(trial: str) -> None:
        is_let_go.wait(120)

    stage.kubelet.run_pod = run_pod
    stage.experiments.create(an_experiment(trials=9))
    wait_for(lambda: len(stage.kubelet.jobs) == 3, "three trials run")
    annotate(stage, stop="true")
    wait_for(lambda: progress_of(stage) == "Stopping", "it says what it waits for")
    is_let_go.set()
    wait_for(lambda: bool(stage.experiments.ended()), "it is over")
    assert stage.experiments.ended() == "ExperimentStopped"
    stage.experiments.check_books(3)
