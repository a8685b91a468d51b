from __future__ import annotations

import json

import pytest

from katib.collectors import COLLECTORS
from katib.ports.collector import Collector
from katib.testing.collector_contract import CollectorContract

TEXT = ("Custom", "File", "StdOut")
JSON = ("File",)


class TestTextCollectors(CollectorContract):
    @pytest.fixture(params=TEXT)
    def collector(self, request: pytest.FixtureRequest) -> type[Collector]:
        return COLLECTORS.load(str(request.param))


class TestJsonCollectors(CollectorContract):
    format = "JSON"

    @pytest.fixture(params=JSON)
    def collector(self, request: pytest.FixtureRequest) -> type[Collector]:
        return COLLECTORS.load(str(request.param))

    def line(self, name: str, value: str) -> str:
        return json.dumps({"step": 1, name: value})


def test_every_collector_is_under_contract() -> None:
    assert sorted(COLLECTORS) == sorted({*TEXT, *JSON})
