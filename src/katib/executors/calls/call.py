"""One call of a function, from its beginning to its outcome."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from katib.api.values import Key
from katib.executors.calls.outcome import Outcome
from katib.ports.call_reports import CallReports


@dataclass(frozen=True, slots=True)
class Call:
    """What is to be called, and how.

    Attributes:
        uid: of the resource.
        key: of the resource.
        function: the name of the function's file.
        arguments: of the function.
        log: where what is printed goes.
        reports: takes the metrics; ``None`` when nobody wants them.
        timeout_seconds: how long it may take; ``None`` for as long as it likes.
        memory_bytes: how much its worker may take; ``None`` for as much as there is.
    """

    uid: str
    key: Key
    function: str
    arguments: dict[str, str]
    log: str
    reports: CallReports | None = None
    timeout_seconds: float | None = None
    memory_bytes: int | None = None


@dataclass(slots=True, eq=False)
class Going:
    """A call that waits for a worker, is made, or has ended.

    Attributes:
        call: which.
        started: when the function was called; ``None`` while it waits.
        timeout_at: when it takes too long, by the monotonic clock.
        stop: why it was told to end before its time; empty while it was not.
        stop_by: until when it may do so by itself, by the monotonic clock.
        outcome: how it ended; ``None`` while it has not.
    """

    call: Call
    started: datetime | None = None
    timeout_at: float | None = None
    stop: str = ""
    stop_by: float | None = None
    outcome: Outcome | None = None
