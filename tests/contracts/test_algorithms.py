from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from typing import ClassVar

import pytest
from msgspec.structs import replace

from katib.api.experiment import AlgorithmSpec, Experiment
from katib.api.trial import Trial
from katib.api.values import NameValue
from katib.apps.worker import worker_command
from katib.errors import SettingsError
from katib.ports.suggester import SuggestionReply, SuggestionRequest
from katib.search.algorithm import Algorithm
from katib.search.algorithms import ALGORITHMS
from katib.suggesters.worker import WorkerSuggester
from katib.testing.algorithm_contract import AlgorithmContract
from katib.testing.builders import an_experiment

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


class InAWorker:
    """An algorithm as the engine has it when it is heavy: each one is an experiment of its own."""

    suggester: ClassVar[WorkerSuggester]
    name: ClassVar[str]
    _numbers: ClassVar[Iterator[int]] = count()

    def __init__(self, experiment: Experiment, seed: int) -> None:
        metadata = replace(experiment.metadata, uid=f"number-{next(self._numbers)}")
        state = NameValue(name="random_state", value=str(seed))
        named = replace(experiment, metadata=metadata)
        self._experiment = self._named(named, state)
        self._trials: list[Trial] = []

    @classmethod
    def validate(cls, experiment: Experiment) -> None:
        cls.suggester.validate(cls._named(experiment))

    def tell(self, trials: Sequence[Trial]) -> None:
        self._trials += trials

    def changed_since(self, version: int) -> tuple[Sequence[Trial], int]:
        return self._trials[version:], len(self._trials)

    def suggest(self, index: int, count: int) -> SuggestionReply:
        request = SuggestionRequest(self._experiment, count, index + count, self)
        return self.suggester.suggest(request)

    @classmethod
    def _named(cls, experiment: Experiment, *more: NameValue) -> Experiment:
        old = experiment.spec.algorithm or AlgorithmSpec()
        settings = (*old.algorithm_settings, *more)
        algorithm = AlgorithmSpec(algorithm_name=cls.name, algorithm_settings=settings)
        return replace(experiment, spec=replace(experiment.spec, algorithm=algorithm))


@pytest.fixture(scope="module")
def workers() -> Iterator[WorkerSuggester]:
    suggester = WorkerSuggester(worker_command(1 << 30), capacity=2)
    yield suggester
    suggester.close()


class TestAlgorithmsInWorkers(AlgorithmContract):
    @pytest.fixture(params=["cmaes", "sobol", "tpe"])
    def algorithm(
        self, request: pytest.FixtureRequest, workers: WorkerSuggester
    ) -> type[Algorithm]:
        class Named(InAWorker):
            suggester, name = workers, str(request.param)

        return Named

    def test_an_unknown_setting_is_refused(self, algorithm: type[Algorithm]) -> None:
        """The text names the algorithm itself."""
        for experiment in self._accepted(algorithm):
            named = Experiment(
                metadata=experiment.metadata,
                spec=replace(
                    experiment.spec,
                    algorithm=AlgorithmSpec(
                        algorithm_settings=(NameValue(name="typo", value="1"),)
                    ),
                ),
            )
            with pytest.raises(
                SettingsError, match=r"^unknown setting typo for algorithm (asha|cma|sob|tpe)"
            ):
                algorithm.validate(named)


class TestAModelInAWorker(TestAlgorithmsInWorkers):
    settings = (*TestThoseWithAResource.settings, NameValue(name="sampler", value="tpe"))

    @pytest.fixture(params=["asha"])
    def algorithm(
        self, request: pytest.FixtureRequest, workers: WorkerSuggester
    ) -> type[Algorithm]:
        class Named(InAWorker):
            suggester, name = workers, str(request.param)

        return Named


#: Where what is searched is wrong, for those that do not search parameters.
_PLACES = dict.fromkeys(("darts", "enas", "regularized-evolution"), "spec.nasConfig")


@pytest.mark.parametrize("name", sorted(ALGORITHMS))
def test_all_that_is_wrong_is_told_at_once_and_at_its_place(name: str) -> None:
    builder = an_experiment().with_parameter("x", min="0", max="1").with_parameter("y", min="1")
    settings = {"random_state": "-1", "random_stat": "1", "typo": "1"}
    with pytest.raises(SettingsError) as caught:
        ALGORITHMS.load(name).validate(builder.with_algorithm(name, **settings).build())
    told = {problem.path: problem.detail for problem in caught.value.problems}
    path = "spec.algorithm.algorithmSettings"
    assert {f"{path}[0].value", _PLACES.get(name, "spec.parameters[1]")} <= set(told)
    if name != "darts":  # Its trials judge what it does not know.
        assert 'did you mean "random_state"?' in told[f"{path}[1].name"]
        assert "; known: " in told[f"{path}[2].name"]
        assert "random_state (a whole number from 0 on; default " in told[f"{path}[2].name"]
