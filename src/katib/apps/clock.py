"""The machine's own clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class SystemClock:
    """Tells the time of this machine."""

    def __init__(self) -> None:
        self._now = (0, datetime.fromtimestamp(0, UTC))

    def now(self) -> datetime:
        second = int(time.time())
        known, moment = self._now
        if second != known:
            moment = datetime.fromtimestamp(second, UTC)
            self._now = (second, moment)
        return moment

    def monotonic(self) -> float:
        return time.monotonic()
