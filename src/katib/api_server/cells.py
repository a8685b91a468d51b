"""What stands in the cells of a table, and how it is read from data that anybody may have written.

Reading never fails: what is not there, or is of another type than it should be, is nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from katib.api.codec import parse_time
from katib.api.values import Manifest

Cell = str | int | None

NONE, UNKNOWN, UNSET = "<none>", "<unknown>", "<unset>"

_MINUTE, _HOUR, _DAY, _YEAR = 60, 3600, 86_400, 365 * 86_400

#: The longest durations, in seconds, of each way to write them; the larger and the smaller unit of
#: each, in seconds and as a letter. The last unit is written alone.
_STEPS: Sequence[tuple[int, int, str, int, str]] = (
    (2 * _MINUTE, 1, "s", 0, ""),
    (10 * _MINUTE, _MINUTE, "m", 1, "s"),
    (3 * _HOUR, _MINUTE, "m", 0, ""),
    (8 * _HOUR, _HOUR, "h", _MINUTE, "m"),
    (2 * _DAY, _HOUR, "h", 0, ""),
    (8 * _DAY, _DAY, "d", _HOUR, "h"),
    (2 * _YEAR, _DAY, "d", 0, ""),
    (8 * _YEAR, _YEAR, "y", _DAY, "d"),
)


def duration(seconds: float) -> str:
    """A span of time as Kubernetes writes it: ``45s``, ``8m15s``, ``20m``, ``3h``, ``2d4h``.

    A span that ended before it began is ``<invalid>``, but for a second by which clocks may differ.
    """
    whole = int(seconds)
    if whole < -1:
        return "<invalid>"
    whole = max(0, whole)
    for end, unit, letter, part, part_letter in _STEPS:
        if whole < end:
            count, rest = divmod(whole, unit)
            parts = rest // part if part else 0
            return f"{count}{letter}{parts}{part_letter}" if parts else f"{count}{letter}"
    return f"{whole // _YEAR}y"


def age(since: datetime | None, now: datetime) -> str:
    """How long ago, or ``<unknown>``."""
    return UNKNOWN if since is None else duration((now - since).total_seconds())


def moment(value: Any) -> datetime | None:
    """The time that a text names."""
    try:
        return parse_time(value)
    except (TypeError, ValueError):
        return None


def at(data: Any, *path: str) -> Any:
    """What stands in nested maps at the end of a path."""
    for name in path:
        if not isinstance(data, dict):
            return None
        data = data.get(name)
    return data


def text(data: Any, *path: str) -> str:
    """The text at the end of a path, or an empty one."""
    found = at(data, *path)
    return found if isinstance(found, str) else ""


def count(data: Any, *path: str, default: int = 0) -> int:
    """The whole number at the end of a path, or the default."""
    found = at(data, *path)
    return found if isinstance(found, int) and not isinstance(found, bool) else default


def maps(data: Any, *path: str) -> list[Manifest]:
    """The maps in the list at the end of a path."""
    found = at(data, *path)
    if not isinstance(found, (list, tuple)):
        return []
    return [item for item in found if isinstance(item, dict)]


def is_ending(resource: Manifest) -> bool:
    """Whether the resource's deletion was asked for."""
    return at(resource, "metadata", "deletionTimestamp") is not None


def size(data: Any, *path: str) -> int:
    """How many entries the map or list at the end of a path has."""
    found = at(data, *path)
    return len(found) if isinstance(found, (dict, list)) else 0


def selector(data: Any, *path: str) -> str:
    """The labels at the end of a path as a selector, or ``<none>``."""
    found = at(data, *path)
    if not isinstance(found, dict) or not found:
        return NONE
    return ",".join(f"{name}={value}" for name, value in sorted(found.items()))
