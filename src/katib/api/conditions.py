"""How conditions change: the rule of ``set``, and what may be asked of a list of them."""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from katib.api.names import PROGRESSING
from katib.api.values import Condition

Conditions = tuple[Condition, ...]


def find(conditions: Conditions, type: str) -> Condition | None:
    """The condition of that type, whatever its status."""
    for condition in conditions:
        if condition.type == type:
            return condition
    return None


def has(conditions: Conditions, type: str) -> bool:
    """Whether the condition is present with status ``True``."""
    for condition in conditions:
        if condition.type == type:
            return condition.status == "True"
    return False


def newest(conditions: Conditions) -> Condition | None:
    """The condition that changed last: always the last of the list."""
    return conditions[-1] if conditions else None


def put(conditions: Conditions, new: Condition, now: datetime) -> Conditions:
    """The list with ``new`` in it, changed most recently.

    A condition of the same type, status and reason is left as it is, its message too, so that a
    repeated reconcile changes nothing. Otherwise the old entry goes and the new one is appended;
    ``lastTransitionTime`` is kept when only the reason changed.
    """
    old = find(conditions, new.type)
    if old is not None and old.status == new.status and old.reason == new.reason:
        return conditions
    since = old.last_transition_time if old is not None and old.status == new.status else now
    fresh = Condition(
        type=new.type,
        status=new.status,
        reason=new.reason,
        message=new.message,
        last_update_time=now,
        last_transition_time=since,
    )
    return (*remove(conditions, new.type), fresh)


def turn_off(conditions: Conditions, type: str, now: datetime) -> Conditions:
    """The list with that condition's status ``False``, its reason and message kept.

    Unchanged when it is absent.
    """
    old = find(conditions, type)
    if old is None:
        return conditions
    off = Condition(type=type, status="False", reason=old.reason, message=old.message)
    return put(conditions, off, now)


def remove(conditions: Conditions, type: str) -> Conditions:
    """The list without conditions of that type."""
    return tuple(condition for condition in conditions if condition.type != type)


def progress(status: str, reason: str, message: str) -> Condition:
    """What is waited for: ``True`` while it will come by itself, ``False`` when it needs help."""
    return Condition(type=PROGRESSING, status=status, reason=reason, message=message)


def show_progress(conditions: Conditions, new: Condition | None, now: datetime) -> Conditions:
    """The list with the ``Progressing`` condition, or without it when there is none.

    It stands first, never last: readers take the last condition for the state. Unlike others it is
    also renewed when only its message has changed.
    """
    old = find(conditions, PROGRESSING)
    if new is None:
        return conditions if old is None else remove(conditions, PROGRESSING)
    if old is not None and _says(old) == _says(new):
        return conditions
    since = old.last_transition_time if old is not None and old.status == new.status else now
    fresh = replace(new, last_update_time=now, last_transition_time=since)
    return (fresh, *remove(conditions, PROGRESSING))


def _says(condition: Condition) -> tuple[str, str, str]:
    return condition.status, condition.reason, condition.message
