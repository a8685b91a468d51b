"""Experiments that are suspended, resumed and stopped from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from command_line import Katib, an_experiment, finish, wait_for

pytestmark = [pytest.mark.journey, pytest.mark.timeout(300)]

#: Runs until it is told to go on.
UNTIL_TOLD = "echo x >> started; while [ ! -e go-on ]; do sleep 0.05; done; echo loss=0.5"


def started(katib: Katib) -> int:
    """How many programs have begun."""
    path = katib.folder / "started"
    return len(path.read_text().split()) if path.exists() else 0


def go_on(katib: Katib) -> None:
    Path(katib.folder, "go-on").touch()


def reasons(katib: Katib) -> dict[str, str]:
    """Each condition's status and reason."""
    conditions = katib.get("experiment", "tuned")["status"]["conditions"]
    return {one["type"]: f"{one['status']} {one['reason']}" for one in conditions}


@pytest.fixture
def served(katib: Katib) -> Katib:
    katib("up", "--detach", "--port", "0", check=0)
    return katib


def start(katib: Katib, **spec: Any) -> None:
    """An experiment of which two trials run."""
    path = katib.write(an_experiment(UNTIL_TOLD, maxTrialCount=6, parallelTrialCount=2, **spec))
    running = katib.start("run", path)
    wait_for(lambda: started(katib) == 2, "two trials run")
    running.terminate()
    finish(running)


def test_a_suspended_experiment_makes_no_trials_until_it_is_resumed(served: Katib) -> None:
    start(served)
    assert "katib resume tuned" in served("suspend", "tuned", check=0).out
    go_on(served)
    wait_for(lambda: reasons(served)["Progressing"] == "False Suspended", "nothing is under way")
    assert reasons(served)["Running"] == "True ExperimentSuspended"
    assert "katib.kubeflow.org/suspend" in served("explain", "tuned").out
    served("down", check=0)
    # Who suspends it without an engine, or resumes it, starts nothing.
    served("suspend", "tuned", check=0)
    served("up", "--detach", "--port", "0", check=0)
    assert started(served) == 2
    assert reasons(served)["Running"] == "True ExperimentSuspended"
    served("resume", "tuned", check=0)
    wait_for(lambda: "Succeeded" in reasons(served), "it has ended")
    assert started(served) == 6
    answer = served("suspend", "tuned", check=1)
    assert "is over (ExperimentMaxTrialsReached)" in answer.err
    assert "resumePolicy is Never" in served("resume", "tuned", check=1).err
    served("down", check=0)


def test_a_stopped_experiment_ends_with_what_it_has_and_may_go_on(served: Katib) -> None:
    start(served, resumePolicy="LongRunning")
    served("stop", "tuned", check=0)
    go_on(served)
    wait_for(lambda: "Succeeded" in reasons(served), "it has ended")
    assert reasons(served)["Succeeded"] == "True ExperimentStopped"
    assert started(served) == 2
    assert "it was stopped after 2 of 6 trials" in served("explain", "tuned").out
    served("resume", "tuned", check=0)
    wait_for(lambda: len(served.trials("tuned")) == 6, "it goes on")
    wait_for(
        lambda: reasons(served).get("Succeeded") == "True ExperimentMaxTrialsReached", "it ends"
    )
    served("down", check=0)


def test_an_experiment_that_is_not_there_is_told(served: Katib) -> None:
    start(served)
    for command in ("suspend", "resume", "stop"):
        assert "missing" in served(command, "missing", check=1).err
    go_on(served)
    served("down", "--stop-trials", check=0)
