"""Bad trials are stopped early: their metrics stay, the counts are right, no process is left."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from command_line import Katib, Manifest, a_template, an_experiment, is_running

pytestmark = pytest.mark.journey

#: The first two trials are good and end. The others begin badly and never end by themselves.
SLOW = """
: ${trialParameters.x}
echo $$$$ >> pids
number=$(wc -l < pids)
if [ $number -le 2 ]; then
  for loss in 4 3 2 1; do echo loss=$loss; done
else
  echo loss=9; sleep 0.1; echo loss=8
  while :; do sleep 0.05; done
fi
"""

#: Prints one more value when it is asked to end, and ends badly.
TALKATIVE = "trap 'echo loss=7.$number; exit 3' TERM" + SLOW

#: Does not end when it is asked to.
STUBBORN = "trap : TERM" + SLOW

TRIALS, STOPPED = 5, 3


def stopping(script: str, retain: bool = False, grace: int = 30) -> Manifest:
    template = a_template(["/bin/sh", "-c", script])
    template["retain"] = retain
    pod = template["trialSpec"]["spec"]["template"]["spec"]
    pod["terminationGracePeriodSeconds"] = grace
    settings = {"min_trials_required": "2", "start_step": "2"}
    return an_experiment(
        "",
        trialTemplate=template,
        maxTrialCount=TRIALS,
        earlyStopping={
            "algorithmName": "medianstop",
            "algorithmSettings": [{"name": key, "value": text} for key, text in settings.items()],
        },
    )


def pids(folder: Path) -> list[int]:
    return [int(line) for line in (folder / "pids").read_text().split()]


@pytest.mark.parametrize("retain", [True, False])
def test_bad_trials_are_stopped_and_keep_their_metrics(katib: Katib, retain: bool) -> None:
    path = katib.write(stopping(TALKATIVE, retain))

    answer = katib("run", path, check=0)

    why = "Trial is early stopped: loss=8.0, the best by report 2, is greater than 3.5"
    assert answer.out.count(why) == STOPPED
    status = katib.get("experiment", "tuned")["status"]
    assert status["trials"] == TRIALS
    assert status["trialsSucceeded"] == TRIALS - STOPPED
    assert status["trialsEarlyStopped"] == STOPPED == len(status["earlyStoppedTrialList"])
    assert "trialsFailed" not in status
    assert status["conditions"][-1]["reason"] == "ExperimentMaxTrialsReached"
    trials = katib.trials("tuned")
    assert ["earlyStoppingRules" in trial["spec"] for trial in trials] == [False] * 2 + [True] * 3
    for number, trial in enumerate(trials[2:], start=3):
        (rule,) = trial["spec"]["earlyStoppingRules"]
        expected = {"name": "loss", "value": "3.5", "comparison": "greater", "startStep": 2}
        assert rule == expected
        stopped = trial["status"]["conditions"][-1]
        assert (stopped["type"], stopped["status"]) == ("EarlyStopped", "True")
        assert (stopped["reason"], stopped["message"]) == ("TrialEarlyStopped", why)
        last = f"7.{number}"
        observation = {"name": "loss", "min": last, "max": "9", "latest": last}
        assert trial["status"]["observation"]["metrics"] == [observation]
        listed = katib("metrics", trial["metadata"]["name"], check=0).out
        assert [line.split()[-1] for line in listed.splitlines()] == ["9", "8", last]
    assert not any(map(is_running, pids(katib.folder)))


#: An algorithm, its settings, how many trials go before, what the program does, and why it is
#: stopped. Whoever is to be stopped never ends by itself.
RULES: Mapping[str, tuple[dict[str, str], int, str, str]] = {
    "running-median": (
        {"min_trials_required": "1", "start_step": "3"},
        1,
        "for loss in 9 8 7 6; do echo loss=$loss; done",
        "loss=7.0, the best by report 3, is greater than 3.0",
    ),
    "percentile": (
        {"min_trials_required": "1", "start_step": "2", "interval": "2"},
        1,
        "for loss in 9 8 7 6; do echo loss=$loss; done",
        "loss=8.0, the best by report 2, is greater than 3.0",
    ),
    "successive-halving": (
        {"eta": "2"},
        1,
        "for loss in 3 3; do echo loss=$loss; done; sleep 0.6; echo loss=3; echo loss=2",
        "loss=2.0, the best by report 4, is greater than 1.0",
    ),
    "threshold": (
        {"upper": "100"},
        0,
        "echo loss=100; echo loss=nan",
        "loss=nan, at report 2, is not finite",
    ),
    "patience": (
        {"patience": "2", "min_delta": "0.5"},
        0,
        "for loss in 9 7 6.75 6.5; do echo loss=$loss; done",
        "loss=7.0, of report 2, was not improved by more than 0.5 in 2 reports",
    ),
    "wilcoxon": (
        {},
        1,
        "for loss in 6 6 6 6; do echo loss=$loss; done",
        "loss=6 on average by report 4 is worse than 2.5: p=0.0625 is less than 0.1",
    ),
}


@pytest.mark.parametrize("name", RULES)
def test_a_rule_of_every_algorithm_stops_a_trial(katib: Katib, name: str) -> None:
    settings, before, reports, why = RULES[name]
    script = f"""
: ${{trialParameters.x}}
echo $$$$ >> pids
if [ $(wc -l < pids) -le {before} ]; then
  for loss in 4 3 2 1; do echo loss=$loss; done
else
  {reports}
  while :; do sleep 0.05; done
fi
"""
    manifest = stopping(script)
    manifest["spec"]["maxTrialCount"] = before + 1
    manifest["spec"]["earlyStopping"] = {
        "algorithmName": name,
        "algorithmSettings": [{"name": key, "value": text} for key, text in settings.items()],
    }

    answer = katib("run", katib.write(manifest), check=0)

    status = katib.get("experiment", "tuned")["status"]
    assert (status.get("trialsSucceeded", 0), status["trialsEarlyStopped"]) == (before, 1)
    stopped = katib.trials("tuned")[-1]
    message = stopped["status"]["conditions"][-1]["message"]
    assert message == f"Trial is early stopped: {why}", answer.text
    assert stopped["status"]["observation"]["metrics"][0]["latest"]
    assert not any(map(is_running, pids(katib.folder)))


def test_trials_that_start_together_are_judged_by_each_other(katib: Katib) -> None:
    script = """
: ${trialParameters.x}
echo $$$$ >> pids
if mkdir first 2> /dev/null; then
  for report in $(seq 64); do echo loss=1; done
  exit
fi
while :; do echo loss=9; sleep 0.05; done
"""
    manifest = stopping(script)
    manifest["spec"] |= {"parallelTrialCount": 3, "maxTrialCount": 3}
    manifest["spec"]["earlyStopping"] = {
        "algorithmName": "successive-halving",
        "algorithmSettings": [{"name": "eta", "value": "2"}],
    }

    answer = katib("run", katib.write(manifest), check=0)

    status = katib.get("experiment", "tuned")["status"]
    assert (status["trialsSucceeded"], status["trialsEarlyStopped"]) == (1, 2), answer.text
    trials = katib.trials("tuned")
    assert not any("earlyStoppingRules" in trial["spec"] for trial in trials)
    messages = [trial["status"]["conditions"][-1]["message"] for trial in trials]
    assert sum("is greater than 1.0" in message for message in messages) == 2
    assert not any(map(is_running, pids(katib.folder)))


def test_a_program_that_ignores_the_signal_is_killed(katib: Katib) -> None:
    path = katib.write(stopping(STUBBORN, grace=1))

    answer = katib("run", path, check=0)

    assert katib.get("experiment", "tuned")["status"]["trialsEarlyStopped"] == STOPPED, answer.text
    assert len(pids(katib.folder)) == TRIALS
    assert not any(map(is_running, pids(katib.folder)))


def test_what_cannot_be_applied_is_refused(katib: Katib) -> None:
    manifest = stopping(SLOW)
    events = {"fileSystemPath": {"path": "/events", "kind": "Directory"}}
    manifest["spec"]["metricsCollectorSpec"] = {
        "collector": {"kind": "TensorFlowEvent"},
        "source": events,
    }

    answer = katib("run", katib.write(manifest), check=2)

    assert "spec.earlyStopping: Invalid value" in answer.text
    assert "metrics of the collector kind TensorFlowEvent; use StdOut, File or Push" in answer.text
    assert not (katib.folder / "pids").exists()
