from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

import grpc
import psutil
import pytest
from msgspec.structs import replace

from katib.api import names
from katib.api.experiment import Experiment
from katib.api.suggestion import TrialAssignment
from katib.api.trial import Trial
from katib.api.values import Key, Resource
from katib.apps import algorithms
from katib.apps.algorithms import Algorithms, places_of
from katib.configuration import read_config
from katib.errors import AlgorithmBusyError, AlgorithmCrashedError, SettingsError
from katib.observations.memory import MemoryObservationLog
from katib.ports.early_stopper import EarlyStopper
from katib.ports.suggester import SuggestionReply, SuggestionRequest
from katib.rpc.generated import api_pb2 as pb
from katib.rpc.generated.api_pb2_grpc import (
    EarlyStoppingServicer,
    add_EarlyStoppingServicer_to_server,
)
from katib.suggesters.in_process import InProcessSuggester
from katib.suggesters.in_process_stopper import InProcessStopper
from katib.suggesters.remote import RemoteEarlyStopper, Service
from katib.suggesters.routing_stopper import RoutingStopper
from katib.testing.builders import an_experiment
from katib.testing.clocks import FakeClock

PROGRAM = Path(__file__).parents[1] / "suggesters" / "worker" / "misbehaving.py"


@dataclass
class Events:
    told: list[tuple[str, str, str, bool]] = field(default_factory=list)

    def record(self, resource: Resource, reason: str, message: str, warning: bool = False) -> None:
        self.told.append((resource.metadata.name, reason, message, warning))


def workers() -> list[int]:
    """The workers of this process; other tests may have left children of other kinds."""
    children = psutil.Process().children()
    going = [one for one in children if one.status() != psutil.STATUS_ZOMBIE]
    return [one.pid for one in going if str(PROGRAM) in one.cmdline()]


class NoTrials:
    def changed_since(self, version: int) -> tuple[Sequence[Trial], int]:
        return (), version


class Stage:
    """The algorithms of one machine; in the workers, `tpe` and `enas` do as they are told."""

    def __init__(self, text: str = "", stopper: EarlyStopper | None = None) -> None:
        self.events, self.woken = Events(), list[Key]()
        stopper = stopper or InProcessStopper(MemoryObservationLog())
        places, clock = places_of(read_config(text, "file")), FakeClock()
        self.algorithms = Algorithms(places, clock, self.events, stopper, self.woken.append)

    def ask(self, experiment: Experiment) -> SuggestionReply:
        """The answer, asking until it is there."""
        request = SuggestionRequest(experiment, 1, 1, NoTrials())
        deadline = time.monotonic() + 30
        while True:
            try:
                return self.algorithms.suggester.suggest(request)
            except AlgorithmBusyError:
                assert time.monotonic() < deadline
                time.sleep(0.01)


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    def command(memory_bytes: int) -> tuple[str, ...]:
        return (sys.executable, str(PROGRAM), str(memory_bytes))

    monkeypatch.setattr(algorithms, "worker_command", command)
    stage = Stage()
    yield stage
    stage.algorithms.close()
    assert workers() == []


def experiment(name: str, **settings: str) -> Experiment:
    builder = an_experiment().with_algorithm(name, **settings)
    return builder.with_parameter("n", names.INT, min="1", max="9").with_trials(9).build()


def asked_of(name: str, **settings: str) -> Sequence[TrialAssignment]:
    """What an algorithm answers in this process."""
    request = SuggestionRequest(experiment(name, **settings), 1, 1, NoTrials())
    return list(InProcessSuggester().suggest(request).assignments)


def test_light_algorithms_have_no_worker(stage: Stage) -> None:
    for name in ("random", "grid"):
        given = stage.ask(experiment(name, random_state="1")).assignments
        assert list(given) == asked_of(name, random_state="1")
        stage.algorithms.check(experiment(name))
    assert workers() == []
    assert stage.woken == []


def test_the_worker_of_the_check_is_that_of_the_ask(stage: Stage) -> None:
    stage.algorithms.check(experiment("tpe"))
    (worker,) = workers()
    pid, _ = stage.ask(experiment("tpe")).assignments[0].name.split()
    assert int(pid) == worker
    with pytest.raises(SettingsError, match="wrong should be right"):
        stage.algorithms.check(experiment("tpe", wrong="1"))


def test_a_model_that_crashes_is_replaced_with_an_event(stage: Stage) -> None:
    reply = stage.ask(experiment("tpe", mood="exit", random_state="3"))
    assert list(reply.assignments) == asked_of("sobol", random_state="3")
    assert reply.trouble is not None
    assert stage.events.told == [
        ("an-experiment", "SuggestionFallback", reply.trouble.message, True)
    ]


def test_chance_takes_the_place_where_no_worker_can_be_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(algorithms, "worker_command", lambda _: (sys.executable, "-c", "exit(3)"))
    stage = Stage()
    reply = stage.ask(experiment("tpe", random_state="3"))
    assert list(reply.assignments) == asked_of("random", random_state="3")
    assert reply.trouble is not None
    assert "are those of random" in reply.trouble.message
    stage.algorithms.close()


@pytest.mark.parametrize(
    ("name", "settings"),
    [("sobol", {}), ("asha", {"resource_name": "n", "r_l": "9", "sampler": "tpe"})],
)
def test_what_needs_time_or_memory_is_asked_in_a_worker_and_answers_the_same(
    stage: Stage, name: str, settings: dict[str, str]
) -> None:
    settings = {**settings, "random_state": "1"}
    given = stage.ask(experiment(name, **settings)).assignments
    assert list(given) == asked_of(name, **settings)
    assert len(workers()) == 1


class Stopping(EarlyStoppingServicer):
    """An early stopping service that answers when its gate is open."""

    def __init__(self) -> None:
        self.gate = Event()

    def GetEarlyStoppingRules(
        self, request: pb.GetEarlyStoppingRulesRequest, context: grpc.ServicerContext
    ) -> pb.GetEarlyStoppingRulesReply:
        assert self.gate.wait(60)
        rule = pb.EarlyStoppingRule(name="loss", value="1", comparison=pb.GREATER)
        return pb.GetEarlyStoppingRulesReply(early_stopping_rules=[rule])

    def ValidateEarlyStoppingSettings(
        self, request: pb.ValidateEarlyStoppingSettingsRequest, context: grpc.ServicerContext
    ) -> pb.ValidateEarlyStoppingSettingsReply:
        assert self.gate.wait(60)
        return pb.ValidateEarlyStoppingSettingsReply()


@pytest.fixture
def service() -> Iterator[tuple[Stopping, int]]:
    stopping = Stopping()
    server = grpc.server(ThreadPoolExecutor(8))
    add_EarlyStoppingServicer_to_server(stopping, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield stopping, port
    stopping.gate.set()
    server.stop(None).wait()


@pytest.mark.rule(
    "An early stopping service that takes its time holds up no other experiment, and its answer "
    "is used when it comes"
)
def test_a_slow_early_stopping_service_holds_up_nobody(service: tuple[Stopping, int]) -> None:
    stopping, port = service
    address = f"localhost:{port}"
    config = f"runtime: {{earlyStoppings: [{{algorithmName: mine, address: '{address}'}}]}}"

    def find_address(experiment: Experiment) -> str:
        rule = experiment.spec.early_stopping
        return address if rule is not None and rule.algorithm_name == "mine" else ""

    def connect(address: str) -> EarlyStopper:
        return RemoteEarlyStopper(Service(address, FakeClock()), "")

    here = InProcessStopper(MemoryObservationLog())
    stage = Stage(config, RoutingStopper(here, find_address, connect))
    slow = [
        replace(one, metadata=replace(one.metadata, name=f"slow-{number}", uid=f"slow-{number}"))
        for number in range(4)
        for one in [an_experiment().with_early_stopping("mine").build()]
    ]
    for one in slow:
        with pytest.raises(AlgorithmBusyError, match="random, with early stopping mine, for 0 s"):
            stage.algorithms.suggester.suggest(SuggestionRequest(one, 1, 1, NoTrials()))
    with pytest.raises(AlgorithmBusyError):
        stage.algorithms.suggester.validate(an_experiment().with_early_stopping("mine").build())
    quick = an_experiment().with_early_stopping("medianstop").build()
    stage.algorithms.suggester.validate(quick)
    request = SuggestionRequest(quick, 1, 1, NoTrials())
    assert len(stage.algorithms.suggester.suggest(request).assignments) == 1
    assert stage.woken == []
    stopping.gate.set()
    for one in slow:
        (assignment,) = stage.ask(one).assignments
        assert [rule.value for rule in assignment.early_stopping_rules] == ["1"]
    stage.algorithms.close()


def test_a_schedule_that_crashes_is_not_replaced(stage: Stage) -> None:
    with pytest.raises(AlgorithmCrashedError, match="algorithm enas crashed 3 times in a row"):
        stage.ask(experiment("enas", mood="exit"))
    assert stage.events.told == []


def test_a_worker_may_have_as_much_memory_as_the_configuration_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[int] = []

    def command(memory_bytes: int) -> tuple[str, ...]:
        asked.append(memory_bytes)
        return ("never",)

    monkeypatch.setattr(algorithms, "worker_command", command)
    for text in ("", "init: {controller: {workerMemory: 300Mi}}"):
        Stage(text).algorithms.close()
    assert asked == [2 << 30, 300 << 20]


def test_a_worker_is_not_misled_by_the_folder_it_is_started_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("random", "numpy", "katib"):
        (tmp_path / f"{name}.py").write_text("raise ValueError('not this one')\n")
    monkeypatch.chdir(tmp_path)
    stage = Stage()
    try:
        stage.algorithms.check(experiment("tpe"))
        with pytest.raises(SettingsError, match="unknown setting typo for algorithm tpe"):
            stage.algorithms.check(experiment("tpe", typo="1"))
    finally:
        stage.algorithms.close()
