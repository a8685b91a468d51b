from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.samples import Sample

from katib.collectors.exposition import ExpositionError, Snapshot, name_of, read_snapshot

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
Pairs = list[tuple[str, str]]


def read(text: str, metrics: Sequence[str] = ("loss",), wildcards: Sequence[str] = ()) -> Snapshot:
    return read_snapshot(text, metrics, wildcards, NOON)


def pairs(snapshot: Snapshot) -> Pairs:
    return [(entry.name, entry.value) for entry in snapshot.entries]


SERIES = 'loss{phase="val",fold="1"} 1\nloss{phase="train",fold="1"} 2\nacc{phase="val"} 0.5\n'

CHOSEN: dict[str, tuple[str, str, Pairs]] = {
    "a name alone": ("loss 0.25\n", "loss", [("loss", "0.25")]),
    "a whole number": ("loss 3\n", "loss", [("loss", "3.0")]),
    "what is no number": ("loss NaN\n", "loss", [("loss", "nan")]),
    "infinity": ("loss +Inf\n", "loss", [("loss", "inf")]),
    "its help and type are no values": (
        "# HELP loss loss 1\n# TYPE loss gauge\nloss 2\n",
        "loss",
        [("loss", "2.0")],
    ),
    "another name": ("losses 1\n", "loss", []),
    "labels": (SERIES, 'loss{phase="val",fold="1"}', [('loss{phase="val",fold="1"}', "1.0")]),
    "labels in another order and with blanks": (
        SERIES,
        'loss{ fold="1", phase="train" }',
        [('loss{ fold="1", phase="train" }', "2.0")],
    ),
    "some of the labels, when one series has them": (
        SERIES,
        'loss{phase="val"}',
        [('loss{phase="val"}', "1.0")],
    ),
    "no label, when there is one series": (SERIES, "acc", [("acc", "0.5")]),
    "no label, when one of several has none": (
        'loss 7\nloss{phase="val"} 1\n',
        "loss",
        [("loss", "7.0")],
    ),
    "a label of another value": (SERIES, 'loss{phase="test"}', []),
    "a value with quotes and a backslash": (
        'loss{of="a\\"b\\\\c\\nd"} 1\n',
        'loss{of="a\\"b\\\\c\\nd"}',
        [('loss{of="a\\"b\\\\c\\nd"}', "1.0")],
    ),
    "what the library made up, by its name": (
        "loss_created 5\n",
        "loss_created",
        [("loss_created", "5.0")],
    ),
    "a name that is none": (SERIES, "val loss", []),
}


@pytest.mark.parametrize("case", CHOSEN)
def test_which_series_a_metric_is(case: str) -> None:
    text, metric, expected = CHOSEN[case]
    found = read(text, [metric])
    assert pairs(found) == expected
    assert not found.doubts


def test_a_name_that_could_be_several_series_is_none_and_they_are_told() -> None:
    found = read(SERIES)
    assert pairs(found) == []
    assert found.doubts == {"loss": ['loss{fold="1",phase="val"}', 'loss{fold="1",phase="train"}']}
    assert len(found.names) == 3


def test_wildcards_match_names_with_their_labels() -> None:
    found = read(SERIES, ['loss{phase="val"}'], ["loss*", '*phase="val"*'])
    assert pairs(found) == [
        ('loss{phase="val"}', "1.0"),
        ('loss{fold="1",phase="train"}', "2.0"),
        ('acc{phase="val"}', "0.5"),
    ]


def test_wildcards_leave_out_what_the_library_makes_up() -> None:
    registry = CollectorRegistry()
    Counter("steps", "of training", registry=registry).inc(3)
    Histogram("seconds", "of a step", registry=registry).observe(0.1)
    Gauge("loss", "to be small", registry=registry).set(0.5)
    found = read(generate_latest(registry).decode(), wildcards=["*"])
    assert pairs(found) == [
        ("loss", "0.5"),
        ("steps_total", "3.0"),
        ("seconds_count", "1.0"),
        ("seconds_sum", "0.1"),
    ]


def test_times_are_those_of_the_samples_or_of_the_look() -> None:
    found = read("loss 1 1767225600500\nacc 2\n", ["loss", "acc"])
    times = [entry.time for entry in found.entries]
    assert times == [datetime(2026, 1, 1, microsecond=500_000, tzinfo=UTC), NOON]


GARBAGE = ["<html><body>loss 1</body></html>", "loss", "loss one\n", 'loss{a="b 1\n', "{} 1", '"']


@pytest.mark.parametrize("text", GARBAGE)
def test_another_format_is_refused(text: str) -> None:
    with pytest.raises(ExpositionError, match="it is not in Prometheus' text format"):
        read(text)


@settings(max_examples=1000, deadline=None)
@given(text=st.text(max_size=60) | st.text('loss{}="\\,#HELPTY \n\t.0123eE+-naif', max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = read(text, ["loss", "a"], ["*"])
    except ExpositionError:
        return
    assert all(isinstance(float(entry.value), float) for entry in found.entries)


LABELS = st.dictionaries(
    st.sampled_from(["phase", "fold", "a"]), st.text(max_size=6), min_size=0, max_size=3
)
FLOATS = st.floats()


@settings(max_examples=300, deadline=None)
@given(series=st.lists(st.tuples(LABELS, FLOATS), max_size=5, unique_by=lambda one: str(one[0])))
def test_what_the_library_serves_is_read_series_by_series(
    series: list[tuple[dict[str, str], float]],
) -> None:
    registry = CollectorRegistry()
    names = []
    for number, (labels, value) in enumerate(series):
        gauge = Gauge(f"m{number}", "help", list(labels), registry=registry)
        (gauge.labels(**labels) if labels else gauge).set(value)
        names.append(name_of(Sample(f"m{number}", labels, value)))
    found = read(generate_latest(registry).decode(), names)
    assert [entry.name for entry in found.entries] == [
        name.encode("utf-8", "replace").decode() for name in names
    ]
    for entry, (_, value) in zip(found.entries, series, strict=True):
        assert float(entry.value) == value or (math.isnan(value) and entry.value == "nan")
