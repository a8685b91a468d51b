"""What the engine and a worker tell each other: JSON, each message behind its length.

The engine asks, the worker answers. In the middle of an :class:`Ask` the worker may want to know
more of the history, and is told: so only what is new travels, and the engine need not remember what
a worker knows.
"""

from __future__ import annotations

import struct
from typing import IO

import msgspec

from katib.api.codec import typed
from katib.api.experiment import Experiment
from katib.api.suggestion import TrialAssignment
from katib.api.trial import Trial
from katib.api.values import NameValue
from katib.errors import FieldError

_LENGTH = struct.Struct(">Q")
_ENCODER = msgspec.json.Encoder()


class Message(msgspec.Struct, frozen=True, tag=True):
    """The base of every message; its name travels with it."""


class Validate(Message, frozen=True):
    """Does the algorithm accept the experiment?"""

    experiment: Experiment


class Ask(Message, frozen=True):
    """The next assignments, please; as :class:`katib.ports.suggester.SuggestionRequest`."""

    experiment: Experiment
    count: int
    total: int


class Forget(Message, frozen=True):
    """Free what is kept for the experiment."""

    experiment: Experiment


class Trials(Message, frozen=True):
    """The trials that were wanted, oldest write first, and the version to ask from next."""

    trials: tuple[Trial, ...]
    version: int


class Since(Message, frozen=True):
    """The trials written after the version, please."""

    version: int


class Answer(Message, frozen=True):
    """The assignments; as :class:`katib.ports.suggester.SuggestionReply`."""

    assignments: tuple[TrialAssignment, ...]
    settings: tuple[NameValue, ...] = ()
    is_exhausted: bool = False


class Done(Message, frozen=True):
    """It is accepted, or forgotten."""


class Refused(Message, frozen=True):
    """The settings or the search space are wrong."""

    problems: tuple[FieldError, ...]


class Failed(Message, frozen=True):
    """The algorithm raised something else; the text names it."""

    problem: str


class ToWorker(msgspec.Struct, frozen=True):
    """What a worker may hear."""

    message: Validate | Ask | Forget | Trials


class FromWorker(msgspec.Struct, frozen=True):
    """What a worker may say."""

    message: Since | Answer | Done | Refused | Failed


def send(stream: IO[bytes], envelope: ToWorker | FromWorker) -> None:
    """Write one message; raises ``OSError`` when nobody reads."""
    data = _ENCODER.encode(envelope)
    stream.write(_LENGTH.pack(len(data)) + data)
    stream.flush()


def receive_bytes(stream: IO[bytes]) -> bytes | None:
    """One message as it came; ``None`` when the other side has ended."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    data = stream.read(length)
    return data if len(data) == length else None


def read_from_worker(data: bytes) -> FromWorker:
    """What a worker has said."""
    return typed(FromWorker, data)


def read_to_worker(data: bytes) -> ToWorker:
    """What a worker is told."""
    return typed(ToWorker, data)
