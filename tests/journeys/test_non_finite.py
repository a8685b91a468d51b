"""What is nan, infinite or missing, under each policy, as users see it."""

from __future__ import annotations

from typing import Any

import pytest
from command_line import Katib, Manifest, an_experiment

pytestmark = pytest.mark.journey

#: By the number of the trial: a number, an infinity that compares best, nan, and no metric at all.
SCRIPT = """
mkdir -p $0.d; n=$(ls $0.d | wc -l); touch $0.d/$n
case $n in
0) echo score=0.5;; 1) echo score=0.25; echo score=inf;; 2) echo score=nan;; *) echo nothing;;
esac
"""

POLICIES = ("", "fail", "ignore", "penalise")

#: The ends of the four trials, and what the objective is then.
EXPECTED: dict[str, list[tuple[str, str]]] = {
    "": [
        ("Succeeded", "0.5"),
        ("Succeeded", "inf"),
        ("Succeeded", "nan"),
        ("MetricsUnavailable", "unavailable"),
    ],
    "fail": [
        ("Succeeded", "0.5"),
        ("Failed", "inf"),
        ("Failed", "nan"),
        ("MetricsUnavailable", "unavailable"),
    ],
    "ignore": [
        ("Succeeded", "0.5"),
        ("Succeeded", "0.25"),
        ("MetricsUnavailable", "unavailable"),
        ("MetricsUnavailable", "unavailable"),
    ],
}
EXPECTED["penalise"] = EXPECTED[""]

#: Why the trials of nan and without a metric ended as they did.
REASONS = {
    "": ("TrialSucceeded", "MetricsUnavailable"),
    "fail": ("TrialFailed. Job reason: NonFiniteObjective", "MetricsUnavailable"),
    "ignore": ("MetricsUnavailable. Job reason: NonFiniteObjective", "MetricsUnavailable"),
    "penalise": ("TrialSucceeded", "MetricsUnavailable"),
}


def name_of(policy: str) -> str:
    return policy or "absent"


def document(policy: str) -> Manifest:
    objective: dict[str, Any] = {"type": "maximize", "objectiveMetricName": "score", "goal": 1}
    if policy:
        objective["nonFinite"] = policy
    script = SCRIPT.replace("$0", name_of(policy))
    return an_experiment(
        script, name_of(policy), objective=objective, maxTrialCount=4, maxFailedTrialCount=4
    )


def test_each_policy_as_users_see_it(katib: Katib) -> None:
    paths = [katib.write(document(policy), f"{name_of(policy)}.yaml") for policy in POLICIES]
    katib("run", *paths, check=0)

    for policy in POLICIES:
        name = name_of(policy)
        trials = sorted(katib.trials(name), key=lambda one: one["metadata"]["creationTimestamp"])
        ends = {one["metadata"]["name"]: one["status"]["conditions"][-1] for one in trials}
        shown = {
            line.split()[0]: line
            for line in katib("get", "trials", "-e", name, "-o", "wide", check=0).out.splitlines()
        }
        found = [(ends[one["metadata"]["name"]]["type"], value_of(one)) for one in trials]
        assert sorted(found) == sorted(EXPECTED[policy]), policy
        for trial in trials:
            assert value_of(trial) in shown[trial["metadata"]["name"]]
        reasons = {
            one["reason"].removesuffix(". Job reason: CompletionsReached") for one in ends.values()
        }
        assert reasons >= set(REASONS[policy])
        # No trial reached the goal of 1, however large infinity is.
        status = katib.get("experiment", name)["status"]
        assert status["conditions"][-1]["reason"] == "ExperimentMaxTrialsReached"
        [best] = status["currentOptimalTrial"]["observation"]["metrics"]
        assert best["max"] == "0.5"
        log = "".join(katib("metrics", trial["metadata"]["name"], check=0).out for trial in trials)
        for text in ("0.5", "inf", "nan", "unavailable"):
            assert f"\tscore\t{text}\n" in log


def value_of(trial: Manifest) -> str:
    [metric] = trial["status"]["observation"]["metrics"]
    return str(metric["latest"] if metric["max"] == "unavailable" else metric["max"])
