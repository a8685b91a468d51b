from __future__ import annotations

import pytest

from katib.api.values import NameValue
from katib.search.algorithm import Algorithm
from katib.search.algorithms import ALGORITHMS
from katib.testing.algorithm_contract import AlgorithmContract

#: Those that refuse every search space without settings; each has a class of its own below.
_NEED_SETTINGS = {"asha", "bohb", "hyperband", "pbt"}


class TestAlgorithms(AlgorithmContract):
    @pytest.fixture(params=sorted(set(ALGORITHMS) - _NEED_SETTINGS))
    def algorithm(self, request: pytest.FixtureRequest) -> type[Algorithm]:
        return ALGORITHMS.load(str(request.param))


class TestThoseWithAResource(AlgorithmContract):
    settings = (
        NameValue(name="resource_name", value="layers"),
        NameValue(name="r_l", value="5"),
        NameValue(name="eta", value="2"),
    )

    @pytest.fixture(params=["asha", "bohb", "hyperband"])
    def algorithm(self, request: pytest.FixtureRequest) -> type[Algorithm]:
        return ALGORITHMS.load(str(request.param))


class TestHyperbandThatDoesNotWait(AlgorithmContract):
    settings = (
        *TestThoseWithAResource.settings,
        NameValue(name="sync", value="false"),
        NameValue(name="iterations", value="2"),
    )

    @pytest.fixture
    def algorithm(self) -> type[Algorithm]:
        return ALGORITHMS.load("hyperband")


class TestPbt(AlgorithmContract):
    settings = (
        NameValue(name="suggestion_trial_dir", value="/checkpoints"),
        NameValue(name="n_population", value="5"),
        NameValue(name="truncation_threshold", value="0.2"),
    )

    @pytest.fixture
    def algorithm(self) -> type[Algorithm]:
        return ALGORITHMS.load("pbt")


class TestCmaEsWithRestarts(AlgorithmContract):
    settings = (NameValue(name="restart_strategy", value="bipop"),)

    @pytest.fixture
    def algorithm(self) -> type[Algorithm]:
        return ALGORITHMS.load("cmaes")


class TestScrambledSobol(AlgorithmContract):
    settings = (NameValue(name="random_state", value="1"),)

    @pytest.fixture
    def algorithm(self) -> type[Algorithm]:
        return ALGORITHMS.load("sobol")
