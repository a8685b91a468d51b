from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import msgspec
import pytest
from definitions import define, let_go

from katib.api.kinds import CONFIG_MAPS, JOBS, PODS
from katib.api.suggestion import SUGGESTIONS
from katib.api.trial import TRIALS
from katib.api.values import Kind, Unstructured
from katib.apps.clock import SystemClock
from katib.errors import NotFoundError
from katib.kubernetes.client import KubernetesClient
from katib.ports.resource_store import Event, EventType, ResourceStore
from katib.stores import STORES
from katib.stores.kubernetes import KubernetesStore
from katib.testing import deletion_contract, store_contract, watch_contract
from katib.testing.resources import a_job, a_suggestion, names_of, owned_by
from katib.testing.store_contract import StoreContract

GROUP = "contract.katib.test/v1"

#: The contract writes Jobs and Pods that no API server would take: these stand for them.
STANDINS: dict[str, Kind[Any]] = {
    name: Kind(GROUP, kind.name, kind.plural, Unstructured)
    for name, kind in (("JOBS", JOBS), ("PODS", PODS), ("CONFIG_MAPS", CONFIG_MAPS))
}
CONTRACTS = (deletion_contract, store_contract, watch_contract)
KINDS: tuple[Kind[Any], ...] = (SUGGESTIONS, TRIALS, *STANDINS.values())

#: The contract's namespaces.
NAMESPACES = ("default", "other")

#: How long the server may take to let go of what is deleted, in seconds.
GONE_WITHIN = 60.0


@pytest.fixture(scope="module")
def standins(administrator: KubernetesClient) -> None:
    for kind in STANDINS.values():
        define(administrator, kind, has_status=False)
    try:
        administrator.request("GET", "/api/v1/namespaces/other")
    except NotFoundError:
        body = msgspec.json.encode({"metadata": {"name": "other"}})
        administrator.request("POST", "/api/v1/namespaces", body=body)


def clear(client: KubernetesClient) -> None:
    """Delete whatever a test has left."""
    for kind in KINDS:
        for namespace in NAMESPACES:
            let_go(client, kind, namespace)
            path = f"/apis/{kind.api_version}/namespaces/{namespace}/{kind.plural}"
            client.request("DELETE", path)


def _names(store: ResourceStore, kind: Kind[Any]) -> list[str]:
    return names_of(store.list(kind))


class TestKubernetesStore(StoreContract):
    """The whole contract; what others do in a cluster is waited for."""

    #: As many as the copy keeps, and some.
    expiring_writes = 1_100
    #: Each is a call, and more than one where threads meet.
    updates_of_each = 30

    def settle(self, look: Callable[[], object], expected: object) -> None:
        """The garbage collector of the cluster does it; new kinds it finds within half a minute."""
        deadline = time.monotonic() + GONE_WITHIN
        while look() != expected and time.monotonic() < deadline:
            time.sleep(0.05)
        assert look() == expected

    def test_a_cascade_is_heard_owner_first(self, store: ResourceStore) -> None:
        """All of it is heard; the server may be quicker with what is owned than with its answer."""
        owner = store.create(SUGGESTIONS, a_suggestion("owner"))
        store.create(STANDINS["JOBS"], a_job("child", owner_references=owned_by(owner)))
        heard: list[Event] = []
        store.subscribe(heard.append)
        store.delete(SUGGESTIONS, owner.key)
        self.settle(
            lambda: sorted((event.type, event.key.name) for event in heard),
            [(EventType.DELETED, name) for name in ("child", "owner")],
        )

    @pytest.fixture
    def store(
        self,
        client: KubernetesClient,
        standins: None,
        monkeypatch: pytest.MonkeyPatch,
    ) -> Iterator[ResourceStore]:
        for contract in CONTRACTS:
            for name, kind in STANDINS.items():
                if hasattr(contract, name):
                    monkeypatch.setattr(contract, name, kind)
        clear(client)
        store = KubernetesStore(client, SystemClock(), label_of=lambda kind: "")
        assert isinstance(store, STORES.load("kubernetes"))
        for kind in KINDS:
            # What other tests have left goes with their namespaces.
            self.settle(partial(_names, store, kind), [])
        yield store
        store.close()
        clear(client)
