from __future__ import annotations

from typing import Any, cast

import msgspec
import pytest

from katib.api.kinds import PERSISTENT_VOLUMES, PODS
from katib.api.values import Kind, ObjectMeta, OwnerReference, Unstructured
from katib.errors import RequestRefusedError
from katib.kubernetes.client import KubernetesClient
from katib.stores.kubernetes import KubernetesStore
from katib.testing.clocks import FakeClock

TRIAL = OwnerReference(
    api_version="kubeflow.org/v1beta1", kind="Trial", name="x", uid="1", controller=True
)


class Server:
    """Knows pods and volumes, and notes what is made."""

    def __init__(self) -> None:
        self.made: list[str] = []

    def request(self, method: str, path: str, **how: Any) -> bytes:
        if method == "GET":
            kinds = [
                {"name": "pods", "kind": "Pod", "namespaced": True},
                {"name": "persistentvolumes", "kind": "PersistentVolume", "namespaced": False},
            ]
            return msgspec.json.encode({"resources": kinds})
        self.made.append(path)
        made = msgspec.json.decode(how["body"])
        made["metadata"] |= {"resourceVersion": "1", "uid": "2"}
        return msgspec.json.encode(made)


def make(server: Server, kind: Kind[Any], **metadata: Any) -> None:
    client = cast("KubernetesClient", server)
    store = KubernetesStore(client, FakeClock(), label_of=lambda kind: None)
    named = ObjectMeta(name="x", namespace="team-a", **metadata)
    store.create(kind, Unstructured(kind.api_version, kind.name, named))


def test_what_belongs_to_no_namespace_is_not_made_for_what_is_in_one() -> None:
    server = Server()
    with pytest.raises(RequestRefusedError) as refused:
        make(server, PERSISTENT_VOLUMES, owner_references=(TRIAL,))
    assert refused.value.code == 422
    assert str(refused.value) == (
        'the API server refuses POST persistentvolumes (422): PersistentVolume "x" belongs to no '
        'namespace, so that Trial "x" cannot own it; use a kind that does'
    )
    assert server.made == []


def test_without_an_owner_it_is_and_so_is_what_is_in_a_namespace() -> None:
    server = Server()
    make(server, PERSISTENT_VOLUMES)
    make(server, PODS, owner_references=(TRIAL,))
    assert server.made == ["/api/v1/persistentvolumes", "/api/v1/namespaces/team-a/pods"]
