from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from katib.collectors.file import FileCollector
from katib.collectors.json_lines import JsonCollector
from katib.ports.collector import CollectorSource
from katib.ports.observation_log import NO_TIME, MetricEntry

Pairs = list[tuple[str, str]]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "mnist.json"


def collect(log: Path, text: str | bytes, metrics: Sequence[str] = ("loss",)) -> list[MetricEntry]:
    log.write_bytes(text if isinstance(text, bytes) else text.encode())
    collector = JsonCollector(CollectorSource(metrics, (), log, "JSON"))
    found: list[MetricEntry] = []
    is_caught_up = False
    while not is_caught_up:
        entries, is_caught_up = collector.read(True)
        found += entries
    return found


LINES: dict[str, tuple[str | bytes, Pairs]] = {
    "a text is kept as it is": ('{"loss": "0.30"}', [("loss", "0.30")]),
    "an empty text is one": ('{"loss": ""}', [("loss", "")]),
    "a number is kept with its digits": ('{"loss": 0.30}', [("loss", "0.30")]),
    "a number without a fraction": ('{"loss": -1}', [("loss", "-1")]),
    "a number with an exponent": ('{"loss": 1.50E-10}', [("loss", "1.50E-10")]),
    "what Python writes for a number that is none": (
        '{"loss": NaN, "accuracy": -Infinity}',
        [("accuracy", "-Infinity"), ("loss", "NaN")],
    ),
    "the objective comes first": (
        '{"loss": "1", "accuracy": "2"}',
        [("accuracy", "2"), ("loss", "1")],
    ),
    "only one of them": ('{"epoch": 1, "loss": "1"}', [("loss", "1")]),
    "a value of another type is no metric": (
        '{"loss": null}\n{"loss": true}\n{"loss": [1]}\n{"loss": {"loss": 1}}',
        [],
    ),
    "a key inside another object is no metric": ('{"train": {"loss": 1}}', []),
    "a name in a value is no metric": ('{"metric": "loss"}', []),
    "a key written twice has its last value": ('{"loss": 1, "loss": 2}', [("loss", "2")]),
    "a key written with escapes": ('{"\\u006coss": 1}', [("loss", "1")]),
    "empty lines are passed over": ('\n\n{"loss": 1}\n \n', [("loss", "1")]),
    "lines that are no JSON are passed over": (
        'loss=1\n{"loss": 1}\n{"loss": 2\nloss\n{"loss": 3}{"loss": 4}\n{"loss": 5}',
        [("loss", "1"), ("loss", "5")],
    ),
    "JSON that is no object is passed over": ('["loss"]\n"loss"\n1\n{"loss": 2}', [("loss", "2")]),
    "JSON nested beyond reason is passed over": (
        '{"loss": ' + "[" * 200_000 + '\n{"loss": 2}',
        [("loss", "2")],
    ),
    "half a character becomes a question mark": ('{"loss": "\\ud800"}', [("loss", "?")]),
    "lines that end as on Windows": (
        '{"loss": 1}\r\n{"loss": 2}\r\n',
        [("loss", "1"), ("loss", "2")],
    ),
    "bytes that are no text": (b'{"loss": "\xff"}', [("loss", "\ufffd")]),
}


@pytest.mark.parametrize("case", LINES)
def test_the_metrics_of_lines(case: str, log: Path) -> None:
    text, expected = LINES[case]
    found = collect(log, text, ["accuracy", "loss"])
    assert [(entry.name, entry.value) for entry in found] == expected
    assert {type(entry.value) for entry in found} <= {str}


@pytest.mark.parametrize(
    "spelt", ['{"dépôt": 1}', '{"d\\u00e9p\\u00f4t": 1}'], ids=["as it is", "with escapes"]
)
def test_a_name_beyond_ascii_is_found_however_it_is_spelt(spelt: str, log: Path) -> None:
    assert collect(log, spelt, ["dépôt"]) == [MetricEntry(NO_TIME, "dépôt", "1")]


NOON = datetime(2021, 12, 2, 5, 27, 27, tzinfo=UTC)
TIMES: dict[str, tuple[str, datetime]] = {
    "seconds": ("1638422847", NOON),
    "seconds with a fraction": ("1638422847.28721", NOON.replace(microsecond=287210)),
    "a text of RFC 3339": (
        '"2021-12-02T14:27:50.000035161+09:00"',
        datetime(2021, 12, 2, 5, 27, 50, 35, tzinfo=UTC),
    ),
    "a text of seconds is no time": ('"1638422847"', NO_TIME),
    "an invalid text": ('"invalid"', NO_TIME),
    "an empty text": ('""', NO_TIME),
    "another type": ("[1638422847]", NO_TIME),
    "nothing": ("null", NO_TIME),
}


@pytest.mark.parametrize("case", TIMES)
def test_the_time_of_an_object(case: str, log: Path) -> None:
    text, expected = TIMES[case]
    found = collect(
        log, f'{{"loss": "1", "timestamp": {text}, "accuracy": 2}}', ["loss", "accuracy"]
    )
    assert [entry.time for entry in found] == [expected, expected]


def test_an_object_without_a_time_has_none(log: Path) -> None:
    assert collect(log, '{"loss": "1"}') == [MetricEntry(NO_TIME, "loss", "1")]


def test_a_file_is_read_in_its_format(log: Path) -> None:
    log.write_text('{"loss": 1}\nloss=2\n')
    found = {
        format: FileCollector(CollectorSource(["loss"], (), log, format)).read(True)[0]
        for format in ("TEXT", "JSON")
    }
    assert found == {
        "TEXT": [MetricEntry(NO_TIME, "loss", "2")],
        "JSON": [MetricEntry(NO_TIME, "loss", "1")],
    }


def test_a_text_file_is_read_with_the_filters_of_the_user(log: Path) -> None:
    log.write_text(
        "2024-03-04T17:55:08Z INFO     {metricName: loss, metricValue: 0.5183}\nloss=2\n"
    )
    filters = [r"{metricName: ([\w|-]+), metricValue: ((-?\d+)(\.\d+)?)}"]
    entries, _ = FileCollector(CollectorSource(["loss"], filters, log)).read(True)
    assert entries == [MetricEntry(datetime(2024, 3, 4, 17, 55, 8, tzinfo=UTC), "loss", "0.5183")]


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.lists(st.integers(), max_size=2),
)
OBJECTS = st.dictionaries(st.sampled_from(["loss", "accuracy", "timestamp", "x"]), VALUES)


@settings(max_examples=300, deadline=None)
@given(objects=st.lists(OBJECTS, max_size=6), is_ascii=st.booleans())
def test_texts_and_numbers_are_found_in_any_objects(
    objects: list[dict[str, object]], is_ascii: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    log = tmp_path_factory.mktemp("objects") / "log"
    lines = [json.dumps(one, ensure_ascii=is_ascii) for one in objects]
    found = collect(log, "\n".join(lines), ["loss", "accuracy"])
    expected = [
        (name, one[name] if isinstance(one[name], str) else json.dumps(one[name]))
        for one in objects
        for name in ("loss", "accuracy")
        if isinstance(one.get(name), (str, int, float)) and not isinstance(one[name], bool)
    ]
    assert [(entry.name, entry.value) for entry in found] == expected


@settings(max_examples=300, deadline=None)
@given(data=st.binary(max_size=200))
def test_no_bytes_hide_the_next_object(
    data: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    log = tmp_path_factory.mktemp("noise") / "log"
    found = collect(log, data + b'\n{"loss": 1}\n')
    assert (found[-1].name, found[-1].value) == ("loss", "1")
