from __future__ import annotations

import pytest

from katib.search.algorithm import Algorithm
from katib.search.algorithms import ALGORITHMS
from katib.testing.algorithm_contract import AlgorithmContract


class TestAlgorithms(AlgorithmContract):
    @pytest.fixture(params=sorted(ALGORITHMS))
    def algorithm(self, request: pytest.FixtureRequest) -> type[Algorithm]:
        return ALGORITHMS.load(str(request.param))
