import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from katib.api_server.discovery import discovery_routes
from katib.api_server.resources import RESOURCE_TYPES, ResourceType

V2 = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
V2BETA1 = "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList"
PROTOBUF = "application/vnd.kubernetes.protobuf"


class Client:
    """Asks an application that serves nothing but discovery."""

    def __init__(self, resource_types: Iterable[ResourceType]) -> None:
        self._app = Starlette(routes=discovery_routes(resource_types))

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self._app)
            async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
                return await client.get(path, headers=headers)

        return asyncio.run(ask())


@pytest.fixture(scope="module")
def client() -> Client:
    return Client(RESOURCE_TYPES)


def read(client: Client, path: str, accept: str = "application/json") -> Any:
    response = client.get(path, headers={"Accept": accept})
    assert response.status_code == 200, response.text
    return response.json()


def resources(client: Client, path: str) -> dict[str, Any]:
    return {one["name"]: one for one in read(client, path)["resources"]}


def test_the_core_has_one_version(client: Client) -> None:
    assert read(client, "/api")["versions"] == ["v1"]


def test_every_group_is_listed_with_its_version(client: Client) -> None:
    groups = read(client, "/apis")["groups"]
    assert [group["preferredVersion"]["groupVersion"] for group in groups] == [
        "kubeflow.org/v1beta1",
        "batch/v1",
        "apps/v1",
        "trainer.kubeflow.org/v1alpha1",
        "katib.kubeflow.org/v1alpha1",
        "authorization.k8s.io/v1",
    ]
    assert all(group["versions"] == [group["preferredVersion"]] for group in groups)


def test_a_group_can_be_asked_for_alone(client: Client) -> None:
    version = {"groupVersion": "kubeflow.org/v1beta1", "version": "v1beta1"}
    assert read(client, "/apis/kubeflow.org") == {
        "kind": "APIGroup",
        "apiVersion": "v1",
        "name": "kubeflow.org",
        "versions": [version],
        "preferredVersion": version,
    }


def test_the_first_version_of_a_group_is_preferred(client: Client) -> None:
    jobs = next(known for known in RESOURCE_TYPES if known.plural == "jobs")
    older = ResourceType(
        kind=type(jobs.kind)("batch/v1beta1", "Job", "jobs", jobs.kind.type), singular="job"
    )
    both = Client([jobs, older])
    group = read(both, "/apis/batch")
    assert group["preferredVersion"]["version"] == "v1"
    assert [one["version"] for one in group["versions"]] == ["v1", "v1beta1"]


def test_our_kinds_are_served_under_all_their_names(client: Client) -> None:
    document = read(client, "/apis/kubeflow.org/v1beta1")
    assert document["groupVersion"] == "kubeflow.org/v1beta1"
    found = {one["name"]: one for one in document["resources"]}
    assert set(found) == {
        "trials/log",
        "trials/observationlog",
        *(
            f"{plural}{below}"
            for plural in ("experiments", "suggestions", "trials")
            for below in ("", "/status")
        ),
    }
    trials = found["trials"]
    assert trials["singularName"] == "trial"
    assert trials["namespaced"] is True
    assert trials["kind"] == "Trial"
    assert trials["categories"] == ["all", "kubeflow", "katib"]
    assert "shortNames" not in trials
    assert set(trials["verbs"]) >= {"get", "list", "watch", "create", "delete", "patch"}


def test_subresources_stand_beside_their_resource(client: Client) -> None:
    core = resources(client, "/api/v1")
    assert core["pods/log"]["verbs"] == ["get"]
    assert core["pods/status"]["verbs"] == ["get", "patch", "update"]
    assert core["pods"]["shortNames"] == ["po"]
    assert core["namespaces"]["namespaced"] is False
    assert "configmaps/status" not in core


def test_a_group_that_is_not_served_is_not_found(client: Client) -> None:
    assert client.get("/apis/example.org").status_code == 404
    assert client.get("/apis/kubeflow.org/v1").status_code == 404


FORMS = {
    "without a wish the answer is plain": ("", "APIGroupList"),
    "any media type will do": ("*/*", "APIGroupList"),
    "kubectl gets all groups at once": (f"{V2},{V2BETA1},application/json", V2),
    "an older kubectl gets them in the older form": (f"{V2BETA1},application/json", V2BETA1),
    "a client that prefers protocol buffers takes JSON": (
        f"{PROTOBUF},application/json",
        "APIGroupList",
    ),
    "the order is that of quality": (f"{V2};q=0.1, application/json;q=0.9", "APIGroupList"),
    "a form that is excluded is not sent": (f"{V2};q=0, application/json;q=0.1", "APIGroupList"),
    "another sort of table is passed over": (
        "application/json;as=Table;v=v1;g=meta.k8s.io, application/json",
        "APIGroupList",
    ),
}


@pytest.mark.parametrize("accept", FORMS)
def test_the_client_chooses_the_form(client: Client, accept: str) -> None:
    asked, form = FORMS[accept]
    response = client.get("/apis", headers={"Accept": asked})
    is_plain = form == "APIGroupList"
    assert response.headers["content-type"] == ("application/json" if is_plain else form)
    assert response.json()["kind"] == ("APIGroupList" if is_plain else "APIGroupDiscoveryList")
    assert response.headers["vary"] == "Accept"


def test_a_client_that_takes_no_json_is_told_what_there_is(client: Client) -> None:
    response = client.get("/api/v1", headers={"Accept": PROTOBUF})
    assert response.status_code == 406
    status = response.json()
    assert (status["kind"], status["reason"], status["code"]) == ("Status", "NotAcceptable", 406)
    assert status["message"] == "only the following media types are accepted: application/json"


@pytest.mark.parametrize(("accept", "version"), [(V2, "v2"), (V2BETA1, "v2beta1")])
def test_all_groups_at_once_say_the_same_as_one_by_one(
    client: Client, accept: str, version: str
) -> None:
    for path in ("/api", "/apis"):
        document = read(client, path, accept)
        assert document["apiVersion"] == f"apidiscovery.k8s.io/{version}"
        for group in document["items"]:
            name = group["metadata"].get("name", "")
            assert bool(name) is (path == "/apis")
            for served in group["versions"]:
                place = f"{path}/{name}/{served['version']}".replace("//", "/")
                assert flattened(served, place) == resources(client, place)


def flattened(served: Any, place: str) -> dict[str, Any]:
    """The resources of an aggregated version as a plain list has them."""
    found = {}
    for one in served["resources"]:
        kind = one["responseKind"]
        assert "/".join(filter(None, (kind["group"], kind["version"]))) in place
        below = one.get("subresources", [])
        for part in (one, *below):
            name = f"{one['resource']}/{part['subresource']}" if part in below else one["resource"]
            found[name] = {
                "name": name,
                "singularName": part.get("singularResource", ""),
                "namespaced": one["scope"] == "Namespaced",
                "kind": part["responseKind"]["kind"],
                "verbs": part["verbs"],
            }
        optional = {field: one[field] for field in ("shortNames", "categories") if field in one}
        found[one["resource"]] |= optional
    return found


def test_what_a_client_knows_is_not_sent_again(client: Client) -> None:
    first = client.get("/apis", headers={"Accept": V2})
    again = {"Accept": V2, "If-None-Match": first.headers["etag"]}
    unchanged = client.get("/apis", headers=again)
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert unchanged.headers["etag"] == first.headers["etag"]
    assert client.get("/apis", headers={**again, "Accept": "*/*"}).status_code == 200
    other = Client(RESOURCE_TYPES[:1])
    assert other.get("/apis", headers=again).status_code == 200
