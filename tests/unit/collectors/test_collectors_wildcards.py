"""Wildcards, as each collector that reads names sees them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from event_files import scalar, write
from hypothesis import given, settings
from hypothesis import strategies as st

from katib.collectors.filters import DefaultFilter
from katib.collectors.json_lines import JsonCollector
from katib.collectors.tensorflow_event import TensorFlowEventCollector
from katib.collectors.text import TextCollector
from katib.ports.collector import Collector, CollectorSource

Pairs = list[tuple[str, str]]


def rest(collector: Collector) -> Pairs:
    """What a collector finds after the program's end."""
    found: Pairs = []
    for _ in range(50):
        entries, is_caught_up = collector.read(True)
        found += [(entry.name, entry.value) for entry in entries]
        if is_caught_up:
            return found
    raise AssertionError("the collector does not come to an end")


def of_text(path: Path, text: str, *wildcards: str, filters: Sequence[str] = ()) -> Pairs:
    path.write_text(text)
    return rest(TextCollector(CollectorSource(["loss"], filters, path, "TEXT", wildcards)))


TEXTS: dict[str, tuple[str, tuple[str, ...], Pairs]] = {
    "names that match come as they are printed": (
        "val_acc=1 loss=2 time=3 val_loss=4",
        ("val_*",),
        [("val_acc", "1"), ("loss", "2"), ("val_loss", "4")],
    ),
    "a star takes all": ("a=1 loss=2\nb=nan", ("*",), [("a", "1"), ("loss", "2"), ("b", "nan")]),
    "a mark takes one letter": ("f1=1 f12=2 f=3 loss=4", ("f?",), [("f1", "1"), ("loss", "4")]),
    "the objective is exact": ("losses=1\nloss=2", ("v*",), [("loss", "2")]),
    "what is no number is none": ("val_a= val_b=x loss=1", ("val_*",), [("loss", "1")]),
    "other forms count where a wildcard found nothing": (
        "loss=1\nval_loss: 0.5, val_acc: 71.5%\nloss: 9\n",
        ("val_*",),
        [("loss", "1"), ("val_loss", "0.5"), ("val_acc", "71.5")],
    ),
    "and only there": ("loss=1 val_a=2\nval_b: 3", ("val_*",), [("loss", "1"), ("val_a", "2")]),
    "the objective in another form, beside wildcards": (
        "loss: 1\nval_a=2",
        ("val_*",),
        [("val_a", "2"), ("loss", "1")],
    ),
    "names with slashes in other forms": (
        "loss=1\ntrain/acc=2\n",
        ("train/*",),
        [("loss", "1"), ("train/acc", "2")],
    ),
}


@pytest.mark.parametrize("case", TEXTS)
def test_of_text(case: str, tmp_path: Path) -> None:
    text, wildcards, expected = TEXTS[case]
    assert of_text(tmp_path / "log", text, *wildcards) == expected


def test_of_text_with_filters(tmp_path: Path) -> None:
    filters = [r"(\w+\s\w+)\s:\s(-?\d+\.\d+)"]
    text = "[1] valid_1 auc : 0.5\tvalid_1 loss : 0.25\ntraining auc : 0.7\nval_a=3\n"
    found = of_text(tmp_path / "log", text, "valid_1 *", filters=filters)
    assert found == [("valid_1 auc", "0.5"), ("valid_1 loss", "0.25")]
    assert of_text(tmp_path / "log", text, "*", filters=filters)[-1] == ("training auc", "0.7")


KATIB = re.compile(
    r"([\w|-]+)\s*=\s*((?i:[+-]?(?:nan|inf(?:inity)?)(?!\w))|[+-]?\d*(?:\.\d+)?(?:[Ee][+-]?\d+)?)",
    re.ASCII,
)
PIECES = st.sampled_from(
    [*"=-+.|_ \t\n5e", "loss", "val_", "acc", "nan", "inf", "a|b", "0.5", "1E3", "loss=", "x=", "é"]
)
PATTERNS = st.sets(st.sampled_from(["*", "val_*", "?", "*s", "a?b", "l*s", "??-*"]), min_size=1)


@settings(max_examples=500, deadline=None)
@given(pieces=st.lists(PIECES, max_size=40), patterns=PATTERNS)
def test_the_default_filter_finds_what_katibs_finds_line_by_line(
    pieces: list[str], patterns: set[str]
) -> None:
    text = "".join(pieces)
    expected = [
        (match[1], match[2])
        for line in text.split("\n")
        for match in KATIB.finditer(line)
        if match[2] and (match[1] == "loss" or any(fnmatchcase(match[1], one) for one in patterns))
    ]
    found = DefaultFilter(["loss"], sorted(patterns)).find(text.encode())
    assert [(entry.name, entry.value) for entry in found] == expected


def of_json(path: Path, *lines: str, wildcards: Sequence[str]) -> Pairs:
    path.write_text("\n".join(lines))
    return rest(JsonCollector(CollectorSource(["loss"], (), path, "JSON", wildcards)))


def test_of_json(tmp_path: Path) -> None:
    line = json.dumps({"val_b": 1, "timestamp": 5, "loss": "2", "val_a": "3", "x": 4, "val_c": []})
    path = tmp_path / "log"
    expected = [("loss", "2"), ("val_b", "1"), ("val_a", "3")]
    assert of_json(path, line, wildcards=["val_*"]) == expected
    assert of_json(path, line, wildcards=["*"]) == [*expected, ("x", "4")]
    assert of_json(path, '{"\\u0076al_a": 1}', wildcards=["val_*"]) == [("val_a", "1")]
    assert of_json(path, '{"val_\\ud800": 1}', wildcards=["val_*"]) == [("val_?", "1")]
    assert of_json(path, "val_a=1", "[1]", wildcards=["*"]) == []


def of_events(root: Path, metrics: Sequence[str], *wildcards: str) -> Pairs:
    source = CollectorSource(metrics, (), root, "TEXT", wildcards)
    return rest(TensorFlowEventCollector(source))


EVENTS: dict[str, tuple[tuple[str, ...], tuple[str, ...], Pairs]] = {
    "tags that match": (("loss",), ("l?ss",), [("loss", "1.0"), ("loss", "3.0")]),
    "in a folder": (
        ("none",),
        ("train/*",),
        [("train/acc", "2.0"), ("train/loss", "3.0"), ("train/extra", "5.0")],
    ),
    "of each folder": (
        ("none",),
        ("*/loss",),
        [("test/loss", "1.0"), ("train/loss", "3.0")],
    ),
    "beside a name of one of the folders": (
        ("train/loss",),
        ("*/loss",),
        [("test/loss", "1.0"), ("train/loss", "3.0")],
    ),
    "a star takes all, each once": (
        ("loss",),
        ("*", "*"),
        [("loss", "1.0"), ("acc", "2.0"), ("loss", "3.0"), ("train/extra", "5.0")],
    ),
}


@pytest.mark.parametrize("case", EVENTS)
def test_of_event_files(case: str, tmp_path: Path) -> None:
    metrics, wildcards, expected = EVENTS[case]
    write(tmp_path / "test", scalar("loss", 1))
    write(tmp_path / "train", scalar("acc", 2), scalar("loss", 3))
    write(tmp_path / "zoo", scalar("train/extra", 5))
    assert of_events(tmp_path, metrics, *wildcards) == expected


def test_of_event_files_no_prefix_is_looked_for(tmp_path: Path) -> None:
    write(tmp_path, scalar("val_1", 1), scalar("loss_1", 2))
    assert of_events(tmp_path, ["loss"], "val_*") == [("val_1", "1.0"), ("loss", "2.0")]
