"""Ctrl-C: once ends the running trials cleanly, twice stops at once; the same command goes on."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from command_line import (
    LONGEST,
    Katib,
    a_template,
    an_experiment,
    finish,
    is_running,
    read_until,
    wait_for,
)

pytestmark = pytest.mark.journey

#: Each run writes its process id when it starts; the one of the file ``slow`` waits to be ended.
GENTLE = """
trap 'echo ending; echo ended >> ended; exit 1' TERM
echo $$$$ >> pids
if [ -e slow ]; then while :; do sleep 0.05; done; fi
echo loss=${trialParameters.x}
"""

#: Does not end when it is asked to.
STUBBORN = """
trap : TERM
echo $$$$ >> pids
while [ -e slow ]; do sleep 0.05; done
echo loss=${trialParameters.x}
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_interrupt_ends_trials_cleanly_and_the_same_command_goes_on(
    katib: Katib, number: signal.Signals
) -> None:
    path = prepare(katib, GENTLE)
    (katib.folder / "slow").touch()
    engine = katib.start("run", path)
    wait_for(lambda: len(pids(katib.folder)) == 2, "two trials run")
    begun = pids(katib.folder)

    engine.send_signal(number)
    answer = finish(engine)

    assert answer.code == 130, answer.text
    assert "Ending the running trials; press Ctrl-C again to stop them at once." in answer.out
    assert "Interrupted. The same command goes on with what is left." in answer.out
    assert not any(is_running(pid) for pid in begun)
    assert (katib.folder / "ended").read_text().split() == ["ended", "ended"]
    assert "Traceback" not in answer.text

    (katib.folder / "slow").unlink()
    again = katib("run", path, check=0)

    assert "Experiment has succeeded because max trial count has reached" in again.out
    trials = katib.trials("tuned")
    assert [trial["status"]["conditions"][-1]["type"] for trial in trials] == ["Succeeded"] * 5
    # The two that were cut off are run again, and are not counted twice.
    assert len(pids(katib.folder)) == 5 + 2
    for trial in trials:
        listed = katib("metrics", trial["metadata"]["name"], check=0).out.splitlines()
        assert len(listed) == 1


def test_a_second_interrupt_stops_at_once_what_does_not_end(katib: Katib) -> None:
    path = prepare(katib, STUBBORN, grace=10 * LONGEST)
    (katib.folder / "slow").touch()
    engine = katib.start("run", path)
    wait_for(lambda: len(pids(katib.folder)) == 2, "two trials run")
    begun = pids(katib.folder)

    engine.send_signal(signal.SIGINT)
    # Two signals at once are one to a process.
    read_until(engine, "press Ctrl-C again")
    with pytest.raises(AssertionError):
        wait_for(lambda: engine.poll() is not None, "it waits for its trials", seconds=1.0)
    assert all(is_running(pid) for pid in begun)
    engine.send_signal(signal.SIGINT)
    # Much sooner than the trials would be ended anyhow.
    answer = finish(engine)

    assert answer.code == 130, answer.text
    wait_for(lambda: not any(map(is_running, begun)), "they are gone")

    (katib.folder / "slow").unlink()
    katib("run", path, check=0)

    trials = katib.trials("tuned")
    assert [trial["status"]["conditions"][-1]["type"] for trial in trials] == ["Succeeded"] * 5


def test_an_interrupted_experiment_says_how_to_go_on(katib: Katib) -> None:
    path = prepare(katib, GENTLE)
    (katib.folder / "slow").touch()
    engine = katib.start("run", path)
    wait_for(lambda: len(pids(katib.folder)) == 2, "two trials run")
    engine.send_signal(signal.SIGINT)
    finish(engine)

    explained = katib("explain", "tuned", check=0).out

    assert "no engine is running in this home, so nothing happens" in explained
    assert "start the same katib run command again" in explained


def test_a_pod_that_is_interrupted_is_run_again_too(katib: Katib) -> None:
    template = a_template(["/bin/sh", "-c", GENTLE])
    pod = template["trialSpec"]["spec"]["template"]["spec"]
    template["trialSpec"] = {"apiVersion": "v1", "kind": "Pod", "spec": pod}
    template["successCondition"] = 'status.[@this].#(phase=="Succeeded")#'
    template["failureCondition"] = 'status.[@this].#(phase=="Failed")#'
    path = katib.write(
        an_experiment("", trialTemplate=template, maxTrialCount=3, parallelTrialCount=2)
    )
    (katib.folder / "slow").touch()
    engine = katib.start("run", path)
    wait_for(lambda: len(pids(katib.folder)) == 2, "two trials run")
    engine.send_signal(signal.SIGINT)
    assert finish(engine).code == 130

    (katib.folder / "slow").unlink()
    katib("run", path, check=0)

    trials = katib.trials("tuned")
    assert [trial["status"]["conditions"][-1]["type"] for trial in trials] == ["Succeeded"] * 3
    assert len(pids(katib.folder)) == 3 + 2


def prepare(katib: Katib, script: str, grace: float = 30) -> str:
    template = a_template(["/bin/sh", "-c", script])
    pod = template["trialSpec"]["spec"]["template"]["spec"]
    pod["terminationGracePeriodSeconds"] = int(grace)
    return katib.write(
        an_experiment("", trialTemplate=template, maxTrialCount=5, parallelTrialCount=2)
    )


def pids(folder: Path) -> list[int]:
    """The processes of all runs so far."""
    path = folder / "pids"
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def test_parallelism_that_is_lowered_between_two_runs_loses_no_point(katib: Katib) -> None:
    space = {"name": "x", "parameterType": "int", "feasibleSpace": {"min": "1", "max": "7"}}
    manifest = an_experiment(
        "sleep 0.4; echo loss=${trialParameters.x}",
        parameters=[space],
        algorithm={"algorithmName": "grid"},
        parallelTrialCount=5,
        maxTrialCount=7,
    )
    first = katib.start("run", katib.write(manifest))
    wait_for(lambda: (katib.home / "trials").exists(), "a trial has begun")
    first.kill()
    first.communicate()
    manifest["spec"]["parallelTrialCount"] = 2
    answer = katib("run", katib.write(manifest), check=0)
    assert "has succeeded because max trial count has reached" in answer.out
    given = [one["spec"]["parameterAssignments"][0]["value"] for one in katib.trials("tuned")]
    assert sorted(given) == ["1", "2", "3", "4", "5", "6", "7"]
