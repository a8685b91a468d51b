"""A trial that is tried is an experiment of its own, of which nothing is left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from drafted_forms import FakeBackend

from katib.api.values import Manifest
from katib.client.backend import Cause, RefusedError
from katib.web.pages.create.checking import problems_of
from katib.web.pages.create.cloning import clone, find_free_name
from katib.web.pages.create.foreign import list_foreign_algorithms
from katib.web.pages.create.starting import NAS_CONFIG, a_document
from katib.web.pages.create.trial_run import look, sight_of, trial_document

EXPERIMENTS = "/apis/kubeflow.org/v1beta1/namespaces/default/experiments"
TRIALS = "/apis/kubeflow.org/v1beta1/namespaces/default/trials"
GONE = RefusedError(404, "NotFound", "not found")


def condition(type: str, message: str = "", status: str = "True") -> Manifest:
    return {"type": type, "status": status, "message": message}


def test_it_is_one_trial_at_random_of_the_same_template() -> None:
    document = a_document("other")
    document["metadata"] |= {"name": "n" * 39, "labels": {"a": "b"}}
    document["spec"] |= {
        "algorithm": {"algorithmName": "hyperband", "algorithmSettings": [{"name": "r_l"}]},
        "earlyStopping": {"algorithmName": "medianstop"},
        "resumePolicy": "FromVolume",
    }
    tried = trial_document(document)
    assert set(tried["metadata"]) == {"name", "namespace"}
    assert tried["metadata"]["namespace"] == "other"
    assert tried["metadata"]["name"].startswith("n" * 28 + "-try-")
    assert len(tried["metadata"]["name"]) <= 40
    spec = tried["spec"]
    assert (spec["maxTrialCount"], spec["parallelTrialCount"], spec["maxFailedTrialCount"]) == (
        1,
        1,
        0,
    )
    assert spec["algorithm"] == {"algorithmName": "random"}
    assert spec["resumePolicy"] == "Never"
    assert "earlyStopping" not in spec
    assert "goal" not in spec["objective"]
    assert spec["trialTemplate"] == {**document["spec"]["trialTemplate"], "retain": True}
    assert spec["parameters"] == document["spec"]["parameters"]
    assert trial_document(document)["metadata"]["name"] != tried["metadata"]["name"]


@pytest.mark.parametrize("name", ["enas", "darts", "pbt", "regularized-evolution"])
def test_an_algorithm_whose_trials_are_told_more_stays(name: str) -> None:
    document = a_document("default")
    document["spec"] |= {"algorithm": {"algorithmName": name}, "nasConfig": NAS_CONFIG}
    assert trial_document(document)["spec"]["algorithm"] == {"algorithmName": name}


def test_what_is_seen_of_it() -> None:
    waiting = {"status": {"conditions": [condition("Progressing", "waits for a place")]}}
    before = sight_of(waiting, None)
    assert (before.told, before.is_over, before.has_begun) == ("waits for a place", False, False)

    trial: dict[str, Any] = {
        "metadata": {"name": "one"},
        "spec": {
            "parameterAssignments": [{"name": "x", "value": "1"}],
            "runSpec": {"kind": "Job"},
        },
        "status": {"conditions": [condition("Created"), condition("Running")]},
    }
    running = sight_of({}, trial)
    assert (running.trial, running.state) == ("one", "Running")
    assert running.assignments == [{"name": "x", "value": "1"}]
    assert running.manifest == {"kind": "Job"}
    assert (running.has_begun, running.is_over, running.is_good) == (True, False, False)

    trial["status"] = {
        "completionTime": "2026-01-01T00:00:00Z",
        "conditions": [condition("Running", status="False"), condition("Succeeded", "well done")],
        "observation": {"metrics": [{"name": "loss", "latest": "1"}]},
    }
    ended = sight_of({}, trial)
    assert (ended.state, ended.told, ended.is_over, ended.is_good) == (
        "Succeeded",
        "well done",
        True,
        True,
    )
    assert ended.metrics == [{"name": "loss", "latest": "1"}]


def test_an_experiment_that_fails_without_a_trial_is_over() -> None:
    failed = {"status": {"conditions": [condition("Failed", "no such algorithm")]}}
    sight = sight_of(failed, None)
    assert (sight.is_over, sight.is_good, sight.told) == (True, False, "no such algorithm")


def test_it_is_looked_for_by_its_label() -> None:
    trial = {"metadata": {"name": "one"}}
    backend = FakeBackend({f"{EXPERIMENTS}/tried": {}, TRIALS: {"items": [trial]}})
    assert look(backend, "default", "tried").trial == "one"
    assert "labelSelector=katib.kubeflow.org%2Fexperiment%3Dtried" in backend.asked[1][1]


def test_a_clone_has_a_name_that_nobody_has_and_no_status() -> None:
    first = {
        "metadata": {"name": "first", "labels": {"a": "b"}, "annotations": {"c": "d"}, "uid": "1"},
        "spec": {"maxTrialCount": 3},
        "status": {"trials": 3},
    }
    answers = {
        f"{EXPERIMENTS}/first": first,
        f"{EXPERIMENTS}/first-copy": first,
        f"{EXPERIMENTS}/first-copy-2": GONE,
    }
    assert clone(FakeBackend(answers), "default", "first") == {
        "apiVersion": "kubeflow.org/v1beta1",
        "kind": "Experiment",
        "metadata": {"name": "first-copy-2", "namespace": "default", "labels": {"a": "b"}},
        "spec": {"maxTrialCount": 3},
    }


@pytest.mark.parametrize(
    ("name", "fresh"),
    [("first-copy-7", "first-copy"), ("n" * 40, f"{'n' * 31}-copy"), ("a-copy", "a-copy-2")],
)
def test_a_copy_of_a_copy_is_a_copy(name: str, fresh: str) -> None:
    there: Manifest = {"spec": {}}
    answers = {f"{EXPERIMENTS}/{name}": there, f"{EXPERIMENTS}/{fresh}": GONE}
    made = clone(FakeBackend(answers), "default", name)
    assert made["metadata"]["name"] == fresh


def test_a_server_that_refuses_is_not_asked_for_ever() -> None:
    refused = RefusedError(403, "Forbidden", "no")
    with pytest.raises(RefusedError, match="no"):
        find_free_name(FakeBackend({f"{EXPERIMENTS}/a": refused}), "default", "a")


def test_a_refusal_tells_its_fields() -> None:
    cause = Cause("spec.maxTrialCount", "must be greater than 0")
    assert problems_of(RefusedError(400, "", "all of it", [cause])) == (cause,)
    taken = RefusedError(409, "AlreadyExists", "there is one")
    assert problems_of(taken) == [Cause("metadata.name", "there is one")]
    other = RefusedError(400, "BadRequest", "strict decoding error")
    assert problems_of(other) == [Cause("", "strict decoding error")]


CONFIG = """
apiVersion: config.kubeflow.org/v1beta1
kind: KatibConfig
runtime:
  suggestions:
    - algorithmName: mine
      image: mine:1
"""


def test_algorithms_of_the_servers_own_are_those_of_its_config() -> None:
    config = "/api/v1/namespaces/kubeflow/configmaps/katib-config"
    here = "/api/v1/namespaces/default/configmaps/katib-config"
    backend = FakeBackend({here: GONE, config: {"data": {"katib-config.yaml": CONFIG}}})
    assert "mine" in list_foreign_algorithms(backend)
    nothing = FakeBackend({here: GONE, config: RefusedError(403, "Forbidden", "no")})
    assert list_foreign_algorithms(nothing) == ()
    broken = FakeBackend({here: GONE, config: {"data": {"katib-config.yaml": "kind: ["}}})
    assert list_foreign_algorithms(broken) == ()


def test_algorithms_of_a_home_are_those_of_its_file(tmp_path: Path) -> None:
    backend = FakeBackend()
    backend.home = tmp_path
    assert list_foreign_algorithms(backend) == ()
    (tmp_path / "katib-config.yaml").write_text(CONFIG)
    assert "mine" in list_foreign_algorithms(backend)
