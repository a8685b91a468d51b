from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import ClassVar

import grpc
import pytest
from grpc_health.v1 import health_pb2
from msgspec.structs import replace
from served_algorithms import Point, Refusal, Service, a_trial, searched

from katib.api.experiment import AlgorithmSpec, Experiment
from katib.api.trial import Trial
from katib.api.values import NameValue
from katib.errors import ConfigurationError
from katib.ports.suggester import SuggestionReply, SuggestionRequest
from katib.rpc.generated import api_pb2 as pb
from katib.rpc.suggestion import serve
from katib.search.algorithm import Algorithm
from katib.search.algorithms import ALGORITHMS
from katib.suggesters.in_process import InProcessSuggester
from katib.suggesters.remote import RemoteSuggester
from katib.suggesters.remote import Service as Address
from katib.testing.algorithm_contract import AlgorithmContract
from katib.testing.builders import an_experiment
from katib.testing.clocks import FakeClock

Code = grpc.StatusCode


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service()
    yield service
    service.close()


def two(name: str, experiment: str = "tuned", **settings: str) -> Experiment:
    builder = an_experiment().named(experiment).with_parameter("x", min="-1", max="1")
    return searched(name, builder.with_parameter("y", min="-1", max="1"), **settings)


def played(experiment: Experiment, count: int, first: Service, *others: Service) -> list[Point]:
    """An experiment of one trial at a time; each ask goes to the next service, in turns."""
    services = [first, *others]
    points: list[Point] = []
    trials: list[Trial] = []
    for number in range(count):
        asked = services[number % len(services)]
        (point,) = asked.ask(experiment, 1, number + 1, trials)
        points.append(point)
        loss = str(float(point["x"]) ** 2 + float(point["y"]) ** 2)
        trials.append(a_trial(experiment, f"trial-{number}", point, loss))
    return points


LEARNING = {
    "tpe": two("tpe", random_state="3", n_startup_trials="4"),
    "cmaes": two("cmaes", random_state="3"),
    "bayesianoptimization": two("bayesianoptimization", random_state="3", n_initial_points="4"),
}


@pytest.mark.parametrize("experiment", LEARNING.values(), ids=LEARNING)
def test_a_restart_at_every_step_changes_nothing(service: Service, experiment: Experiment) -> None:
    wanted = played(experiment, 12, service)
    fresh = [Service() for _ in range(12)]
    try:
        assert played(experiment, 12, *fresh) == wanted
    finally:
        for one in fresh:
            one.close()


def test_experiments_at_one_service_do_not_disturb_each_other(service: Service) -> None:
    alone = played(two("tpe", "one"), 12, service)
    other = two("tpe", "two")
    both = Service()
    try:
        trials: list[Trial] = []
        found: list[Point] = []
        for number in range(12):
            both.ask(other, 2, 2 * number + 2)
            (point,) = both.ask(two("tpe", "one"), 1, number + 1, trials)
            found.append(point)
            loss = str(float(point["x"]) ** 2 + float(point["y"]) ** 2)
            trials.append(a_trial(other, f"trial-{number}", point, loss))
        assert found == alone
    finally:
        both.close()


def test_the_place_in_the_sequence_is_what_was_asked_for_before(service: Service) -> None:
    experiment = two("random", random_state="1")
    all_of_them = service.ask(experiment, 6, 6)
    assert service.ask(experiment, 2, 5) == all_of_them[3:5]
    assert service.ask(experiment, 1, 1) == all_of_them[:1]


def test_without_a_total_the_trials_are_counted(service: Service) -> None:
    experiment = two("random", random_state="1")
    all_of_them = service.ask(experiment, 3, 3)
    trials = [a_trial(experiment, f"trial-{n}", point, "1") for n, point in enumerate(all_of_them)]
    assert service.ask(experiment, 1, 0, trials[:2]) == all_of_them[2:]


def test_the_seed_is_that_of_the_name_without_a_random_state(service: Service) -> None:
    first = service.ask(two("random", "one"), 1, 1)
    assert service.ask(two("random", "one"), 1, 1) == first
    assert service.ask(two("random", "two"), 1, 1) != first


def test_trials_that_nobody_asked_for_here_are_evidence_too(service: Service) -> None:
    experiment = two("tpe", random_state="3", n_startup_trials="4")
    trials = [
        a_trial(experiment, f"t-{n}", {"x": str(n / 20), "y": "0.5"}, str(n)) for n in range(20)
    ]
    (point,) = service.ask(experiment, 1, 21, trials)
    assert -1 <= float(point["x"]) <= 0.6


def test_trials_that_are_gone_are_forgotten(service: Service) -> None:
    experiment = two("tpe", random_state="3", n_startup_trials="4")
    kept = [a_trial(experiment, f"k-{n}", {"x": str(n / 10), "y": "0"}, str(n)) for n in range(6)]
    gone = [a_trial(experiment, f"g-{n}", {"x": "-0.9", "y": "0"}, "-50") for n in range(6)]
    wanted = service.ask(experiment, 1, 7, kept)
    with_all = service.ask(experiment, 1, 7, [*kept, *gone])
    assert with_all != wanted
    assert service.ask(experiment, 1, 7, kept) == wanted


def test_a_trial_may_change(service: Service) -> None:
    experiment = two("tpe", random_state="3", n_startup_trials="1")
    points = [{"x": str(n / 10), "y": "0"} for n in range(6)]
    before = [a_trial(experiment, f"t-{n}", point) for n, point in enumerate(points)]
    after = [a_trial(experiment, f"t-{n}", point, str(n)) for n, point in enumerate(points)]
    fresh = Service()
    try:
        wanted = fresh.ask(experiment, 1, 7, after)
    finally:
        fresh.close()
    service.ask(experiment, 1, 7, before)
    service.ask(experiment, 1, 7, [*after[:3], *before[3:]])
    assert service.ask(experiment, 1, 7, after) == wanted


def test_another_experiment_of_the_name_is_not_mixed_up(service: Service) -> None:
    one, other = two("tpe", random_state="3"), two("tpe", random_state="4")
    trials = [a_trial(one, f"t-{n}", {"x": str(n / 20), "y": "0"}, str(n)) for n in range(15)]
    wanted = service.ask(one, 1, 16, trials), service.ask(other, 1, 1)
    for _ in range(2):
        assert (service.ask(one, 1, 16, trials), service.ask(other, 1, 1)) == wanted


def test_many_at_once_for_the_same_experiment(service: Service) -> None:
    experiment = two("tpe", random_state="3")
    trials = [
        a_trial(experiment, f"t-{n}", {"x": str(n / 20), "y": "0"}, str(n)) for n in range(15)
    ]
    wanted = service.ask(experiment, 1, 16, trials)
    fewer = service.ask(experiment, 1, 16, trials[:12])
    with ThreadPoolExecutor(8) as pool:
        asked = [trials if number % 2 else trials[:12] for number in range(16)]
        found = pool.map(lambda some: service.ask(experiment, 1, 16, some), asked)
        assert list(found) == [wanted if some is trials else fewer for some in asked]


def test_the_end_of_a_search_is_fewer_and_then_none(service: Service) -> None:
    builder = an_experiment().with_parameter("n", "int", min="1", max="5").with_trials(None)
    experiment = searched("grid", builder)
    points = service.ask(experiment, 3, 3) + service.ask(experiment, 3, 6)
    assert sorted(point["n"] for point in points) == list("12345")
    assert service.ask(experiment, 3, 9) == []


def test_nothing_is_asked_for_and_given(service: Service) -> None:
    assert service.ask(two("random"), 0, 4) == []


def test_an_answer_and_a_history_may_be_long(service: Service) -> None:
    experiment = two("random", random_state="1")
    assert len(service.ask(experiment, 2_000, 2_000)) == 2_000
    point = {"x": "0.1", "y": "0." + "1" * 3_000}
    trials = [a_trial(experiment, f"t-{n}", point, "1") for n in range(2_000)]
    assert len(service.ask(experiment, 1, 2_001, trials)) == 1


# What is wrong


def refusal(service: Service, experiment: Experiment, count: int = 1, total: int = 1) -> Refusal:
    with pytest.raises(grpc.RpcError) as caught:
        service.ask(experiment, count, total)
    return Refusal(caught.value.code(), caught.value.details() or "")


def test_a_request_that_makes_no_sense_is_refused(service: Service) -> None:
    assert refusal(service, two("nobody")) == Refusal(
        Code.INVALID_ARGUMENT, "unknown algorithm name nobody"
    )
    assert refusal(service, two("tpe", random_state="x")).code is Code.INVALID_ARGUMENT
    few = refusal(service, two("random"), 5, 3)
    assert few.code is Code.INVALID_ARGUMENT
    assert few.details.startswith("total_request_number 3 is below current_request_number 5")


def test_a_trial_that_cannot_be_read_is_refused(service: Service) -> None:
    trial = pb.Trial(name="t", status=pb.TrialStatus(start_time="noon"))
    request = pb.GetSuggestionsRequest(trials=[trial], current_request_number=1)
    request.experiment.name = "one"
    request.experiment.spec.algorithm.algorithm_name = "random"
    with pytest.raises(grpc.RpcError, match="a trial cannot be read: 'noon' is no RFC 3339 time"):
        service.client.GetSuggestions(request)


def test_only_what_is_wanted_is_served() -> None:
    service = Service(algorithms=["tpe"])
    try:
        assert service.validate(two("tpe")) is None
        assert refusal(service, two("random")).details == "unknown algorithm name random"
    finally:
        service.close()


@dataclass
class Failing:
    asked: list[SuggestionRequest] = field(default_factory=list)

    def validate(self, experiment: Experiment) -> None:
        raise ZeroDivisionError("by nought")

    def suggest(self, request: SuggestionRequest) -> SuggestionReply:
        raise ZeroDivisionError("by nought")

    def forget(self, experiment: Experiment) -> None: ...


def test_an_algorithm_that_fails_ends_as_unknown_which_katib_takes_for_a_refusal() -> None:
    service = Service(Failing())
    try:
        refused = service.validate(two("random"))
        assert refused is not None
        assert refused.code is Code.UNKNOWN
        assert "by nought" in refused.details
        assert refusal(service, two("random")).code is Code.UNKNOWN
    finally:
        service.close()


def test_an_address_that_is_taken_is_refused() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ConfigurationError, match=f"algorithms cannot be served at {address}"):
            serve(InProcessSuggester(), address)


@pytest.mark.parametrize(
    "name", ["", "manager.v1beta1.Suggestion", "api.v1.beta1.Suggestion", "grpc.health.v1.Health"]
)
def test_it_is_well_by_all_its_names(service: Service, name: str) -> None:
    assert health(service, name) == 1


def test_other_services_are_not_known(service: Service) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        health(service, "grpc.health.v1.1.Health")
    assert caught.value.code() is Code.NOT_FOUND


def health(service: Service, name: str) -> int:
    check = service.channel.unary_unary(
        "/grpc.health.v1.Health/Check",
        health_pb2.HealthCheckRequest.SerializeToString,
        health_pb2.HealthCheckResponse.FromString,
    )
    status: int = check(health_pb2.HealthCheckRequest(service=name)).status
    return status


# Our own client at our own service


class OverGrpc:
    """An algorithm as an engine has it that asks a service: each one is a client of its own."""

    address: ClassVar[str]
    name: ClassVar[str]

    def __init__(self, experiment: Experiment, seed: int) -> None:
        state = NameValue(name="random_state", value=str(seed))
        self._experiment = self._named(experiment, state)
        self._trials: dict[str, Trial] = {}

    @classmethod
    def suggester(cls) -> RemoteSuggester:
        return RemoteSuggester(Address(cls.address, FakeClock()))

    @classmethod
    def validate(cls, experiment: Experiment) -> None:
        cls.suggester().validate(cls._named(experiment))

    def tell(self, trials: Sequence[Trial]) -> None:
        for trial in trials:
            # In our engine an assignment's labels are those of the metadata alone.
            spec = replace(trial.spec, labels=None)
            self._trials[trial.metadata.name] = replace(trial, spec=spec)

    def changed_since(self, version: int) -> tuple[Sequence[Trial], int]:
        return list(self._trials.values()), 0

    def suggest(self, index: int, count: int) -> SuggestionReply:
        request = SuggestionRequest(self._experiment, count, index + count, self)
        return self.suggester().suggest(request)

    @classmethod
    def _named(cls, experiment: Experiment, *more: NameValue) -> Experiment:
        old = experiment.spec.algorithm or AlgorithmSpec()
        settings = (*old.algorithm_settings, *more)
        algorithm = AlgorithmSpec(algorithm_name=cls.name, algorithm_settings=settings)
        return replace(experiment, spec=replace(experiment.spec, algorithm=algorithm))


@pytest.fixture(scope="module")
def served() -> Iterator[Service]:
    service = Service()
    yield service
    service.close()


class OverGrpcContract(AlgorithmContract):
    """All but the text of an unknown setting, which names the algorithm of the experiment."""

    algorithm_name: ClassVar[str]

    @pytest.fixture
    def algorithm(self, served: Service) -> type[Algorithm]:
        class Named(OverGrpc):
            address, name = served.address, self.algorithm_name

        return Named

    def test_an_unknown_setting_is_refused(self, algorithm: type[Algorithm]) -> None:
        """The text is the algorithm's own, behind the method's name."""
        assert self.algorithm_name in ALGORITHMS


class TestTpeOverGrpc(OverGrpcContract):
    algorithm_name = "tpe"


class TestEnasOverGrpc(OverGrpcContract):
    algorithm_name = "enas"


class TestDartsOverGrpc(OverGrpcContract):
    algorithm_name = "darts"


class TestHyperbandOverGrpc(OverGrpcContract):
    algorithm_name = "hyperband"
    settings = (
        NameValue(name="resource_name", value="layers"),
        NameValue(name="r_l", value="5"),
        NameValue(name="eta", value="2"),
    )


class TestPbtOverGrpc(OverGrpcContract):
    algorithm_name = "pbt"
    settings = (
        NameValue(name="suggestion_trial_dir", value="/checkpoints"),
        NameValue(name="n_population", value="5"),
        NameValue(name="truncation_threshold", value="0.2"),
    )
