from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from katib.collectors.reports import LONGEST_NAME, MOST_PROBLEMS, read_report
from katib.errors import AdmissionError
from katib.ports.observation_log import MetricEntry

NOW = datetime(2026, 5, 1, 12, 0, 0, 250_000, UTC)
EARLIER = datetime(2026, 1, 31, 12, 0, 0, 500_000, UTC)
JSON, FORM = "application/json", "application/x-www-form-urlencoded"

Pairs = list[tuple[str, str]]
READ: dict[str, tuple[str, bytes, Pairs]] = {
    "one field": (FORM, b"loss=0.3", [("loss", "0.3")]),
    "several fields": (FORM, b"loss=0.3&accuracy=0.9", [("loss", "0.3"), ("accuracy", "0.9")]),
    "a field in each line": (FORM, b"loss=0.3\r\nloss=0.2\n\n", [("loss", "0.3"), ("loss", "0.2")]),
    "blanks around both": (FORM, b" loss = 0.3 ", [("loss", "0.3")]),
    "an exponent's plus, as curl sends it": (FORM, b"loss=1e+05", [("loss", "1e+05")]),
    "an exponent's plus, as a form has it": (FORM, b"loss=1e%2B05", [("loss", "1e+05")]),
    "a name with a blank": (
        FORM,
        b"valid+auc=1&valid%20f1=2",
        [("valid auc", "1"), ("valid f1", "2")],
    ),
    "an equal sign in the value": (FORM, b"genotype=a=b", [("genotype", "a=b")]),
    "what is no number": (FORM, b"loss=nan&best=-inf", [("loss", "nan"), ("best", "-inf")]),
    "no type of content": ("", b"loss=0.3", [("loss", "0.3")]),
    "JSON that curl calls a form": (FORM, b' {"loss": 0.3}', [("loss", "0.3")]),
    "a list that curl calls a form": (FORM, b'[{"loss": 0.3}]', [("loss", "0.3")]),
    "numbers and texts": (
        JSON,
        b'{"loss": 0.3, "accuracy": "0.9"}',
        [("loss", "0.3"), ("accuracy", "0.9")],
    ),
    "digits as they are": (
        JSON,
        b'{"a": 0.10, "b": 1E+2, "c": 12345678901234567890123}',
        [("a", "0.10"), ("b", "1E+2"), ("c", "12345678901234567890123")],
    ),
    "numbers that JSON lacks": (
        JSON,
        b'{"a": NaN, "b": -Infinity}',
        [("a", "NaN"), ("b", "-Infinity")],
    ),
    "a text": (JSON, b'{"genotype": "Genotype(normal=[])"}', [("genotype", "Genotype(normal=[])")]),
    "a list": (JSON, b'[{"loss": 2}, {"loss": 1}]', [("loss", "2"), ("loss", "1")]),
    "lines": (JSON, b'{"loss": 2}\n\n{"loss": 1}\n', [("loss", "2"), ("loss", "1")]),
    "half a character": (JSON, b'{"loss": "\\ud800"}', [("loss", "?")]),
    "letters of any script": (JSON, '{"fehlermaß": 1}'.encode(), [("fehlermaß", "1")]),
}


@pytest.mark.parametrize("case", READ)
def test_what_is_read(case: str) -> None:
    content_type, body, expected = READ[case]
    entries = read_report(body, content_type, NOW)
    assert entries == [MetricEntry(NOW, name, value) for name, value in expected]


TIMES: dict[str, tuple[str, bytes]] = {
    "a text": (JSON, b'{"timestamp": "2026-01-31T12:00:00.5Z", "loss": 1}'),
    "a text of another zone": (JSON, b'{"loss": 1, "timestamp": "2026-01-31T21:00:00.5+09:00"}'),
    "seconds": (JSON, b'{"timestamp": 1769860800.5, "loss": 1}'),
    "seconds in a text": (JSON, b'{"timestamp": "1769860800.5", "loss": 1}'),
    "a field": (FORM, b"loss=1&timestamp=2026-01-31T12:00:00.5Z"),
    "a field of another zone": (FORM, b"loss=1&timestamp=2026-01-31T21:00:00.5+09:00"),
    "a field of seconds": (FORM, b"timestamp=1769860800.5&loss=1"),
}


@pytest.mark.parametrize("case", TIMES)
def test_when_it_was(case: str) -> None:
    content_type, body = TIMES[case]
    assert read_report(body, content_type, NOW) == [MetricEntry(EARLIER, "loss", "1")]


def test_a_time_is_that_of_its_object_alone() -> None:
    body = b'[{"a": 1}, {"timestamp": "2026-01-31T12:00:00.5Z", "b": 2, "c": 3}]'
    assert [entry.time for entry in read_report(body, JSON, NOW)] == [NOW, EARLIER, EARLIER]


LONG = "x" * (LONGEST_NAME + 1)
REFUSED: dict[str, tuple[str, bytes, list[str]]] = {
    "nothing": (FORM, b"", ["the body: Invalid value: there is no metric in it"]),
    "a time alone": (JSON, b'{"timestamp": 5}', ["the body: Invalid value: there is no metric"]),
    "an empty list": (JSON, b"[]", ["the body: Invalid value: there is no metric in it"]),
    "a word": (FORM, b"loss", ["loss: Invalid value: a metric and its value are expected"]),
    "a field without a name": (FORM, b"=3", ['"": Invalid value: a metric\'s name of 1 to 255']),
    "a field without a value": (FORM, b"loss=", ['loss: Invalid value: "": a number or a text']),
    "no JSON": (JSON, b"loss=0.3", ["the body: Invalid value: JSON is expected: Expecting value"]),
    "JSON that is cut off": (JSON, b'{"loss": 0.3', ["the body: Invalid value: JSON is expected"]),
    "JSON in JSON in JSON": (JSON, b"[" * 100_000, ["the body: Invalid value: JSON is expected"]),
    "another encoding": (JSON, b'{"lo\xff": 1}', ["UTF-8 is expected; byte 4 is none"]),
    "a number alone": (JSON, b"0.3", ['the body: Invalid value: 0.3: an object such as {"loss"']),
    "null": (
        JSON,
        b'{"loss": null}',
        ["loss: Invalid value: null: a number or a text is expected"],
    ),
    "a bool": (JSON, b'{"loss": true}', ["loss: Invalid value: true: a number or a text"]),
    "a list for a value": (
        JSON,
        b'{"loss": [1, 2]}',
        ['loss: Invalid value: ["1", "2"]: a number'],
    ),
    "an object for a value": (JSON, b'{"a": {"b": 1}}', ['a: Invalid value: {"b": "1"}: a number']),
    "an empty text": (JSON, b'{"loss": ""}', ['loss: Invalid value: "": a number or a text']),
    "a name that is too long": (JSON, json.dumps({LONG: 1}).encode(), ["a metric's name of 1 to"]),
    "no time": (
        JSON,
        b'{"timestamp": "yesterday", "loss": 1}',
        ["timestamp: Invalid value: yesterday: a time such as 2026-01-31T12:00:00.5Z is expected"],
    ),
    "a time without a zone": (
        FORM,
        b"loss=1&timestamp=2026-01-31T12:00:00",
        ["timestamp: Invalid value: 2026-01-31T12:00:00: a time such as"],
    ),
    "a list as a time": (JSON, b'{"timestamp": [1], "loss": 1}', ["timestamp: Invalid value: ["]),
    "several things, each with its place": (
        JSON,
        b'[{"loss": 1}, 5, {"loss": null, "accuracy": true, "timestamp": "now"}]\n{"f1": []}',
        [
            "5 errors",
            "[0][1]: Invalid value: 5: an object such as",
            "[0][2].timestamp: Invalid value: now",
            "[0][2].loss: Invalid value: null",
            "[0][2].accuracy: Invalid value: true",
            "[1].f1: Invalid value: []",
        ],
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_is_refused_as_a_whole(case: str) -> None:
    content_type, body, expected = REFUSED[case]
    with pytest.raises(AdmissionError) as caught:
        read_report(body, content_type, NOW)
    told = str(caught.value)
    assert told.startswith("the report is refused")
    assert [part for part in expected if part not in told] == [], told


def test_not_everything_that_is_wrong_is_told() -> None:
    body = json.dumps([{"loss": None}] * 1000).encode()
    with pytest.raises(AdmissionError) as caught:
        read_report(body, JSON, NOW)
    assert len(caught.value.errors) == MOST_PROBLEMS


def test_of_what_was_found_only_the_beginning_is_told() -> None:
    with pytest.raises(AdmissionError) as caught:
        read_report(json.dumps({"loss": ["x" * 10_000]}).encode(), JSON, NOW)
    assert len(str(caught.value)) < 300


@given(st.binary(max_size=200), st.sampled_from([JSON, FORM, ""]))
def test_any_bytes_are_read_or_refused(body: bytes, content_type: str) -> None:
    try:
        entries = read_report(body, content_type, NOW)
    except AdmissionError:
        return
    assert entries
    assert all(entry.name and entry.value for entry in entries)


NAMES = st.text(min_size=1, max_size=20).filter(lambda name: name != "timestamp")
VALUES = st.text(min_size=1, max_size=20)


@given(st.lists(st.dictionaries(NAMES, VALUES, min_size=1, max_size=4), min_size=1, max_size=4))
def test_what_json_says_arrives(report: list[dict[str, str]]) -> None:
    wanted = [(name, value) for part in report for name, value in part.items()]
    found = read_report(json.dumps(report).encode(), JSON, NOW)
    assert [(entry.name, entry.value) for entry in found] == [
        (_whole(name), _whole(value)) for name, value in wanted
    ]


def _whole(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
