"""Which experiments can be suspended, resumed and stopped."""

from __future__ import annotations

from typing import Any

import pytest

from katib.api import names
from katib.web import looks
from katib.web.halting import Halt, words_of_names, words_of_stop

SPENT, STOPPED = "ExperimentMaxTrialsReached", "ExperimentStopped"


def an_experiment(end: str = "", policy: str = "", name: str = "one", **more: Any) -> Halt:
    annotations = {f"katib.kubeflow.org/{one}": "true" for one in more.get("says", ())}
    running = {"type": "Running", "status": "False" if end else "True", "reason": "any"}
    kind = "Failed" if end == "ExperimentFailed" else "Succeeded"
    ended = [{"type": kind, "status": "True", "reason": end}] if end else []
    return Halt.of(
        {
            "metadata": {"name": name, "namespace": "here", "annotations": annotations},
            "spec": {"maxTrialCount": more.get("budget", 12), "resumePolicy": policy},
            "status": {
                "conditions": [running, *ended],
                "trials": more.get("trials", 3),
                "trialsRunning": more.get("running", 0),
            },
        }
    )


#: What is asked of an experiment: may it be suspended, stopped, resumed.
MAY: dict[str, tuple[Halt, str]] = {
    "One that goes on": (an_experiment(), "suspend stop"),
    "One that is suspended": (an_experiment(says=["suspend"]), "stop resume"),
    "One that ends as it was stopped": (an_experiment(says=["stop"]), "resume"),
    "One that has ended": (an_experiment(SPENT), "resume"),
    "One that has failed": (an_experiment("ExperimentFailed"), "resume"),
}


@pytest.mark.parametrize("case", MAY)
def test_what_makes_sense_for_an_experiment(case: str) -> None:
    halt, deeds = MAY[case]
    found = [
        *(["suspend"] if halt.may_be_suspended else []),
        *(["stop"] if halt.may_be_stopped else []),
        *(["resume"] if halt.may_be_resumed else []),
    ]
    assert found == deeds.split()


#: Why it cannot go on, and whether it needs more trials for that.
GOING_ON: dict[str, tuple[Halt, str, bool]] = {
    "One that is suspended": (an_experiment(says=["suspend"]), "", False),
    "One that has spent its budget": (
        an_experiment(SPENT, names.LONG_RUNNING, trials=12),
        "",
        True,
    ),
    "One that was stopped before": (an_experiment(STOPPED, names.FROM_VOLUME), "", False),
    "One that was stopped with its last trial": (
        an_experiment(STOPPED, names.LONG_RUNNING, trials=12),
        "",
        True,
    ),
    "One without a budget": (an_experiment(STOPPED, names.LONG_RUNNING, budget=None), "", False),
    "One that must not": (an_experiment(SPENT, trials=12), "its resumePolicy is Never", True),
    "One that has reached its goal": (
        an_experiment("ExperimentGoalReached", names.LONG_RUNNING),
        "for good (ExperimentGoalReached)",
        False,
    ),
    "One that has failed": (
        an_experiment("ExperimentFailed", names.LONG_RUNNING),
        "for good (ExperimentFailed)",
        False,
    ),
}


@pytest.mark.parametrize("case", GOING_ON)
def test_whether_an_experiment_can_go_on(case: str) -> None:
    halt, obstacle, needs_budget = GOING_ON[case]
    assert obstacle in halt.obstacle
    assert bool(obstacle) is bool(halt.obstacle)
    assert halt.needs_budget is needs_budget


def test_a_new_experiment_of_which_nothing_is_known() -> None:
    halt = Halt.of({"metadata": {"name": "new"}})
    assert (halt.is_over, halt.policy, halt.trials, halt.budget) == (False, "Never", 0, None)
    assert halt.may_be_suspended


WORDS: dict[str, tuple[list[Halt], str]] = {
    "one whose trials run": (
        [an_experiment(policy=names.LONG_RUNNING, running=2)],
        "No new trials are made, and it ends as succeeded. The 2 trials under way go on to the "
        "end. Resumed later, it goes on where it stopped.",
    ),
    "several of one trial": (
        [an_experiment(), an_experiment(running=1)],
        "No new trials are made, and they end as succeeded. The trial under way goes on to the "
        "end. Under the resumePolicy Never they cannot be resumed once ended, but cloned.",
    ),
    "several of both policies": (
        [an_experiment(), an_experiment(policy=names.FROM_VOLUME)],
        "No new trials are made, and they end as succeeded. Those whose resumePolicy is Never "
        "cannot be resumed once they have ended.",
    ),
}


@pytest.mark.parametrize("case", WORDS)
def test_what_is_said_before_experiments_are_stopped(case: str) -> None:
    chosen, words = WORDS[case]
    assert words_of_stop(chosen) == words


def test_of_many_names_some_are_told() -> None:
    chosen = [an_experiment(name=f"n{number}") for number in range(7)]
    assert words_of_names(chosen[:2]) == "n0, n1"
    assert words_of_names(chosen) == "n0, n1, n2, n3, n4, … (7 in all)"


def test_a_suspended_experiment_is_called_so() -> None:
    running = {"type": "Running", "status": "True", "reason": "ExperimentSuspended"}
    experiment = {"metadata": {"name": "one"}, "status": {"conditions": [running]}}
    assert looks.status_of(experiment) == "Suspended"
    ended = {"type": "Succeeded", "status": "True", "reason": "ExperimentStopped"}
    experiment["status"] = {"conditions": [{**running, "status": "False"}, ended]}
    assert looks.status_of(experiment) == "Succeeded"
