from __future__ import annotations

from typing import Any, cast

import msgspec
import pytest

from katib.api.kinds import JOBS, PERSISTENT_VOLUMES, PODS
from katib.api.values import Kind, Unstructured
from katib.errors import KindNotServedError, NotFoundError
from katib.kubernetes import discovery as discovery_module
from katib.kubernetes.client import KubernetesClient
from katib.kubernetes.discovery import LOOK_AGAIN, Discovery, Served
from katib.testing.clocks import FakeClock

WIDGETS: Kind[Any] = Kind("a.test/v1", "Widget", "widgets", Unstructured)


class Groups:
    """Answers as an API server does about its groups."""

    def __init__(self) -> None:
        self.served: dict[str, list[dict[str, object]]] = {
            "/api/v1": [
                {"name": "pods", "kind": "Pod", "namespaced": True},
                {"name": "pods/status", "kind": "Pod", "namespaced": True},
                {"name": "pods/eviction", "kind": "Eviction", "namespaced": True},
                {"name": "persistentvolumes", "kind": "PersistentVolume", "namespaced": False},
            ],
        }
        self.asked: list[str] = []

    def request(self, method: str, path: str) -> bytes:
        self.asked.append(f"{method} {path}")
        if path not in self.served:
            raise NotFoundError("", "", "")
        return msgspec.json.encode({"resources": self.served[path]})


@pytest.fixture
def groups() -> Groups:
    return Groups()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def discovery(groups: Groups, clock: FakeClock) -> Discovery:
    return Discovery(cast("KubernetesClient", groups), clock.monotonic)


def test_a_group_is_asked_for_once(groups: Groups, discovery: Discovery) -> None:
    for _ in range(3):
        assert discovery.get(PODS) == Served("/api/v1", "pods", True, True)
        assert discovery.get(PERSISTENT_VOLUMES) == Served(
            "/api/v1", "persistentvolumes", False, False
        )
    assert groups.asked == ["GET /api/v1"]


def test_paths_are_those_of_the_server(discovery: Discovery) -> None:
    pods, volumes = discovery.get(PODS), discovery.get(PERSISTENT_VOLUMES)
    assert pods.path(None) == "/api/v1/pods"
    assert pods.path("team") == "/api/v1/namespaces/team/pods"
    assert pods.path("team", "one", "status") == "/api/v1/namespaces/team/pods/one/status"
    assert pods.path("team", "../x") == "/api/v1/namespaces/team/pods/..%2Fx"
    assert volumes.path("", "disk") == "/api/v1/persistentvolumes/disk"


def test_a_kind_that_is_not_served_is_looked_for_again_later(
    groups: Groups, discovery: Discovery, clock: FakeClock
) -> None:
    assert discovery.find(WIDGETS) is None
    groups.served["/apis/a.test/v1"] = [{"name": "widgets", "kind": "Widget", "namespaced": True}]
    with pytest.raises(KindNotServedError, match=r"the kind Widget of a\.test/v1"):
        discovery.get(WIDGETS)
    assert groups.asked == ["GET /apis/a.test/v1"]
    clock.advance(LOOK_AGAIN)
    assert discovery.get(WIDGETS).plural == "widgets"
    assert len(groups.asked) == 2


def test_a_kind_is_asked_for_anew_when_it_is_forgotten(
    groups: Groups, discovery: Discovery
) -> None:
    discovery.get(PODS)
    discovery.forget(PODS)
    discovery.forget(JOBS)
    discovery.get(PODS)
    assert groups.asked == ["GET /api/v1"] * 2


@pytest.mark.parametrize(
    "api_version",
    [
        "../api/v1/secrets",
        "apps/v1/deployments",
        "v1?x=y",
        "a.test/",
        "",
        "..",
        "../v1",
        "A.test/v1",
    ],
)
def test_what_is_no_version_is_not_asked_for(
    groups: Groups, discovery: Discovery, api_version: str
) -> None:
    assert discovery.find(Kind(api_version, "Widget", "widgets", Unstructured)) is None
    assert groups.asked == []


def test_not_every_kind_that_is_not_served_is_remembered(
    groups: Groups, discovery: Discovery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discovery_module, "REMEMBERED", 2)
    kinds = [Kind("a.test/v1", name, name, Unstructured) for name in ("One", "Two", "Three")]
    for kind in kinds:
        assert discovery.find(kind) is None
    assert len(groups.asked) == 3
    assert discovery.find(kinds[2]) is None
    assert len(groups.asked) == 3
    assert discovery.find(kinds[0]) is None
    assert len(groups.asked) == 4
