"""How a call ended, in words."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from datetime import datetime

#: Why a call ended, as conditions say it.
RETURNED = "FunctionReturned"
RAISED = "FunctionRaised"
NOT_LOADED = "FunctionNotLoaded"
CRASHED = "WorkerCrashed"
ENDED = "WorkerEnded"
NOT_KEPT = "ReportRefused"
NOT_UNDERSTOOD = "WorkerNotUnderstood"
TIME_EXCEEDED = "TimeoutExceeded"
MEMORY_EXCEEDED = "MemoryLimitExceeded"
EARLY_STOPPED = "EarlyStopped"
ILLEGAL = "SpecNotLegal"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a call ended.

    Attributes:
        reason: in one word.
        message: in a sentence or more.
        started: when the function was called; ``None`` when it was not.
        ended: when that was over.
    """

    reason: str
    message: str
    started: datetime | None
    ended: datetime

    @property
    def is_good(self) -> bool:
        """Whether the function has done what it should."""
        return self.reason in (RETURNED, EARLY_STOPPED)


def word_end(code: int | None) -> tuple[str, str]:
    """Reason and sentence for a worker that has ended by itself.

    Args:
        code: the exit code; the negative number of a signal; ``None`` when it had only closed the
            pipes by which it speaks with the engine.
    """
    if code is None:
        return ENDED, "the worker closed the pipes by which it speaks with the engine"
    if code >= 0:
        return ENDED, f"the worker's process ended with exit code {code} before the call did"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    more = "; was the machine out of memory?" if name == "SIGKILL" else ""
    return CRASHED, f"the worker's process was ended by {name}{more}"


def with_output(message: str, tail: str) -> str:
    """The message, and behind it what was printed last."""
    return f"{message}; its last output:\n{tail}" if tail else message
