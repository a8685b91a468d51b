from __future__ import annotations

import json

import pytest

from katib.api import told
from katib.api.codec import from_manifest
from katib.api.trial import TRIALS
from katib.api.values import Manifest
from katib.client.exchange.archive import Archive, PastReport, PastTrial
from katib.client.exchange.bringing import build_trial, check_archive, tell_budget
from katib.client.exchange.errors import ImportRefusedError
from katib.controllers.trial.runs import kind_of_run

EXPERIMENT: Manifest = {
    "metadata": {"name": "e", "namespace": "ns", "uid": "u-1", "labels": {"team": "seen"}},
    "spec": {"objective": {"type": "minimize", "objectiveMetricName": "loss"}},
}
PARAMETER: Manifest = {
    "name": "x",
    "parameterType": "int",
    "feasibleSpace": {"min": "1", "max": "9"},
}


def a_past_trial(x: str = "3", name: str = "x") -> PastTrial:
    reports = [PastReport({"loss": "0.5"}), PastReport({"loss": "0.25", "f1": "1"})]
    return PastTrial("row 2", {name: x}, reports, told.FAILED, "no memory")


def test_a_trial_says_in_its_run_how_it_ended() -> None:
    manifest = build_trial(EXPERIMENT, 7, a_past_trial())
    trial = from_manifest(TRIALS, manifest)
    assert trial.metadata.name == "e-00000007"
    assert trial.metadata.labels == {
        "team": "seen",
        "katib.kubeflow.org/experiment": "e",
        "katib.kubeflow.org/imported": "true",
    }
    assert trial.metadata.controller is not None
    assert trial.metadata.controller.uid == "u-1"
    assert kind_of_run(trial).name == "ConfigMap"
    data = manifest["spec"]["runSpec"]["data"]
    assert (data["state"], data["message"]) == ("Failed", "no memory")
    assert [json.loads(one) for one in told.reports_of(data)] == [
        {"loss": "0.5"},
        {"loss": "0.25", "f1": "1"},
    ]


def test_values_that_the_search_space_has_not_are_told_with_their_places() -> None:
    trials = [a_past_trial(), a_past_trial("12"), a_past_trial("1", name="y")]
    with pytest.raises(ImportRefusedError) as refusal:
        check_archive(Archive("runs.csv", trials, [PARAMETER], {}))
    assert refusal.value.problems == (
        "row 2, x: found '12'; a number from 1 to 9 is expected",
        "row 2, y: the experiment has no such parameter",
    )


@pytest.mark.parametrize(
    ("budget", "told"),
    [
        (None, ()),
        (12, ("they count in maxTrialCount: 2 of 12 trials are left",)),
        (10, ("maxTrialCount is 10, so the experiment is finished: raise it to go on",)),
    ],
)
def test_what_an_import_means_for_the_budget_is_told(
    budget: int | None, told: tuple[str, ...]
) -> None:
    assert tuple(tell_budget({"maxTrialCount": budget}, 10)) == told
