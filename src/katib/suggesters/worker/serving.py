"""The worker's end: asks a suggester what the engine wants to know, one question after another."""

from __future__ import annotations

import os
import select
import threading
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from katib.api.trial import Trial
from katib.errors import SettingsError
from katib.ports.suggester import Suggester, SuggestionRequest
from katib.suggesters.worker.messages import (
    Answer,
    Ask,
    Done,
    Failed,
    Forget,
    FromWorker,
    Refused,
    Since,
    Trials,
    Validate,
    read_to_worker,
    receive_bytes,
    send,
)


def _leave() -> None:
    # At once, whatever is being computed: nobody waits for it any more.
    os._exit(0)


@dataclass(frozen=True, slots=True)
class Connection:
    """The engine, as the worker has it.

    A thread of its own notices the engine's end, also while an algorithm computes.

    Args:
        inward: the pipe that the engine's messages come from.
        outward: where answers go.
        leave: called when the engine has ended.
    """

    inward: BinaryIO
    outward: BinaryIO
    leave: Callable[[], None] = _leave

    def open(self) -> None:
        """Watch for the engine's end from now on."""
        threading.Thread(target=self._watch, name="engine", daemon=True).start()

    def hear(self, seconds: float | None = None) -> Validate | Ask | Forget | Trials | None:
        """The next message; ``None`` when there is none for so many seconds, or no engine."""
        # Nothing is ever left in the stream's own buffer: the engine waits for each answer.
        is_there, _, _ = select.select([self.inward], [], [], seconds)
        data = receive_bytes(self.inward) if is_there else None
        return None if data is None else read_to_worker(data).message

    def say(self, message: Since | Answer | Done | Refused | Failed) -> None:
        """Answer, or ask back; raises ``OSError`` when there is no engine."""
        send(self.outward, FromWorker(message))

    def _watch(self) -> None:
        pipe = select.poll()
        # Only for the other end being closed, which is always told.
        pipe.register(self.inward, 0)
        pipe.poll()
        self.leave()


@dataclass(frozen=True, slots=True)
class _History:
    """The engine's history, asked for when the algorithm wants it."""

    connection: Connection

    def changed_since(self, version: int) -> tuple[Sequence[Trial], int]:
        self.connection.say(Since(version))
        told = self.connection.hear()
        if not isinstance(told, Trials):
            raise RuntimeError(f"asked for trials, the engine said {type(told).__name__}")
        return told.trials, told.version


def serve(suggester: Suggester, connection: Connection, idle_seconds: float) -> None:
    """Answer until nothing was asked for so many seconds.

    What an algorithm raises is an answer too; only what ends the process is none.
    """
    connection.open()
    while (question := connection.hear(idle_seconds)) is not None:
        try:
            answer = _answer(suggester, connection, question)
        except SettingsError as error:
            answer = Refused(error.problems)
        except Exception as error:
            traceback.print_exc()
            answer = Failed(f"{type(error).__name__}: {error}")
        connection.say(answer)


def _answer(
    suggester: Suggester, connection: Connection, question: Validate | Ask | Forget | Trials
) -> Answer | Done | Refused | Failed:
    if isinstance(question, Ask):
        request = SuggestionRequest(
            question.experiment, question.count, question.total, _History(connection)
        )
        reply = suggester.suggest(request)
        return Answer(tuple(reply.assignments), tuple(reply.settings), reply.is_exhausted)
    if isinstance(question, Validate):
        suggester.validate(question.experiment)
    elif isinstance(question, Forget):
        suggester.forget(question.experiment)
    else:
        raise RuntimeError("trials were told that nobody asked for")
    return Done()
