from __future__ import annotations

import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from katib.collectors.lines import CHUNK_BYTES
from katib.collectors.text import TextCollector
from katib.ports.collector import CollectorSource
from katib.ports.observation_log import NO_TIME, MetricEntry

Pairs = list[tuple[str, str]]

KATIB_FILTER = r"{metricName: ([\w|-]+), metricValue: ((-?\d+)(\.\d+)?)}"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


def collect(
    log: Path, text: str | bytes, metrics: Sequence[str] = ("loss",), filters: Sequence[str] = ()
) -> list[MetricEntry]:
    log.write_bytes(text if isinstance(text, bytes) else text.encode())
    collector = TextCollector(CollectorSource(metrics, filters, log))
    found: list[MetricEntry] = []
    is_caught_up = False
    while not is_caught_up:
        entries, is_caught_up = collector.read(True)
        found += entries
    return found


def pairs(entries: Sequence[MetricEntry]) -> Pairs:
    return [(entry.name, entry.value) for entry in entries]


DEFAULT_FILTER: dict[str, tuple[str, Pairs]] = {
    "a plain number": ("loss=0.3", [("loss", "0.3")]),
    "no leading zero": ("loss=.98", [("loss", ".98")]),
    "a negative exponent": ("loss=-7.53e-05", [("loss", "-7.53e-05")]),
    "a capital exponent": ("loss=1E0 loss=1.23E10", [("loss", "1E0"), ("loss", "1.23E10")]),
    "blanks and a unit": ("loss = 0.5%", [("loss", "0.5")]),
    "a plus sign and tabs": ("\tloss\t=\t+2", [("loss", "+2")]),
    "a point without digits": ("loss=1.", [("loss", "1")]),
    "two equal signs have no value": ("loss==3", []),
    "no value at all": ("loss=", []),
    "a word is no value": ("loss=unknown", []),
    "a word that begins like a number's": ("loss=nano loss=information", []),
    "two metrics in one line": (
        "Validation-accuracy=0.9, loss=1",
        [("Validation-accuracy", "0.9"), ("loss", "1")],
    ),
    "a name that only ends in the metric": ("val_loss=1 val-loss=2 a|loss=3", []),
    "a name that only begins with it": ("losses=1", []),
    "another case": ("Loss=1", []),
    "nan as Python and as C print it": (
        "loss=nan loss=-nan loss=NaN, loss=NAN",
        [("loss", "nan"), ("loss", "-nan"), ("loss", "NaN"), ("loss", "NAN")],
    ),
    "infinity in all its words": (
        "loss=inf loss=+Inf loss=-infinity loss=INFINITY;",
        [("loss", "inf"), ("loss", "+Inf"), ("loss", "-infinity"), ("loss", "INFINITY")],
    ),
    "reports without anything between": ("loss=0.5loss=1", [("loss", "0.5"), ("loss", "1")]),
    "a sign that belongs to no number": ("loss=-loss=3", [("loss", "-"), ("loss", "3")]),
    "an assignment to a name": ("x=loss=3", [("loss", "3")]),
    "letters beyond ASCII are no part of a name": ("éloss=3", [("loss", "3")]),
    "digits beyond ASCII are no number": ("loss=٣", []),
    "a carriage return ends a line": (
        "1/2 loss=0.5\r2/2 loss=0.25\r\nloss=1",
        [("loss", "0.5"), ("loss", "0.25"), ("loss", "1")],
    ),
}


@pytest.mark.parametrize("case", DEFAULT_FILTER)
def test_the_default_filter(case: str, log: Path) -> None:
    line, expected = DEFAULT_FILTER[case]
    assert pairs(collect(log, line, ["loss", "Validation-accuracy"])) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "2024-03-04T17:55:08Z INFO     {metricName: accuracy, metricValue: 0.8078};"
            "{metricName: loss, metricValue: 0.5183}",
            [("accuracy", "0.8078"), ("loss", "0.5183")],
        ),
        ("{metricName: loss, metricValue: 100}", [("loss", "100")]),
        ("{metricName: loss, metricValue: -0.4759}", [("loss", "-0.4759")]),
        ("{metricName: loss, metricValue: .333}", []),
        ("{metricName: loss, metricValue: - 345.333}", []),
        ("{metricName: loss, metricValue: 888.}", []),
        ("{metricName: loss, metricValue: 888", []),
        ("loss=3", []),
    ],
)
def test_a_filter_of_the_user(line: str, expected: Pairs, log: Path) -> None:
    assert pairs(collect(log, line, ["accuracy", "loss"], [KATIB_FILTER])) == expected


def test_the_order_is_line_then_filter_then_match(log: Path) -> None:
    filters = [r"(loss): (\d)", r"(accuracy|loss): (\d)"]
    found = collect(log, "accuracy: 1 loss: 2\nloss: 3\n", ["loss", "accuracy"], filters)
    assert pairs(found) == [
        ("loss", "2"),
        ("accuracy", "1"),
        ("loss", "2"),
        ("loss", "3"),
        ("loss", "3"),
    ]


def test_groups_are_trimmed_and_a_name_may_hold_blanks(log: Path) -> None:
    found = collect(log, "valid_1 auc : 0.7 ;", ["valid_1 auc"], [r"(\w+\s\w+\s*):([^;]*)"])
    assert pairs(found) == [("valid_1 auc", "0.7")]


def test_a_users_filter_may_report_an_empty_value(log: Path) -> None:
    assert pairs(collect(log, "loss:", filters=[r"(loss):(\d+)?"])) == [("loss", "")]


def test_a_filter_with_one_group_finds_nothing(log: Path) -> None:
    assert collect(log, "loss=1", filters=[r"(loss)=1"]) == []


def test_a_filter_that_is_no_expression_is_refused_at_once(log: Path) -> None:
    with pytest.raises(re.error):
        collect(log, "loss=1", filters=["(loss"])


NOON = datetime(2024, 3, 4, 12, tzinfo=UTC)
TIMES: dict[str, tuple[str, datetime]] = {
    "zulu": ("2024-03-04T12:00:00Z INFO loss=1", NOON),
    "an offset": ("2024-03-04T14:30:00+02:30 loss=1", NOON),
    "microseconds": ("2024-03-04T12:00:00.000123Z loss=1", NOON.replace(microsecond=123)),
    "nanoseconds are cut": ("2024-03-04T12:00:00.000123999Z loss=1", NOON.replace(microsecond=123)),
    "no zone": ("2024-03-04T12:00:00 loss=1", NO_TIME),
    "a date only": ("2024-03-04 loss=1", NO_TIME),
    "no blank after it": ("2024-03-04T12:00:00Z,loss=1", NO_TIME),
    "not at the beginning": (" 2024-03-04T12:00:00Z loss=1", NO_TIME),
    "a month that is none": ("2024-13-04T12:00:00Z loss=1", NO_TIME),
    "a time before all times": ("0001-01-01T00:00:00+01:00 loss=1", NO_TIME),
    "a leap second": ("2024-03-04T23:59:60Z loss=1", NO_TIME),
}


@pytest.mark.parametrize("case", TIMES)
def test_the_time_of_a_line(case: str, log: Path) -> None:
    line, expected = TIMES[case]
    (entry,) = collect(log, line)
    assert entry.time == expected
    assert entry.time.utcoffset() == NO_TIME.utcoffset()


def test_a_line_longer_than_a_chunk_is_cut_at_a_blank(log: Path) -> None:
    before = "x " * (CHUNK_BYTES // 2 - 3)
    found = collect(log, before + "loss=123456 " + "y" * CHUNK_BYTES + " loss=2")
    assert pairs(found) == [("loss", "123456"), ("loss", "2")]


def test_a_value_across_two_chunks_is_whole(log: Path) -> None:
    filler = "x" * 99 + "\n"
    lines = filler * (CHUNK_BYTES // 100)
    lines += "z" * (CHUNK_BYTES - len(lines) - 8) + "\nloss=0.12345\n"
    assert len(lines) > CHUNK_BYTES
    assert pairs(collect(log, lines)) == [("loss", "0.12345")]


def test_one_long_word_takes_no_longer_than_many_short_ones(log: Path) -> None:
    # Trying every letter of that word would take hours, and the test's time would be over.
    found = collect(log, "loss" * 200_000 + " " * 200_000 + "x=1\nloss=2")
    assert pairs(found) == [("loss", "2")]


def test_no_file_stays_open(log: Path) -> None:
    collector = TextCollector(CollectorSource(["loss"], (), log))
    log.write_text("loss=1\n")
    probe = os.open(os.devnull, os.O_RDONLY)
    os.close(probe)
    for _ in range(5):
        collector.read(False)
    after = os.open(os.devnull, os.O_RDONLY)
    os.close(after)
    assert after == probe
