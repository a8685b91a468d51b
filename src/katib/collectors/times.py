"""When a metric was reported, as programs write it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation

from katib.ports.observation_log import NO_TIME

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

#: More seconds than this from 1970 lie beyond all calendars.
_MOST_SECONDS = 10**12


def time_of_text(text: str) -> datetime:
    """The time of an RFC 3339 text, to the microsecond; :data:`NO_TIME` for any other text."""
    if not _RFC_3339.fullmatch(text):
        return NO_TIME
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return NO_TIME


def time_of_seconds(text: str) -> datetime:
    """The time of a number of seconds since 1970, to the microsecond.

    :data:`NO_TIME` when it is no time. Katib takes the digits behind the point for a number of
    nanoseconds, so that ``.3`` comes before ``.25`` there; here they are a fraction.
    """
    try:
        seconds = Decimal(text)
        if not seconds.is_finite() or not -_MOST_SECONDS <= seconds <= _MOST_SECONDS:
            return NO_TIME
        return _EPOCH + timedelta(microseconds=int(seconds.scaleb(6)))
    except (InvalidOperation, OverflowError):
        return NO_TIME
