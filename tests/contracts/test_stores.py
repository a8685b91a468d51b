from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from katib.ports.resource_store import ResourceStore
from katib.stores import STORES
from katib.stores.memory import MemoryStore
from katib.stores.sqlite import SqliteStore
from katib.testing.clocks import FakeClock
from katib.testing.store_contract import StoreContract

FACTORIES: dict[str, Callable[[Path], ResourceStore]] = {
    "memory": lambda _: MemoryStore(FakeClock()),
    "sqlite": lambda folder: SqliteStore(folder / "katib.db", FakeClock()),
}


class TestStores(StoreContract):
    @pytest.fixture(params=sorted(STORES))
    def store(self, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ResourceStore]:
        store = FACTORIES[request.param](tmp_path)
        assert isinstance(store, STORES.load(request.param))
        yield store
        store.close()
