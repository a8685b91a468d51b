from __future__ import annotations

import os
import re
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from katib.collectors.filters import DefaultFilter, UserFilters
from katib.collectors.json_lines import JsonCollector
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
    with pytest.raises(ValueError, match=r"missing \): \(loss"):
        collect(log, "loss=1", filters=["(loss"])


def test_a_filter_that_goes_astray_in_python_takes_no_time(log: Path) -> None:
    # `re` would try 2^200,000 ways to cut that word up, and the test's time would be over.
    found = collect(log, "loss" * 50_000 + " \nloss=2", filters=[r"((?:\w+\s*)+)=(\d)"])
    assert pairs(found) == [("loss", "2")]


def test_bytes_that_are_no_text_count_as_characters_in_a_filter(log: Path) -> None:
    found = collect(log, b"loss \xff 3\n", filters=[r"(loss) . (\d)"])
    assert pairs(found) == [("loss", "3")]


OTHER_FORMS: dict[str, tuple[str, Pairs]] = {
    "a colon": ("epoch 3, loss: 0.25", [("loss", "0.25")]),
    "behind the level of a logger": ("12:30:01 INFO loss: 0.25", [("loss", "0.25")]),
    "a dictionary of Python": ("{'loss': 0.25, 'lr': 1e-05}", [("loss", "0.25")]),
    "an object of JSON": ('{"step": 1, "loss": 0.25}', [("loss", "0.25")]),
    "a text of JSON": ('{"step": 1, "loss": "0.25"}', [("loss", "0.25")]),
    "an equal sign and a text": ("loss = '0.25'", [("loss", "0.25")]),
    "a percentage and a fraction": ("loss: 71.59% (9332/13036)", [("loss", "71.59")]),
    "every spelling of a float": (
        "loss: 1; loss: -.5; loss: +2.50E-3; loss: 1.2e+32; loss: 7.",
        [("loss", "1"), ("loss", "-.5"), ("loss", "+2.50E-3"), ("loss", "1.2e+32"), ("loss", "7")],
    ),
    "nan and infinity": ("loss: nan, loss: -Infinity", [("loss", "nan"), ("loss", "-Infinity")]),
    "a name that the default filter cannot take": (
        "train/loss=0.5",
        [("loss", "0.5"), ("train/loss", "0.5")],
    ),
    "a name with a blank": ("Train loss: 0.5", [("Train loss", "0.5")]),
    "a part of another name": ("val_loss: 1 val-loss: 1 val/loss: 1 val.loss: 1 loss_2: 1", []),
    "behind a word that tells which": ("validation loss: 0.5", []),
    "a fraction": ("loss: 3/10", []),
    "a time": ("loss: 12:30", []),
    "a date": ("loss: 2024-03-04", []),
    "a version": ("loss: 1.2.3", []),
    "thousands": ("loss: 1,000.5", []),
    "an underscore": ("loss: 1_000", []),
    "a word": ("loss: none loss: nano loss: unknown", []),
    "no value": ("loss: \nloss:\n0.5", []),
    "another case": ("Loss: 0.5", []),
    "the same name for Katib counts alone": ("loss: 0.7\nloss=0.5\nloss: 0.6", [("loss", "0.5")]),
    "one name for Katib and another one not": (
        "Train loss: 0.7\nloss=0.5\nTrain loss: 0.6",
        [("loss", "0.5"), ("Train loss", "0.7"), ("Train loss", "0.6")],
    ),
}


@pytest.mark.parametrize("case", OTHER_FORMS)
def test_other_forms(case: str, log: Path) -> None:
    text, expected = OTHER_FORMS[case]
    assert pairs(collect(log, text, ["loss", "train/loss", "Train loss"])) == expected


COMPLAINTS: dict[str, tuple[str, Pairs]] = {
    "a loss that is nan": ("loss=nan", [("loss", "nan")]),
    "a loss without a value": ("loss=", []),
    "a loss with three decimals": ("loss=888.33", [("loss", "888.33")]),
    "a loss as large as the sky": ("loss=1.2e+32", [("loss", "1.2e+32")]),
    "a loss without a zero": ("loss=.98", [("loss", ".98")]),
    "an accuracy in per cent": ("Accuracy: 71.59% (9332/13036)", [("Accuracy", "71.59")]),
    "an accuracy in the log of a logger": (
        "INFO:root:Epoch[9] Validation-accuracy=0.98",
        [("Validation-accuracy", "0.98")],
    ),
    "two metrics on a line": (
        "Validation-accuracy=0.9, loss=1",
        [("Validation-accuracy", "0.9"), ("loss", "1")],
    ),
    "numbers of JSON": ('{"loss": 0.5, "Accuracy": 1}', [("loss", "0.5"), ("Accuracy", "1")]),
    "texts of JSON": ('{"loss": "0.5", "Accuracy": "1"}', [("loss", "0.5"), ("Accuracy", "1")]),
}


@pytest.mark.parametrize("case", COMPLAINTS)
def test_what_users_of_katib_complained_about(case: str, log: Path) -> None:
    line, expected = COMPLAINTS[case]
    metrics = ["loss", "Accuracy", "Validation-accuracy"]
    assert pairs(collect(log, line, metrics)) == expected
    if line.startswith("{"):
        reader = JsonCollector(CollectorSource(metrics, (), log, "JSON"))
        assert pairs(reader.read(True)[0]) == expected


def test_another_form_keeps_the_time_of_its_line(log: Path) -> None:
    (entry,) = collect(log, "2024-03-04T12:00:00Z INFO loss: 1")
    assert entry == MetricEntry(NOON, "loss", "1")


def test_other_forms_wait_for_the_programs_end(log: Path) -> None:
    log.write_text("loss: 0.5\n")
    collector = TextCollector(CollectorSource(["loss"], (), log))
    assert collector.read(False) == ([], True)
    assert pairs(collector.read(True)[0]) == [("loss", "0.5")]
    assert collector.read(True) == ([], True)


def test_filters_of_the_user_know_no_other_forms(log: Path) -> None:
    assert collect(log, "loss: 1", filters=[r"(loss)=(\d)"]) == []


def test_metrics_without_a_name_find_nothing(log: Path) -> None:
    assert collect(log, "=1 loss=1\n", []) == []
    assert collect(log, "=1 loss=1\n", [""]) == []


# Katib's own expression, with the words that it takes for empty values.
KATIB = re.compile(
    r"([\w|-]+)\s*=\s*((?i:[+-]?(?:nan|inf(?:inity)?)(?!\w))|[+-]?\d*(?:\.\d+)?(?:[Ee][+-]?\d+)?)",
    re.ASCII,
)
PIECES = st.sampled_from(
    [*"=-+.|_ \t\n5e", "loss", "acc", "e5", "nan", "inf", "a|b", "0.5", "1E3", "loss=", "x=", "é"]
)
NAMES = st.sets(st.sampled_from(["loss", "acc", "e5", "nan-loss", "5", "inf", "a|b", "-x", "_"]))


@settings(max_examples=1000, deadline=None)
@given(pieces=st.lists(PIECES, max_size=40), names=NAMES)
def test_the_default_filter_finds_what_katibs_finds_line_by_line(
    pieces: list[str], names: set[str]
) -> None:
    text = "".join(pieces)
    expected = [
        (match[1], match[2])
        for line in text.split("\n")
        for match in KATIB.finditer(line)
        if match[1] in names and match[2]
    ]
    assert pairs(list(DefaultFilter(sorted(names)).find(text.encode()))) == expected


#: None matches nothing at all: what comes after an empty match, RE2 and Python see differently.
USERS = [r"(\w+)\s*=\s*(\d)?", r"(\w+)[^a]*?([.5]*)", r"(loss|acc)(.*)", r"([\w|-]+) ?=(.)"]


@settings(max_examples=500, deadline=None)
@given(pieces=st.lists(PIECES, max_size=30), filters=st.lists(st.sampled_from(USERS), min_size=1))
def test_filters_of_the_user_find_what_they_find_line_by_line(
    pieces: list[str], filters: list[str]
) -> None:
    text, names = "".join(pieces).replace("é", "e"), ["loss", "acc", "e5"]
    expected = [
        (match[1].strip(), (match[2] or "").strip())
        for line in text.split("\n")
        if any(name in line for name in names)
        for one in filters
        for match in re.finditer(one, line, re.ASCII)
        if match[1].strip() in names
    ]
    assert pairs(list(UserFilters(names, filters).find(text.encode()))) == expected


def test_lines_of_several_writers_are_all_found(log: Path) -> None:
    count, collector = 2000, TextCollector(CollectorSource(["a", "b", "c"], (), log))

    def write(name: str) -> None:
        for number in range(count):
            with log.open("a") as file:
                file.write(f"{name}={number}\n")

    writers = [threading.Thread(target=write, args=(name,)) for name in "abc"]
    for writer in writers:
        writer.start()
    found: list[MetricEntry] = []
    while any(writer.is_alive() for writer in writers):
        found += collector.read(False)[0]
    found += collector.read(True)[0]
    for name in "abc":
        assert [entry.value for entry in found if entry.name == name] == [*map(str, range(count))]


def test_lines_of_a_megabyte_hide_nothing(log: Path) -> None:
    noise = "x " * (CHUNK_BYTES // 2)
    text = "".join(f"{noise}loss={number}\n" for number in range(5))
    assert [value for _, value in pairs(collect(log, text))] == [*"01234"]


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=200), filters=st.sampled_from([(), (r"(\w+)=(\d)",)]))
def test_no_bytes_before_a_line_hide_it(
    data: bytes, filters: Sequence[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    log = tmp_path_factory.mktemp("noise") / "log"
    found = collect(log, data + b"\nloss=1\n", filters=filters)
    assert pairs(found)[-1] == ("loss", "1")


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
