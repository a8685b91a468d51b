from __future__ import annotations

import pytest

from katib.collectors import COLLECTORS
from katib.ports.collector import Collector
from katib.testing.collector_contract import CollectorContract


class TestTextCollectors(CollectorContract):
    @pytest.fixture(params=["StdOut"])
    def collector(self, request: pytest.FixtureRequest) -> type[Collector]:
        return COLLECTORS.load(str(request.param))


def test_every_collector_is_under_contract() -> None:
    assert sorted(COLLECTORS) == ["StdOut"]
