"""Time, passed in so that tests decide what time it is."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """The wall clock: aware, UTC, whole seconds, as Kubernetes writes times."""
        ...

    def monotonic(self) -> float:
        """Seconds since some moment; never goes back. Only differences mean something."""
        ...
