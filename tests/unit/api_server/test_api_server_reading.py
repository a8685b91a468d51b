from __future__ import annotations

from typing import Any

import pytest

from served_home import (
    CONFIG_MAPS_PATH,
    EXPERIMENTS_PATH,
    PODS_PATH,
    Home,
    a_config_map_manifest,
    a_pod_manifest,
    an_event,
    an_experiment_manifest,
)

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


def a_home_with(*names: str) -> Home:
    home = Home()
    for name in names:
        home.json(
            "POST", CONFIG_MAPS_PATH, a_config_map_manifest(name, {"name": name, "app": "katib"})
        )
    return home


def test_an_object_is_read_as_it_was_created() -> None:
    home = Home()
    created = home.json("POST", EXPERIMENTS_PATH, an_experiment_manifest())
    assert home.json("GET", f"{EXPERIMENTS_PATH}/one") == created
    assert home.json("GET", f"{EXPERIMENTS_PATH}/one/status") == created


def test_a_list_is_in_the_order_of_names_and_has_a_version() -> None:
    home = a_home_with("b", "a")
    found = home.json("GET", CONFIG_MAPS_PATH)
    assert (found["kind"], found["apiVersion"]) == ("ConfigMapList", "v1")
    assert found["metadata"] == {"resourceVersion": str(home.store.version)}
    assert [item["metadata"]["name"] for item in found["items"]] == ["a", "b"]


def test_all_namespaces_are_listed_together() -> None:
    home = a_home_with("one")
    elsewhere = CONFIG_MAPS_PATH.replace("default", "other")
    home.json("POST", elsewhere, a_config_map_manifest("two"))
    assert home.names("/api/v1/configmaps") == ["one", "two"]
    assert home.names(elsewhere) == ["two"]


@pytest.mark.parametrize(
    ("query", "names"),
    {
        "one value": ("labelSelector=name%3Da", ["a"]),
        "one value, two equals signs": ("labelSelector=name==a", ["a"]),
        "another value, blanks and all": ("labelSelector=app = katib , name != a", ["b", "c"]),
        "one of several": ("labelSelector=name in (a, c),app", ["a", "c"]),
        "none of several": ("labelSelector=name notin (a,c)", ["b"]),
        "no such label": ("labelSelector=!name", []),
        "not equal to a label that is not there": ("labelSelector=x!=1", ["a", "b", "c"]),
        "a name": ("fieldSelector=metadata.name=b", ["b"]),
        "not a name": ("fieldSelector=metadata.name!=b", ["a", "c"]),
        "a namespace": ("fieldSelector=metadata.namespace%3Dother", []),
        "both": ("fieldSelector=metadata.name=b&labelSelector=name=a", []),
        "nothing stated": ("labelSelector=&fieldSelector=", ["a", "b", "c"]),
    }.values(),
)
def test_selectors_choose(query: str, names: list[str]) -> None:
    assert a_home_with("a", "b", "c").names(f"{CONFIG_MAPS_PATH}?{query}") == names


@pytest.mark.parametrize(
    ("query", "problem"),
    {
        "not a requirement": ("labelSelector=a b", "unable to parse requirement"),
        "two commas": ("labelSelector=a,,b", "unable to parse requirement"),
        "a value that no label has": ("labelSelector=a in (b c)", "unable to parse requirement"),
        "a field that cannot be asked": ("fieldSelector=spec.a=b", "field label not supported"),
        "not a field": ("fieldSelector=a", "invalid field selector"),
        "a limit of letters": ("limit=many", "limit: Invalid value"),
        "a token that is none": ("continue=xyz", "continue key is not valid"),
    }.values(),
)
def test_what_cannot_be_read_is_a_bad_request(query: str, problem: str) -> None:
    response = Home().ask("GET", f"{CONFIG_MAPS_PATH}?{query}")
    assert (response.status_code, response.json()["reason"]) == (400, "BadRequest")
    assert problem in response.json()["message"]


def test_pods_are_selected_by_phase() -> None:
    home = Home()
    for name in ("one", "two"):
        home.json("POST", PODS_PATH, a_pod_manifest(name))
    status = {"status": {"phase": "Running"}}
    patch = "application/merge-patch+json"
    home.json("PATCH", f"{PODS_PATH}/two/status", status, content_type=patch)
    assert home.names(f"{PODS_PATH}?fieldSelector=status.phase=Running") == ["two"]
    assert home.names(f"{PODS_PATH}?fieldSelector=status.phase!=Running") == ["one"]


def test_pages_follow_one_another_and_show_one_version() -> None:
    home = a_home_with("a", "b", "c", "d", "e")
    first = home.json("GET", f"{CONFIG_MAPS_PATH}?limit=2")
    assert first["metadata"]["remainingItemCount"] == 3
    home.json("POST", CONFIG_MAPS_PATH, a_config_map_manifest("aa"))
    names, page = [], first
    while True:
        names += [item["metadata"]["name"] for item in page["items"]]
        assert page["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
        token = page["metadata"].get("continue")
        if not token:
            break
        page = home.json("GET", f"{CONFIG_MAPS_PATH}?limit=2&continue={token}")
    assert names == ["a", "b", "c", "d", "e"]


def test_a_version_of_the_future_is_too_large() -> None:
    response = Home().ask("GET", f"{CONFIG_MAPS_PATH}?resourceVersion=1000")
    assert (response.status_code, response.json()["reason"]) == (504, "Timeout")
    assert response.json()["details"]["causes"][0]["reason"] == "ResourceVersionTooLarge"
    assert response.headers["Retry-After"] == "1"


def test_any_version_up_to_the_present_is_served_with_the_present() -> None:
    home = a_home_with("a", "b")
    assert home.names(f"{CONFIG_MAPS_PATH}?resourceVersion=0") == ["a", "b"]
    assert home.names(f"{CONFIG_MAPS_PATH}?resourceVersion=1") == ["a", "b"]
    exact = home.ask("GET", f"{CONFIG_MAPS_PATH}?resourceVersion=1&resourceVersionMatch=Exact")
    assert (exact.status_code, exact.json()["reason"]) == (410, "Expired")


def test_a_table_has_a_row_for_each_object_and_the_version_of_the_list() -> None:
    home = a_home_with("a", "b")
    table = home.json("GET", f"{CONFIG_MAPS_PATH}?limit=500", accept=f"{TABLE},application/json")
    assert (table["kind"], table["apiVersion"]) == ("Table", "meta.k8s.io/v1")
    assert [row["cells"][0] for row in table["rows"]] == ["a", "b"]
    assert [row["object"]["metadata"]["name"] for row in table["rows"]] == ["a", "b"]
    assert table["metadata"]["resourceVersion"] == str(home.store.version)
    one = home.json("GET", f"{CONFIG_MAPS_PATH}/a", accept=TABLE)
    assert [row["cells"][0] for row in one["rows"]] == ["a"]
    unknown = home.ask("GET", f"{CONFIG_MAPS_PATH}?includeObject=All", accept=TABLE)
    assert (unknown.status_code, unknown.json()["reason"]) == (400, "BadRequest")


@pytest.mark.parametrize(
    ("accept", "code"),
    [
        ("application/vnd.kubernetes.protobuf,application/json", 200),
        ("*/*", 200),
        ("application/vnd.kubernetes.protobuf", 406),
        ("text/html", 406),
        ("application/json;as=Table;v=v9;g=meta.k8s.io", 406),
    ],
)
def test_what_is_not_json_cannot_be_had(accept: str, code: int) -> None:
    response = Home().ask("GET", CONFIG_MAPS_PATH, accept=accept)
    assert response.status_code == code
    assert response.headers["content-type"] == "application/json"
    if code == 406:
        assert response.json()["reason"] == "NotAcceptable"


def test_pretty_has_line_breaks() -> None:
    home = a_home_with("a")
    assert "\n  " in home.ask("GET", f"{CONFIG_MAPS_PATH}/a?pretty=true").text
    assert "\n" not in home.ask("GET", f"{CONFIG_MAPS_PATH}/a").text


@pytest.mark.parametrize(
    "path",
    [
        "/apis/kubeflow.org/v1/namespaces/default/pytorchjobs",
        "/apis/kubeflow.org/v1alpha3/namespaces/default/experiments",
        "/api/v1/namespaces/default/nodes",
        "/api/v1/pods/one",
        "/api/v1/namespaces/default/pods/one/eviction",
        "/api/v1/namespaces/default/configmaps/one/exec",
        "/api/v1/namespaces/default/pods/%2e%2e/log",
        "/api/v1/namespaces/default/configmaps/one/status",
        "/apis/trainer.kubeflow.org/v1alpha1/namespaces/default/clustertrainingruntimes",
        "/nothing",
    ],
)
def test_what_is_not_served_could_not_be_found(path: str) -> None:
    response = Home().ask("GET", path)
    assert response.status_code == 404
    body: dict[str, Any] = response.json()
    assert body["message"] == "the server could not find the requested resource"


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("part", ["exec", "attach", "portforward"])
def test_who_wants_a_stream_into_a_pod_is_told_what_a_pod_is(part: str, method: str) -> None:
    response = Home().ask(method, f"{PODS_PATH}/one/{part}")
    assert response.status_code == 501
    body: dict[str, Any] = response.json()
    assert body["reason"] == "NotImplemented"
    assert f'pods "one" has no {part} here' in body["message"]
    assert "process of this machine" in body["message"]


def test_an_object_that_is_not_there_is_named() -> None:
    response = Home().ask("GET", f"{EXPERIMENTS_PATH}/one")
    assert response.json() == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": 'experiments.kubeflow.org "one" not found',
        "reason": "NotFound",
        "details": {"name": "one", "group": "kubeflow.org", "kind": "experiments"},
        "code": 404,
    }


def test_events_are_selected_by_what_they_are_about() -> None:
    home = Home()
    home.events = [an_event("a", "uid-1"), an_event("b", "uid-2"), an_event("c", "uid-1", "x")]
    events = "/api/v1/namespaces/default/events"
    about = "involvedObject.name=one,involvedObject.kind=Trial,involvedObject.uid=uid-1"
    assert home.names(f"{events}?fieldSelector={about}&limit=500") == ["a"]
    assert home.names(f"{events}?fieldSelector=involvedObject.kind=Experiment") == []
    assert home.names("/api/v1/events") == ["a", "b", "c"]
    assert home.json("GET", f"{events}/b")["involvedObject"]["uid"] == "uid-2"
    assert home.ask("GET", f"{events}/c").status_code == 404
    assert home.ask("POST", events, {}).status_code == 405
