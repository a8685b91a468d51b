from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from katib.api.experiment import Experiment
from katib.api.trial import Trial
from katib.api.values import Key, Resource
from katib.apps import algorithms
from katib.apps.algorithms import Algorithms
from katib.configuration import read_config
from katib.errors import AlgorithmBusyError, AlgorithmCrashedError, SettingsError
from katib.ports.suggester import SuggestionReply, SuggestionRequest
from katib.suggesters.in_process import InProcessSuggester
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

    def __init__(self, config: str = "") -> None:
        self.events, self.woken = Events(), list[Key]()
        self.algorithms = Algorithms(
            read_config(config, "file"), FakeClock(), self.events, self.woken.append
        )

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
    return an_experiment().with_algorithm(name, **settings).build()


def test_light_algorithms_have_no_worker(stage: Stage) -> None:
    for name in ("random", "sobol"):
        given = stage.ask(experiment(name, random_state="1")).assignments
        request = SuggestionRequest(experiment(name, random_state="1"), 1, 1, NoTrials())
        assert given == InProcessSuggester().suggest(request).assignments
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
    request = SuggestionRequest(experiment("sobol", random_state="3"), 1, 1, NoTrials())
    assert reply.assignments == InProcessSuggester().suggest(request).assignments
    assert reply.trouble is not None
    assert stage.events.told == [
        ("an-experiment", "SuggestionFallback", reply.trouble.message, True)
    ]


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
