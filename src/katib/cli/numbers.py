"""Times and ages for people."""

from __future__ import annotations

from datetime import datetime

from katib.api.values import NameValue


def age(since: datetime | None, now: datetime) -> str:
    """How long ago, as ``kubectl`` prints it: ``45s``, ``8m15s``, ``20m``, ``3h``, ``2d``."""
    if since is None:
        return "<unknown>"
    return duration((now - since).total_seconds())


def duration(seconds: float) -> str:
    """A span of time in at most two units."""
    whole = max(0, int(seconds))
    if whole < 120:
        return f"{whole}s"
    minutes, rest = divmod(whole, 60)
    if minutes < 10:
        return f"{minutes}m{rest}s" if rest else f"{minutes}m"
    if minutes < 180:
        return f"{minutes}m"
    hours, rest = divmod(minutes, 60)
    if hours < 8:
        return f"{hours}h{rest}m" if rest else f"{hours}h"
    return f"{hours}h" if hours < 48 else f"{hours // 24}d"


def words(assignments: tuple[NameValue, ...]) -> str:
    """Assignments in one line: ``lr=0.01 optimizer=adam``."""
    return " ".join(f"{one.name}={one.value}" for one in assignments)
