from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from threading import Event

import pytest
from msgspec.structs import replace

from katib.api.experiment import Experiment
from katib.api.suggestion import TrialAssignment
from katib.api.values import Key
from katib.errors import AlgorithmBusyError, SettingsError
from katib.ports.suggester import SuggestionReply, SuggestionRequest
from katib.suggesters.background import BackgroundSuggester
from katib.testing.builders import an_experiment
from katib.testing.clocks import FakeClock


class NoTrials:
    def changed_since(self, version: int) -> tuple[tuple[()], int]:
        return (), version


@dataclass
class Slow:
    """Answers when the gate is open."""

    gate: Event = field(default_factory=Event)
    asked: list[SuggestionRequest] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)
    error: Exception | None = None
    is_exhausted: bool = False

    def validate(self, experiment: Experiment) -> None:
        assert self.gate.wait(30)
        if self.error is not None:
            raise self.error

    def suggest(self, request: SuggestionRequest) -> SuggestionReply:
        self.asked.append(request)
        assert self.gate.wait(30)
        if self.error is not None:
            raise self.error
        first = request.total - request.count
        names = [str(first + number) for number in range(request.count)]
        found = [TrialAssignment(name=name) for name in names]
        return SuggestionReply(found, is_exhausted=self.is_exhausted)

    def forget(self, experiment: Experiment) -> None:
        self.forgotten.append(experiment.metadata.name)


class Stage:
    def __init__(self) -> None:
        self.slow, self.clock = Slow(), FakeClock()
        self.woken: list[Key] = []
        self.suggester = BackgroundSuggester(
            self.slow, self.clock, self.woken.append, patience_seconds=0.01
        )

    def ask(self, count: int = 1, total: int = 1, asked: Experiment | None = None) -> list[str]:
        request = SuggestionRequest(asked or experiment(), count, total, NoTrials())
        return [one.name for one in self.suggester.suggest(request).assignments]

    def open(self) -> None:
        """Let the answer come, and see that somebody is told."""
        before = len(self.woken)
        self.slow.gate.set()
        wait_for(lambda: len(self.woken) > before)


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.slow.gate.set()


def experiment(name: str = "one", **settings: str) -> Experiment:
    return an_experiment().named(name).with_algorithm("tpe", **settings).build()


def wait_for(fact: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not fact():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_quick_answer_is_given_at_once_and_wakes_nobody() -> None:
    stage = Stage()
    stage.slow.gate.set()
    patient = BackgroundSuggester(stage.slow, stage.clock, stage.woken.append, 30)
    request = SuggestionRequest(experiment(), 2, 5, NoTrials())
    assert [one.name for one in patient.suggest(request).assignments] == ["3", "4"]
    patient.validate(experiment())
    assert stage.woken == []


def test_a_slow_answer_is_told_waited_for_and_given_later(stage: Stage) -> None:
    with pytest.raises(AlgorithmBusyError, match=r"^asking algorithm tpe for 0 s$"):
        stage.ask(2, 5)
    stage.clock.advance(12.7)
    with pytest.raises(AlgorithmBusyError, match=r"^asking algorithm tpe for 10 s$") as caught:
        stage.ask(2, 5)
    assert caught.value.seconds == pytest.approx(12.7)
    stage.open()
    assert stage.woken == [Key("default", "one")]
    assert stage.ask(2, 5) == ["3", "4"]
    assert len(stage.slow.asked) == 1


def test_nobody_else_waits_meanwhile(stage: Stage) -> None:
    for name in ("one", "two", "three"):
        with pytest.raises(AlgorithmBusyError):
            stage.ask(asked=experiment(name))
    assert len(stage.slow.asked) == 3


def test_an_answer_for_more_than_is_wanted_by_then_is_cut(stage: Stage) -> None:
    stage.slow.is_exhausted = True
    with pytest.raises(AlgorithmBusyError):
        stage.ask(3, 6)
    stage.open()
    request = SuggestionRequest(experiment(), 1, 4, NoTrials())
    reply = stage.suggester.suggest(request)
    assert [one.name for one in reply.assignments] == ["3"]
    assert not reply.is_exhausted, "there were more"


def test_an_answer_for_less_is_given_as_it_is(stage: Stage) -> None:
    with pytest.raises(AlgorithmBusyError):
        stage.ask(1, 4)
    stage.open()
    assert stage.ask(5, 8) == ["3"]


def test_an_answer_to_another_question_is_not_given(stage: Stage) -> None:
    changed = experiment(gamma="0.5")
    with pytest.raises(AlgorithmBusyError):
        stage.ask(1, 1)
    with pytest.raises(AlgorithmBusyError):
        stage.ask(1, 1, changed)
    assert len(stage.slow.asked) == 1, "one at a time for each experiment"
    stage.open()
    wait_for(lambda: _is_answered(stage, changed))
    assert [one.experiment.spec for one in stage.slow.asked] == [experiment().spec, changed.spec]


def _is_answered(stage: Stage, asked: Experiment) -> bool:
    try:
        return stage.ask(1, 1, asked) == ["0"]
    except AlgorithmBusyError:
        return False


def test_a_change_that_the_algorithm_does_not_see_is_no_other_question(stage: Stage) -> None:
    with pytest.raises(AlgorithmBusyError):
        stage.ask()
    stage.open()
    status = replace(experiment().status, trials=5)
    assert stage.ask(asked=replace(experiment(), status=status)) == ["0"]
    assert len(stage.slow.asked) == 1


def test_a_failure_is_raised_when_it_is_asked_again_and_then_forgotten(stage: Stage) -> None:
    stage.slow.error = ZeroDivisionError("by nought")
    with pytest.raises(AlgorithmBusyError):
        stage.ask()
    stage.open()
    with pytest.raises(ZeroDivisionError):
        stage.ask()
    stage.slow.error = None
    wait_for(lambda: _is_answered(stage, experiment()))


def test_a_slow_validation_is_waited_for_in_the_same_way(stage: Stage) -> None:
    stage.slow.error = SettingsError("wrong")
    with pytest.raises(AlgorithmBusyError):
        stage.suggester.validate(experiment())
    stage.open()
    with pytest.raises(SettingsError, match=r"^wrong$"):
        stage.suggester.validate(experiment())


def test_what_is_forgotten_is_asked_anew(stage: Stage) -> None:
    with pytest.raises(AlgorithmBusyError):
        stage.ask()
    stage.suggester.forget(experiment())
    assert stage.slow.forgotten == ["one"]
    with pytest.raises(AlgorithmBusyError):
        stage.ask()
    assert len(stage.slow.asked) == 2
