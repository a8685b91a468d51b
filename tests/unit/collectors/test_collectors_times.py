from __future__ import annotations

from datetime import UTC, datetime

import pytest

from katib.collectors.times import time_of_seconds, time_of_text
from katib.ports.observation_log import NO_TIME

MOMENT = datetime(2021, 12, 2, 5, 27, 27, tzinfo=UTC)

SECONDS: dict[str, tuple[str, datetime]] = {
    "whole seconds": ("1638422847", MOMENT),
    "a fraction is a fraction of a second": (
        "1638422847.28721",
        MOMENT.replace(microsecond=287210),
    ),
    "a fraction of one digit comes behind one of two": (
        "1638422847.3",
        MOMENT.replace(microsecond=300000),
    ),
    "nanoseconds are cut": ("1638422847.287801999", MOMENT.replace(microsecond=287801)),
    "an exponent": ("1.638422847e9", MOMENT),
    "the beginning": ("0", datetime(1970, 1, 1, tzinfo=UTC)),
    "before the beginning": ("-0.5", datetime(1969, 12, 31, 23, 59, 59, 500000, tzinfo=UTC)),
    "milliseconds lie beyond all calendars": ("1638422847287", NO_TIME),
    "a number that would fill the memory": ("1e999999999", NO_TIME),
    "not a number": ("NaN", NO_TIME),
    "no end": ("-Infinity", NO_TIME),
    "no number": ("soon", NO_TIME),
}


@pytest.mark.parametrize("case", SECONDS)
def test_seconds_since_1970(case: str) -> None:
    text, expected = SECONDS[case]
    assert time_of_seconds(text) == expected


TEXTS: dict[str, tuple[str, datetime]] = {
    "an offset is taken off": (
        "2021-12-02T14:27:27.000035161+09:00",
        MOMENT.replace(microsecond=35),
    ),
    "Zulu": ("2021-12-02T05:27:27Z", MOMENT),
    "no zone": ("2021-12-02T05:27:27", NO_TIME),
    "nothing": ("", NO_TIME),
    "a word": ("invalid", NO_TIME),
}


@pytest.mark.parametrize("case", TEXTS)
def test_texts_of_time(case: str) -> None:
    text, expected = TEXTS[case]
    assert time_of_text(text) == expected
    assert time_of_text(text).tzinfo is UTC
