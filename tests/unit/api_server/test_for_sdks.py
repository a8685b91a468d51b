"""What the SDKs of Kubeflow ask for that one machine has not as a cluster has it."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from katib.api import names
from katib.api.experiment import CollectorSpec, MetricsCollectorSpec
from katib.api.kinds import PODS, TRAIN_JOBS
from katib.api.suggestion import TrialAssignment
from katib.api.trial import TRIALS, Trial
from katib.api.values import Key, Kind, ObjectMeta, Resource, Strings, Unstructured
from katib.api_server.services import Pace
from katib.testing.builders import a_running_trial, a_succeeded_trial, an_experiment
from served_home import PODS_PATH, Home, a_pod_manifest

COLLECTED = f"{PODS_PATH}/one/log?container=metrics-logger-and-collector"
TRAIN_JOB = "/apis/trainer.kubeflow.org/v1alpha1/namespaces/default/trainjobs/one-trial"

#: Longer than any test may take, in seconds: one that waits at all fails.
FOR_EVER = 100_000.0


def a_trial(collector: str = "StdOut", container: str = "main", **primary_pod_labels: str) -> Trial:
    trial = a_running_trial(an_experiment().build(), "one-trial", TrialAssignment(name="one-trial"))
    spec = replace(
        trial.spec,
        metrics_collector=MetricsCollectorSpec(collector=CollectorSpec(kind=collector)),
        primary_container_name=container,
        primary_pod_labels=Strings(primary_pod_labels),
    )
    return replace(trial, spec=spec)


def a_home(trial: Trial | None, labels: dict[str, str]) -> Home:
    """A pod of two containers with these labels, and perhaps a trial."""
    home = Home(Pace(polling=0.0))
    if trial is not None:
        home.store.create(TRIALS, trial)
    pod = a_pod_manifest("one", "beside", "main")
    pod["metadata"]["labels"] = labels
    home.json("POST", PODS_PATH, pod)
    home.logs.texts |= {"main": b"loss=1\n", "beside": b"noise\n"}
    return home


OF_TRIAL = {names.LABEL_TRIAL: "one-trial"}


def test_the_container_that_collects_shows_what_the_primary_one_prints() -> None:
    home = a_home(a_trial(role="master"), {**OF_TRIAL, "role": "master"})
    response = home.ask("GET", COLLECTED)
    assert (response.status_code, response.content) == (200, b"loss=1\n")


NOTHING_COLLECTED: dict[str, tuple[Trial | None, dict[str, str]]] = {
    "a pod of no trial": (a_trial(), {}),
    "a pod whose trial is gone": (None, OF_TRIAL),
    "a pod that is not the primary one": (a_trial(role="master"), {**OF_TRIAL, "role": "worker"}),
    "a trial that pushes": (a_trial("Push"), OF_TRIAL),
    "a trial whose file is read": (a_trial("File"), OF_TRIAL),
    "a trial whose primary container is not in the pod": (a_trial(container="other"), OF_TRIAL),
}


@pytest.mark.parametrize("case", NOTHING_COLLECTED)
def test_there_is_no_such_container(case: str) -> None:
    response = a_home(*NOTHING_COLLECTED[case]).ask("GET", COLLECTED)
    assert response.status_code == 400
    assert response.json()["message"] == (
        "container metrics-logger-and-collector is not valid for pod one"
    )


def test_a_container_of_that_name_shows_its_own_output() -> None:
    home = a_home(a_trial(), OF_TRIAL)
    home.store.delete(PODS, Key("default", "one"))
    pod = a_pod_manifest("one", "metrics-logger-and-collector", "main")
    pod["metadata"]["labels"] = OF_TRIAL
    home.json("POST", PODS_PATH, pod)
    home.logs.texts["metrics-logger-and-collector"] = b"its own\n"
    assert home.ask("GET", COLLECTED).content == b"its own\n"


def a_train_job() -> Unstructured:
    return Unstructured(
        api_version=TRAIN_JOBS.api_version,
        kind=TRAIN_JOBS.name,
        metadata=ObjectMeta(name="one-trial", namespace="default"),
        body={"spec": {}},
    )


def test_a_train_job_that_a_trial_is_about_to_have_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    home = Home(Pace(polling=0.0, patience=FOR_EVER))
    home.store.create(TRIALS, a_trial())
    find, looks = home.store.find, []

    def find_late(kind: Kind[Resource], key: Key) -> Resource | None:
        if kind is TRAIN_JOBS:
            looks.append(key)
            if len(looks) == 3:
                home.store.create(TRAIN_JOBS, a_train_job())
        return find(kind, key)

    monkeypatch.setattr(home.store, "find", find_late)
    assert home.json("GET", TRAIN_JOB)["metadata"]["name"] == "one-trial"
    assert len(looks) == 3


ENDED = a_succeeded_trial(
    a_running_trial(an_experiment().build(), "one-trial", TrialAssignment(name="one-trial")), "1"
)

NOT_WAITED_FOR: dict[str, tuple[Trial | None, float]] = {
    "there is no trial": (None, FOR_EVER),
    "the trial has ended": (ENDED, FOR_EVER),
    "it does not come in time": (a_trial(), 0.01),
}


@pytest.mark.parametrize("case", NOT_WAITED_FOR)
def test_a_train_job_that_does_not_come_is_not_found(case: str) -> None:
    trial, patience = NOT_WAITED_FOR[case]
    home = Home(Pace(polling=0.0, patience=patience))
    if trial is not None:
        home.store.create(TRIALS, trial)
    assert home.ask("GET", TRAIN_JOB).status_code == 404


def test_a_train_job_that_is_asked_for_by_another_name_is_not_waited_for() -> None:
    home = Home(Pace(polling=0.0, patience=FOR_EVER))
    home.store.create(TRIALS, a_trial())
    assert home.ask("GET", TRAIN_JOB + "s").status_code == 404
