"""How often an API server may be called: a bucket of calls that fills with time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """So many calls a second, and so many at once after a rest.

    Attributes:
        per_second: calls in the long run.
        burst: calls that need not wait after a rest.
    """

    per_second: float = 200.0
    burst: int = 400


class Bucket:
    """Hands out moments to call at.

    Args:
        pace: how often.
        monotonic: seconds, as :meth:`katib.ports.clock.Clock.monotonic`.
    """

    def __init__(self, pace: Pace, monotonic: Callable[[], float]) -> None:
        self._pace, self._monotonic = pace, monotonic
        self._lock = threading.Lock()
        self._calls, self._at = float(pace.burst), monotonic()

    def take(self) -> float:
        """Book a call; returns how many seconds the caller has to wait for it."""
        with self._lock:
            now = self._monotonic()
            filled = self._calls + (now - self._at) * self._pace.per_second
            self._calls = min(filled, float(self._pace.burst)) - 1.0
            self._at = now
            return max(0.0, -self._calls / self._pace.per_second)
