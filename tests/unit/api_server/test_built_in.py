"""What is there without anybody making it: it can be read and replaced, not changed."""

from __future__ import annotations

import json

import pytest

from katib.api.codec import from_manifest
from katib.api.kinds import CLUSTER_TRAINING_RUNTIMES
from katib.api.values import Manifest
from katib.api_server.services import Pace
from served_home import MERGE, Home

TRAINER = "/apis/trainer.kubeflow.org/v1alpha1"
RUNTIMES = f"{TRAINER}/clustertrainingruntimes"
APPLY = "application/apply-patch+yaml"


def a_runtime(name: str, image: str = "built-in") -> Manifest:
    return {
        "apiVersion": "trainer.kubeflow.org/v1alpha1",
        "kind": "ClusterTrainingRuntime",
        "metadata": {"name": name, "labels": {"framework": name}},
        "spec": {"image": image},
    }


def a_home() -> Home:
    built_in = [
        from_manifest(CLUSTER_TRAINING_RUNTIMES, a_runtime(one)) for one in ("torch", "jax")
    ]
    return Home(Pace(longest_watch=0.0), *built_in)


def test_it_is_read_at_its_name() -> None:
    found = a_home().json("GET", f"{RUNTIMES}/torch")
    assert (found["kind"], found["metadata"]["name"]) == ("ClusterTrainingRuntime", "torch")
    assert found["spec"] == {"image": "built-in"}


@pytest.mark.parametrize(
    "path",
    {
        "another name": f"{RUNTIMES}/tensorflow",
        "its name in a namespace": f"{TRAINER}/namespaces/default/trainingruntimes/torch",
        "its name for another kind": "/api/v1/namespaces/torch",
    }.values(),
)
def test_it_is_not_found_elsewhere(path: str) -> None:
    response = a_home().ask("GET", path)
    assert (response.status_code, response.json()["reason"]) == (404, "NotFound")


@pytest.mark.parametrize(
    ("query", "names"),
    {
        "all": ("", ["jax", "mine", "torch"]),
        "by a label": ("?labelSelector=framework=torch", ["torch"]),
        "by its name": ("?fieldSelector=metadata.name=jax", ["jax"]),
    }.values(),
)
def test_it_is_listed_with_what_is_made(query: str, names: list[str]) -> None:
    home = a_home()
    home.json("POST", RUNTIMES, a_runtime("mine"))
    assert home.names(RUNTIMES + query) == names


def test_who_watches_is_shown_it_at_the_beginning() -> None:
    lines = a_home().ask("GET", f"{RUNTIMES}?watch=true").text.splitlines()
    shown = [json.loads(line) for line in lines]
    assert sorted(one["object"]["metadata"]["name"] for one in shown) == ["jax", "torch"]
    assert {one["type"] for one in shown} == {"ADDED"}


CHANGES: dict[str, tuple[str, Manifest, dict[str, str]]] = {
    "a patch": ("PATCH", {"spec": {"image": "mine"}}, {"content_type": MERGE}),
    "a replacement": ("PUT", a_runtime("torch", "mine"), {}),
    "a deletion": ("DELETE", {}, {}),
    "an application": ("PATCH", a_runtime("torch", "mine"), {"content_type": APPLY}),
}


@pytest.mark.parametrize("case", CHANGES)
def test_it_is_not_changed(case: str) -> None:
    method, body, headers = CHANGES[case]
    home = a_home()
    query = "?fieldManager=me" if case == "an application" else ""
    response = home.ask(method, f"{RUNTIMES}/torch{query}", body, **headers)
    assert response.status_code == 403, response.text
    assert response.json()["message"] == (
        'clustertrainingruntimes.trainer.kubeflow.org "torch" is forbidden: it is built in: create '
        "one of that name to replace it"
    )
    assert home.json("GET", f"{RUNTIMES}/torch")["spec"] == {"image": "built-in"}


def test_one_of_its_name_stands_for_it_until_that_is_deleted() -> None:
    home = a_home()
    home.json("POST", RUNTIMES, a_runtime("torch", "mine"))
    assert home.names(RUNTIMES) == ["jax", "torch"]
    assert home.json("GET", f"{RUNTIMES}/torch")["spec"] == {"image": "mine"}
    patch = {"spec": {"image": "other"}}
    home.json("PATCH", f"{RUNTIMES}/torch", patch, content_type=MERGE)
    assert home.json("GET", f"{RUNTIMES}/torch")["spec"] == {"image": "other"}
    home.json("DELETE", f"{RUNTIMES}/torch")
    assert home.json("GET", f"{RUNTIMES}/torch")["spec"] == {"image": "built-in"}
