from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec import UNSET

from katib.api.trial import TRIALS, Trial, TrialStatus
from katib.api.values import Key
from katib.ports.resource_store import ResourceStore
from katib.stores import STORES
from katib.stores.memory import MemoryStore
from katib.stores.sqlite import SqliteStore
from katib.testing.clocks import FakeClock
from katib.testing.resources import metadata
from katib.testing.store_contract import StoreContract
from katib.testing.version_contract import VersionContract

FACTORIES: dict[str, Callable[[Path], ResourceStore]] = {
    "memory": lambda _: MemoryStore(FakeClock()),
    "sqlite": lambda folder: SqliteStore(folder / "katib.db", FakeClock()),
}


def test_every_store_keeps_the_contract() -> None:
    # That of a cluster does so in tests/cluster.
    assert {*FACTORIES, "kubernetes"} == set(STORES)


class TestStores(StoreContract, VersionContract):
    @pytest.fixture(params=sorted(FACTORIES))
    def store(self, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ResourceStore]:
        store = FACTORIES[request.param](tmp_path)
        assert isinstance(store, STORES.load(request.param))
        yield store
        store.close()

    def test_a_time_that_is_null_is_not_one_that_is_missing(self, store: ResourceStore) -> None:
        # An API server leaves out what is null.
        status = TrialStatus(completion_time=None)
        made = store.create(TRIALS, Trial(metadata=metadata(), status=status))
        for number in range(1_100):
            store.create(TRIALS, Trial(metadata=metadata(f"trial-{number}")))
        assert store.get(TRIALS, made.key).status.completion_time is None
        other = store.get(TRIALS, Key("default", "trial-0"))
        assert other.status.completion_time is UNSET
