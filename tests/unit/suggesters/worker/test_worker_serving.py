from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import Event, Thread

import pytest

from katib.api.experiment import Experiment
from katib.api.suggestion import TrialAssignment
from katib.api.trial import Trial
from katib.errors import FieldError, SettingsError
from katib.ports.suggester import SuggestionReply, SuggestionRequest
from katib.suggesters.worker.messages import (
    Answer,
    Ask,
    Done,
    Failed,
    Forget,
    FromWorker,
    Refused,
    Since,
    ToWorker,
    Trials,
    Validate,
    read_from_worker,
    receive_bytes,
    send,
)
from katib.suggesters.worker.serving import Connection, serve
from katib.testing.builders import a_running_trial, an_experiment

NOT_SO = FieldError("spec.parameters[1]", "Invalid value", "not so", '"x"')

Said = Since | Answer | Done | Refused | Failed


@dataclass
class Scripted:
    """Refuses one name, fails for another, and wants the history twice."""

    forgotten: list[str] = field(default_factory=list)

    def validate(self, experiment: Experiment) -> None:
        if experiment.metadata.name == "wrong":
            raise SettingsError(NOT_SO, "nor so")

    def suggest(self, request: SuggestionRequest) -> SuggestionReply:
        if request.experiment.metadata.name == "broken":
            raise ZeroDivisionError("by nought")
        first, version = request.trials.changed_since(0)
        second, _ = request.trials.changed_since(version)
        told = ",".join(trial.metadata.name for trial in (*first, *second))
        found = [TrialAssignment(name=told)] * request.count
        return SuggestionReply(found, is_exhausted=request.total > 5)

    def forget(self, experiment: Experiment) -> None:
        self.forgotten.append(experiment.metadata.name)


class Stage:
    """A worker's end on a thread, and the engine's end in the test."""

    def __init__(self, idle_seconds: float = 30) -> None:
        inward, to_worker = os.pipe()
        from_worker, outward = os.pipe()
        self.suggester, self.left = Scripted(), Event()
        self._files = [os.fdopen(inward, "rb"), os.fdopen(outward, "wb")]
        self.writer, self.reader = os.fdopen(to_worker, "wb"), os.fdopen(from_worker, "rb")
        connection = Connection(self._files[0], self._files[1], self.left.set)  # type: ignore[arg-type]  # each is opened for its end
        self.thread = Thread(target=serve, args=(self.suggester, connection, idle_seconds))
        self.thread.start()

    def ask(self, message: Validate | Ask | Forget | Trials) -> Said:
        send(self.writer, ToWorker(message))
        data = receive_bytes(self.reader)
        assert data is not None
        return read_from_worker(data).message

    def close(self) -> None:
        self.writer.close()
        assert self.left.wait(30)
        self.thread.join(30)
        assert not self.thread.is_alive()
        for file in (*self._files, self.reader):
            file.close()


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.close()


def experiment(name: str = "one") -> Experiment:
    return an_experiment().named(name).build()


def trial(name: str) -> Trial:
    return a_running_trial(experiment(), name, TrialAssignment())


def test_questions_are_answered_one_after_another(stage: Stage) -> None:
    assert stage.ask(Validate(experiment())) == Done()
    nor_so = FieldError("", "Invalid value", "nor so")
    assert stage.ask(Validate(experiment("wrong"))) == Refused((NOT_SO, nor_so))
    assert stage.ask(Forget(experiment())) == Done()
    assert stage.suggester.forgotten == ["one"]


def test_the_history_is_asked_for_as_the_algorithm_wants_it(stage: Stage) -> None:
    assert stage.ask(Ask(experiment(), 2, 6)) == Since(0)
    assert stage.ask(Trials((trial("a"), trial("b")), 7)) == Since(7)
    found = stage.ask(Trials((trial("c"),), 9))
    assert found == Answer((TrialAssignment(name="a,b,c"),) * 2, (), True)


def test_a_failure_is_an_answer_and_the_next_question_another(
    stage: Stage, capfd: pytest.CaptureFixture[str]
) -> None:
    assert stage.ask(Ask(experiment("broken"), 1, 1)) == Failed("ZeroDivisionError: by nought")
    assert "Traceback" in capfd.readouterr().err
    assert stage.ask(Validate(experiment())) == Done()


def test_what_makes_no_sense_is_a_failure(stage: Stage) -> None:
    assert isinstance(stage.ask(Trials((), 1)), Failed)
    assert stage.ask(Ask(experiment(), 1, 1)) == Since(0)
    assert isinstance(stage.ask(Validate(experiment())), Failed)


def test_without_a_question_it_ends() -> None:
    stage = Stage(idle_seconds=0.01)
    stage.thread.join(30)
    assert not stage.thread.is_alive()
    stage.close()


def test_a_message_that_is_cut_short_is_none() -> None:
    inward, outward = os.pipe()
    with os.fdopen(inward, "rb") as reader:
        with os.fdopen(outward, "wb") as writer:
            send(writer, FromWorker(Done()))
            writer.write(b"\0\0\0\0\0\0\0\x09abc")
        assert receive_bytes(reader) is not None
        assert receive_bytes(reader) is None
