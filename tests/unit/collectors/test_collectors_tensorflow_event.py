from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from event_files import event, record, scalar, write

from katib.collectors.records import STEP_BYTES
from katib.collectors.tensorflow_event import EventReading, TensorFlowEventCollector
from katib.ports.collector import CollectorSource
from katib.ports.observation_log import NO_TIME, MetricEntry

Layout = dict[str, tuple[str, ...]]
Pairs = list[tuple[str, str]]


def source(root: Path, *metrics: str) -> CollectorSource:
    return CollectorSource(metrics or ("loss",), (), root)


def collector(root: Path, *metrics: str) -> TensorFlowEventCollector:
    return TensorFlowEventCollector(source(root, *metrics))


def pairs(entries: Sequence[MetricEntry]) -> Pairs:
    return [(entry.name, entry.value) for entry in entries]


def read_all(reader: TensorFlowEventCollector) -> Pairs:
    """What all calls after the program's end give; fails when they come to no end."""
    found: Pairs = []
    for _ in range(200):
        entries, is_caught_up = reader.read(True)
        found += pairs(entries)
        if is_caught_up:
            return found
    raise AssertionError("the collector does not come to an end")


def lay_out(root: Path, layout: Layout) -> None:
    """Writes each folder's tags, with the values 1, 2, … over all folders."""
    number = 0
    for folder, tags in layout.items():
        for tag in tags:
            number += 1
            write(root / folder, scalar(tag, number))


BOTH: Layout = {"test": ("accuracy", "loss"), "train": ("accuracy", "loss")}

NAMES: dict[str, tuple[Layout, tuple[str, ...], Pairs]] = {
    "a tag of the metric's name": ({".": ("loss", "acc")}, ("loss",), [("loss", "1.0")]),
    "a name without a folder takes all folders": (
        BOTH,
        ("accuracy",),
        [("accuracy", "1.0"), ("accuracy", "3.0")],
    ),
    "a name with a folder takes that one": (BOTH, ("train/loss",), [("train/loss", "4.0")]),
    "a tag with a slash in a folder": (
        {"run/train": ("metrics/loss",), "run/test": ("metrics/loss", "train/metrics/loss")},
        ("train/metrics/loss",),
        [("train/metrics/loss", "3.0"), ("train/metrics/loss", "1.0")],
    ),
    "but not part of a tag": (
        {"train": ("my/loss",), "other": ("loss",)},
        ("train/loss",),
        [],
    ),
    "four names of two folders": (
        BOTH,
        ("train/accuracy", "train/loss", "test/accuracy", "test/loss"),
        [
            ("test/accuracy", "1.0"),
            ("test/loss", "2.0"),
            ("train/accuracy", "3.0"),
            ("train/loss", "4.0"),
        ],
    ),
    "a folder deep below": ({"a/b/train": ("loss",)}, ("train/loss",), [("train/loss", "1.0")]),
    "two folders of the name": (
        {"a/train": ("loss",), "b/train": ("loss",)},
        ("b/train/loss",),
        [("b/train/loss", "2.0")],
    ),
    "a folder whose name only ends so": ({"pretrain": ("loss",)}, ("train/loss",), []),
    "a folder above the file's": ({"train/a": ("loss",)}, ("train/loss",), []),
    "a tag with a slash, as PyTorch has them": (
        {".": ("Loss/train", "Loss/test")},
        ("Loss/train",),
        [("Loss/train", "1.0")],
    ),
    "a tag wanted under two names": (
        {"test": ("loss",)},
        ("loss", "test/loss"),
        [("loss", "1.0"), ("test/loss", "1.0")],
    ),
    "a tag that begins with the name, as TensorFlow 1 has them": (
        {".": ("loss_1",), "train": ("loss_1",)},
        ("loss",),
        [("loss", "1.0"), ("loss", "2.0")],
    ),
    "such a tag in the folder of the name": (
        {"test": ("loss_1",), "train": ("loss_1",)},
        ("train/loss",),
        [("train/loss", "2.0")],
    ),
    "such a tag is not mixed into one of the very name": (
        {".": ("loss_of_layer", "loss", "loss_1")},
        ("loss",),
        [("loss", "2.0")],
    ),
    "only the metric that has no tag takes others": (
        {".": ("loss_1", "accuracy_1", "accuracy")},
        ("accuracy", "loss"),
        [("accuracy", "3.0"), ("loss", "1.0")],
    ),
    "a tag that only ends with the name": ({".": ("epoch_loss",)}, ("loss",), []),
    "a tag in other letters": ({".": ("Loss",)}, ("loss",), []),
}


@pytest.mark.parametrize("case", NAMES)
def test_the_tags_of_a_metric(case: str, tmp_path: Path) -> None:
    layout, metrics, expected = NAMES[case]
    lay_out(tmp_path, layout)
    reader = collector(tmp_path, *metrics)
    assert read_all(reader) == expected
    assert read_all(reader) == []


def test_the_folder_itself_may_have_the_name(tmp_path: Path) -> None:
    lay_out(tmp_path, BOTH)
    assert read_all(collector(tmp_path / "test", "test/loss")) == [("test/loss", "2.0")]
    assert read_all(collector(tmp_path / "test", "loss", "accuracy")) == [
        ("accuracy", "1.0"),
        ("loss", "2.0"),
    ]


TIMES = {
    "to the microsecond": (1638422847.287801, datetime(2021, 12, 2, 5, 27, 27, 287801, UTC)),
    "of an event without one": (0.0, NO_TIME),
    "of an event whose clock was wrong": (float("nan"), NO_TIME),
    "beyond all calendars": (1e300, NO_TIME),
}


@pytest.mark.parametrize("case", TIMES)
def test_the_time_of_an_entry_is_its_events(case: str, tmp_path: Path) -> None:
    time, expected = TIMES[case]
    write(tmp_path, scalar("loss", 1, time))
    (entry,), _ = collector(tmp_path).read(True)
    assert entry == MetricEntry(expected, "loss", "1.0")


def test_what_is_written_while_the_program_runs_comes_once_and_in_order(tmp_path: Path) -> None:
    reader = collector(tmp_path / "logs")
    assert reader.read(False) == ([], True)
    for number in range(3):
        write(tmp_path / "logs", scalar("loss", number))
        entries, is_caught_up = reader.read(False)
        assert (pairs(entries), is_caught_up) == ([("loss", f"{number}.0")], True)
    assert read_all(reader) == []


def test_files_and_folders_may_come_late(tmp_path: Path) -> None:
    reader = collector(tmp_path)
    for number, folder in enumerate(("b", "a", "a/c")):
        write(tmp_path / folder, scalar("loss", number))
        assert pairs(reader.read(False)[0]) == [("loss", f"{number}.0")]
    write(tmp_path / "a", scalar("loss", 7), name="events.out.tfevents.2.host")
    assert read_all(reader) == [("loss", "7.0")]


def test_a_file_that_came_behind_the_reader_is_read_at_the_end(tmp_path: Path) -> None:
    write(tmp_path / "b", *[scalar("other", 1)] * (STEP_BYTES // 20))
    reader = collector(tmp_path)
    assert reader.read(False) == ([], False)
    write(tmp_path / "a", scalar("loss", 1))
    assert read_all(reader) == [("loss", "1.0")]


def test_a_tag_that_only_begins_with_the_name_waits_for_the_end(tmp_path: Path) -> None:
    write(tmp_path, scalar("loss_1", 1))
    reader = collector(tmp_path)
    assert reader.read(False) == ([], True)
    assert reader.read(True) == ([], False)
    assert read_all(reader) == [("loss", "1.0")]


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    for name in ("model.ckpt", "1234.pid", "events.out"):
        write(tmp_path, scalar("loss", 1), name=name)
    reader = collector(tmp_path)
    assert (read_all(reader), reader.damaged) == ([], 0)


def test_damaged_records_are_counted_over_all_files(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        broken = scalar("loss", 1)[:-4] + bytes(4)
        write(tmp_path / folder, broken, scalar("loss_1", 1), b"loss=1 and so on")
    reader = collector(tmp_path)
    assert read_all(reader) == [("loss", "1.0")] * 2
    assert reader.damaged == 4


def test_one_call_takes_a_part_of_a_large_file(tmp_path: Path) -> None:
    many = 2 * STEP_BYTES // len(scalar("loss", 1))
    write(tmp_path / "a", scalar("loss", 1) * many)
    write(tmp_path / "b", scalar("loss", 2))
    reader = collector(tmp_path)
    first, is_caught_up = reader.read(True)
    assert 0 < len(first) < many
    assert not is_caught_up
    assert [*pairs(first), *read_all(reader)] == [("loss", "1.0")] * many + [("loss", "2.0")]


def test_one_call_looks_at_a_part_of_many_folders(tmp_path: Path) -> None:
    for number in range(1200):
        (tmp_path / f"{number:04}").mkdir()
    write(tmp_path / "1199", scalar("loss", 1))
    reader = collector(tmp_path)
    assert reader.read(True) == ([], False)
    assert read_all(reader) == [("loss", "1.0")]


@pytest.mark.parametrize("kind", ["nothing", "file", "pipe", "loop"])
def test_what_is_no_folder_is_no_error(kind: str, tmp_path: Path) -> None:
    root = tmp_path / "logs"
    if kind == "file":
        root.write_bytes(scalar("loss", 1))
    elif kind == "pipe":
        os.mkfifo(root)
    elif kind == "loop":
        root.symlink_to(root)
    assert collector(root).read(True) == ([], True)


def test_links_to_folders_are_not_followed(tmp_path: Path) -> None:
    write(tmp_path / "logs/a", scalar("loss", 1))
    (tmp_path / "logs/a/again").symlink_to(tmp_path / "logs")
    assert read_all(collector(tmp_path / "logs")) == [("loss", "1.0")]


def test_a_fault_of_the_machine_is_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(OSError, match="Too many open files"):
        collector(tmp_path).read(True)


def lay_out_for_miss(root: Path, case: str) -> None:
    if case == "other tags":
        lay_out(root, {"test": ("accuracy",), ".": ("epoch_loss",)})
    elif case == "many tags":
        lay_out(root, {".": tuple(f"tag{number:02}" for number in range(12))})
    elif case == "damaged records":
        write(root, scalar("accuracy", 1), record(b"\x2b"), record(b"\x2b"))
    elif case == "no numbers":
        write(root, record(event("hello", b"")))


TAGS = ", ".join(f"tag{number:02}" for number in range(10))
MISSED = {
    "no files": "The program ended well but wrote no event file into /logs. For this trial that",
    "no numbers": "The program ended well but wrote no number into the event files in /logs",
    "other tags": (
        'The program ended well but wrote no tag "loss" into the event files in /logs. '
        "Folders and tags there: epoch_loss, test/accuracy"
    ),
    "many tags": f"Folders and tags there: {TAGS}, …",
    "damaged records": "2 damaged records were passed over. Folders and tags there: accuracy",
}


@pytest.mark.parametrize("case", MISSED)
def test_a_missing_metric_is_told_with_the_tags_there_are(case: str, tmp_path: Path) -> None:
    lay_out_for_miss(tmp_path, case)
    told = EventReading(collector(tmp_path), source(tmp_path), "/logs").miss("loss")
    assert MISSED[case] in told
    if case == "no files":
        assert f"{tmp_path}, which the variable KATIB_METRICS_FILE holds" in told
