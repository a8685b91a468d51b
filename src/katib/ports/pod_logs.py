"""What the containers of a pod have written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from katib.api.values import Unstructured


@dataclass(frozen=True, slots=True)
class LogSource:
    """One container's log.

    Attributes:
        pod: as it is stored; or the name of a trial that is the call of a function, by kind and
            metadata.
        container: of its containers and init containers, which exists; empty for a trial.
        is_previous: of the attempt before the present one.
    """

    pod: Unstructured
    container: str
    is_previous: bool = False


@dataclass(frozen=True, slots=True)
class LogState:
    """How far a log is.

    Attributes:
        size: in bytes; grows only.
        is_over: nothing will be written any more. Look at this before the last read.
        written_at: when the last byte was written; aware.
    """

    size: int
    is_over: bool
    written_at: datetime


class PodLogs(Protocol):
    """Reads logs as they grow. All methods may be called from any thread."""

    def find(self, source: LogSource) -> LogState | None:
        """How far the log is; ``None`` when the container has not been started (yet)."""
        ...

    def read(self, source: LogSource, start: int, size: int) -> bytes:
        """At most ``size`` bytes from the position ``start``; none behind the end.

        What is read once is read again the same, also when the log is gone in between: then it
        is empty from there on.
        """
        ...
