from __future__ import annotations

import threading
from typing import Any

import pytest

from katib.api.kinds import PODS
from katib.api.values import Key
from katib.api_server.services import Pace
from katib.ports.resource_store import Event
from served_home import (
    CONFIG_MAPS_PATH,
    EXPERIMENTS_PATH,
    MERGE,
    PODS_PATH,
    Home,
    a_config_map_manifest,
    a_pod_manifest,
    an_experiment_manifest,
)


def a_home(pace: Pace | None = None) -> tuple[Home, dict[str, Any]]:
    """A home with an experiment, and a pod and a config map that belong to it."""
    home = Home(pace)
    owner = home.json("POST", EXPERIMENTS_PATH, an_experiment_manifest())
    reference = {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": "one",
        "uid": owner["metadata"]["uid"],
    }
    for path, manifest in (
        (PODS_PATH, a_pod_manifest()),
        (CONFIG_MAPS_PATH, a_config_map_manifest()),
    ):
        manifest["metadata"]["ownerReferences"] = [reference]
        home.json("POST", path, manifest)
    return home, owner


def test_a_deletion_is_answered_with_success_and_takes_along_what_is_owned() -> None:
    home, owner = a_home()
    answer = home.json("DELETE", f"{EXPERIMENTS_PATH}/one", {"propagationPolicy": "Background"})
    assert answer["status"] == "Success"
    assert answer["details"] == {
        "name": "one",
        "group": "kubeflow.org",
        "kind": "experiments",
        "uid": owner["metadata"]["uid"],
    }
    assert home.names(PODS_PATH) == home.names(CONFIG_MAPS_PATH) == []
    assert home.ask("DELETE", f"{EXPERIMENTS_PATH}/one").status_code == 404


def test_a_deletion_in_the_foreground_is_answered_when_all_has_gone() -> None:
    home, _ = a_home()
    held = home.json("GET", f"{PODS_PATH}/one")
    finalizers = {"metadata": {"finalizers": ["a/b"]}}
    home.json("PATCH", f"{PODS_PATH}/one", finalizers, content_type=MERGE)
    is_marked = threading.Event()

    def hear(event: Event) -> None:
        if event.metadata.deletion_timestamp:
            is_marked.set()

    home.store.subscribe(hear)

    def release() -> None:
        is_marked.wait()
        home.json("PATCH", f"{PODS_PATH}/one", {"metadata": {"finalizers": []}}, content_type=MERGE)

    controller = threading.Thread(target=release)
    controller.start()
    home.json("DELETE", f"{EXPERIMENTS_PATH}/one", {"propagationPolicy": "Foreground"})
    assert home.store.find(PODS, Key("default", held["metadata"]["name"])) is None
    controller.join()


def test_a_deletion_in_the_foreground_does_not_wait_for_ever() -> None:
    home, _ = a_home(Pace(patience=0.0))
    finalizers = {"metadata": {"finalizers": ["a/b"]}}
    home.json("PATCH", f"{PODS_PATH}/one", finalizers, content_type=MERGE)
    home.json("DELETE", f"{EXPERIMENTS_PATH}/one", {"propagationPolicy": "Foreground"})
    assert home.names(EXPERIMENTS_PATH) == []
    assert home.names(PODS_PATH) == ["one"]


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ("?propagationPolicy=Orphan", None),
        ("", {"propagationPolicy": "Orphan"}),
        ("?orphanDependents=true", None),
    ],
)
def test_orphans_stay_and_belong_to_nobody(query: str, body: Any) -> None:
    home, _ = a_home()
    home.json("DELETE", f"{EXPERIMENTS_PATH}/one{query}", body)
    assert home.names(CONFIG_MAPS_PATH) == ["one"]
    assert "ownerReferences" not in home.json("GET", f"{PODS_PATH}/one")["metadata"]


def test_a_policy_that_is_not_known_is_refused() -> None:
    home, _ = a_home()
    response = home.ask("DELETE", f"{EXPERIMENTS_PATH}/one?propagationPolicy=Slowly")
    assert (response.status_code, response.json()["reason"]) == (422, "Invalid")
    assert home.names(EXPERIMENTS_PATH) == ["one"]


def test_finalizers_hold_an_object_until_they_are_gone() -> None:
    home = Home()
    manifest = an_experiment_manifest()
    manifest["metadata"]["finalizers"] = ["update-prometheus-metrics"]
    home.json("POST", EXPERIMENTS_PATH, manifest)
    path = f"{EXPERIMENTS_PATH}/one"
    marked = home.json("DELETE", path)
    assert marked["kind"] == "Experiment"
    assert marked["metadata"]["deletionTimestamp"] == "2026-01-01T00:00:00Z"
    assert home.names(EXPERIMENTS_PATH) == ["one"]
    home.json("PATCH", path, {"metadata": {"finalizers": None}}, content_type=MERGE)
    assert home.names(EXPERIMENTS_PATH) == []


@pytest.mark.parametrize(
    ("preconditions", "problem"),
    [
        ({"uid": "another"}, "Precondition failed: UID in precondition: another, UID in object"),
        (
            {"resourceVersion": "77"},
            "Precondition failed: ResourceVersion in precondition: 77, ResourceVersion in object",
        ),
    ],
)
def test_a_precondition_that_does_not_hold_keeps_the_object(
    preconditions: dict[str, str], problem: str
) -> None:
    home, _ = a_home()
    body = {"preconditions": preconditions}
    response = home.ask("DELETE", f"{EXPERIMENTS_PATH}/one", body)
    assert (response.status_code, response.json()["reason"]) == (409, "Conflict")
    assert problem in response.json()["message"]
    assert home.names(EXPERIMENTS_PATH) == ["one"]


def test_preconditions_that_hold_let_it_go() -> None:
    home, owner = a_home()
    metadata = owner["metadata"]
    body = {"preconditions": {key: metadata[key] for key in ("uid", "resourceVersion")}}
    assert home.json("DELETE", f"{EXPERIMENTS_PATH}/one", body)["status"] == "Success"


def test_options_that_are_no_options_are_a_bad_request() -> None:
    home, _ = a_home()
    for body in (b"[]", b"{", b'{"preconditions":[1]}', b'{"dryRun":"All"}'):
        assert home.ask("DELETE", f"{EXPERIMENTS_PATH}/one", body).status_code == 400


def test_a_deleted_pod_is_answered_with_the_pod() -> None:
    home, _ = a_home()
    assert home.json("DELETE", f"{PODS_PATH}/one?gracePeriodSeconds=0")["kind"] == "Pod"
    assert home.names(PODS_PATH) == []


def test_a_collection_is_deleted_as_it_is_selected() -> None:
    home = Home()
    for name in ("a", "b", "c"):
        labels = {"keep": "yes"} if name == "b" else None
        home.json("POST", CONFIG_MAPS_PATH, a_config_map_manifest(name, labels))
    gone = home.json("DELETE", f"{CONFIG_MAPS_PATH}?labelSelector=!keep")
    assert [item["metadata"]["name"] for item in gone["items"]] == ["a", "c"]
    assert home.names(CONFIG_MAPS_PATH) == ["b"]
    everywhere = home.ask("DELETE", "/api/v1/configmaps?dryRun=All")
    assert everywhere.status_code == 200
    assert home.names(CONFIG_MAPS_PATH) == ["b"]
