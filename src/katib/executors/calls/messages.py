"""What the engine and a worker tell each other: one JSON object a line.

The engine says :class:`Begin`; the worker answers :class:`Returned` or :class:`Raised`, and before
that any number of :class:`Reported`, each of which is answered by :class:`Heard`.
"""

from __future__ import annotations

import msgspec

#: Both ends must speak the same: a function may bring a Python that has another Katib.
PROTOCOL = 1

#: The longest line that is read, in bytes; more is no message.
LONGEST_LINE = 16 << 20

_encoder = msgspec.json.Encoder()


class Message(msgspec.Struct, frozen=True, tag=True):
    """The base of every message; its name travels with it."""


class Begin(Message, frozen=True):
    """Call the function.

    Attributes:
        trial: its name; empty when there is none.
        namespace: of the trial.
        arguments: of the function.
        output: the file into which what is printed goes from now on; empty for the same as before.
    """

    trial: str
    namespace: str
    arguments: dict[str, str]
    output: str = ""


class Heard(Message, frozen=True):
    """A report was kept. ``stop`` says why the function is to end now; empty while it may go on."""

    stop: str = ""


class Ready(Message, frozen=True):
    """The function is loaded."""

    protocol: int = PROTOCOL


class Unloadable(Message, frozen=True):
    """The function cannot be loaded; the worker ends."""

    problem: str


class Reported(Message, frozen=True):
    """Values of metrics, all of one time, in seconds since 1970."""

    values: dict[str, str]
    time: float


class Returned(Message, frozen=True):
    """The function has returned.

    Attributes:
        values: what it returned.
        time: when, in seconds since 1970.
        has_printed: whether there is anything in the file of its output.
    """

    values: dict[str, str]
    time: float
    has_printed: bool = False


class Raised(Message, frozen=True):
    """The function has raised an error, or returned what is none of a metric's values.

    Attributes:
        reason: in one word.
        problem: in a sentence.
        has_printed: whether there is anything in the file of its output.
        is_last: the worker ends now.
    """

    reason: str
    problem: str
    has_printed: bool = False
    is_last: bool = False


class Stopped(Message, frozen=True):
    """The function has ended because it was told to."""

    has_printed: bool = False


FromWorker = Ready | Unloadable | Reported | Returned | Raised | Stopped
ToWorker = Begin | Heard

_from_worker: msgspec.json.Decoder[FromWorker] = msgspec.json.Decoder(FromWorker)
_to_worker: msgspec.json.Decoder[ToWorker] = msgspec.json.Decoder(ToWorker)


def line_of(message: FromWorker | ToWorker) -> bytes:
    """The message as it travels."""
    return _encoder.encode(message) + b"\n"


def read_from_worker(line: bytes) -> FromWorker:
    """What a worker has said; ``msgspec.DecodeError`` when that is no message."""
    return _from_worker.decode(line)


def read_to_worker(line: bytes) -> ToWorker:
    """What a worker is told."""
    return _to_worker.decode(line)
