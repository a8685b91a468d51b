"""The machine's own clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class SystemClock:
    """Tells the time of this machine."""

    def now(self) -> datetime:
        return datetime.fromtimestamp(int(time.time()), UTC)

    def monotonic(self) -> float:
        return time.monotonic()
