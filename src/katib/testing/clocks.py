"""A clock that goes only when it is told to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class FakeClock:
    """Implements :class:`katib.ports.clock.Clock`.

    Args:
        start: the first time it shows; aware.
    """

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._start = start.astimezone(UTC)
        self._seconds = 0.0

    def now(self) -> datetime:
        """The start and what has been advanced since, in whole seconds."""
        return (self._start + timedelta(seconds=self._seconds)).replace(microsecond=0)

    def monotonic(self) -> float:
        """The seconds that have been advanced."""
        return self._seconds

    def advance(self, seconds: float) -> None:
        """Let time pass.

        Raises:
            ValueError: time cannot go back.
        """
        if seconds < 0:
            raise ValueError(f"time cannot go back by {-seconds} seconds")
        self._seconds += seconds
