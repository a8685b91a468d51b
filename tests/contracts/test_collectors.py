from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

from katib.collectors import COLLECTORS
from katib.collectors.records import masked_checksum
from katib.ports.collector import Collector, CollectorSource
from katib.ports.observation_log import NO_TIME, MetricEntry
from katib.testing.collector_contract import CollectorContract

TEXT = ("Custom", "File", "Push", "StdOut")
JSON = ("File", "Push")
EVENTS = ("TensorFlowEvent",)


class TestTextCollectors(CollectorContract):
    @pytest.fixture(params=TEXT)
    def collector(self, request: pytest.FixtureRequest) -> type[Collector]:
        return COLLECTORS.load(str(request.param))


class TestJsonCollectors(CollectorContract):
    format = "JSON"

    @pytest.fixture(params=JSON)
    def collector(self, request: pytest.FixtureRequest) -> type[Collector]:
        return COLLECTORS.load(str(request.param))

    def line(self, name: str, value: str) -> str:
        return json.dumps({"step": 1, name: value})


def event(tag: str, value: float) -> bytes:
    """A record of an event file, without a time."""
    content = b"\x0a" + bytes([len(tag)]) + tag.encode() + b"\x15" + struct.pack("<f", value)
    for key in (b"\x0a", b"\x2a"):
        content = key + bytes([len(content)]) + content
    length = struct.pack("<Q", len(content))
    sums = (struct.pack("<I", masked_checksum(data)) for data in (length, content))
    return length + next(sums) + content + next(sums)


@pytest.mark.parametrize("kind", EVENTS)
class TestEventCollectors:
    """What :class:`CollectorContract` asks of lines, asked of event files in a folder."""

    def collector(self, kind: str, folder: Path, *metrics: str) -> Collector:
        return COLLECTORS.load(kind)(CollectorSource(metrics or ("loss",), (), folder))

    def write(self, folder: Path, *data: bytes) -> Path:
        folder.mkdir(exist_ok=True)
        path = folder / "events.out.tfevents.1"
        with path.open("ab") as file:
            file.write(b"".join(data))
        return path

    def test_a_missing_folder_is_nothing_yet(self, kind: str, tmp_path: Path) -> None:
        reader = self.collector(kind, tmp_path / "logs")
        assert reader.read(False) == ([], True)
        self.write(tmp_path / "logs", event("loss", 1))
        assert reader.read(False) == ([MetricEntry(NO_TIME, "loss", "1.0")], True)

    def test_a_folder_that_never_comes_ends(self, kind: str, tmp_path: Path) -> None:
        assert self.collector(kind, tmp_path / "logs").read(True) == ([], True)

    def test_values_come_once_and_in_order(self, kind: str, tmp_path: Path) -> None:
        reader = self.collector(kind, tmp_path)
        found: list[str] = []
        for number in range(5):
            self.write(tmp_path, event("loss", number), event("loss", number + 0.5))
            found += [entry.value for entry in reader.read(False)[0]]
        assert found == [f"{half / 2}" for half in range(10)]
        assert reader.read(True) == ([], True)

    def test_a_record_counts_when_it_is_complete(self, kind: str, tmp_path: Path) -> None:
        reader = self.collector(kind, tmp_path)
        data = event("loss", 0.5)
        self.write(tmp_path, data[:-2])
        assert reader.read(False) == ([], True)
        self.write(tmp_path, data[-2:])
        assert reader.read(False) == ([MetricEntry(NO_TIME, "loss", "0.5")], True)

    def test_a_last_record_that_is_cut_off_is_none(self, kind: str, tmp_path: Path) -> None:
        self.write(tmp_path, event("loss", 1), event("loss", 2)[:-2])
        reader = self.collector(kind, tmp_path)
        assert rest(reader) == [("loss", "1.0")]
        assert reader.read(True) == ([], True)

    def test_other_metrics_are_left_out(self, kind: str, tmp_path: Path) -> None:
        names = ("loss", "val_loss", "Loss", "losses", "accuracy")
        self.write(tmp_path, *(event(name, 1) for name in names))
        assert rest(self.collector(kind, tmp_path, "accuracy", "loss")) == [
            ("loss", "1.0"),
            ("accuracy", "1.0"),
        ]

    def test_bytes_that_are_no_records_are_no_error(self, kind: str, tmp_path: Path) -> None:
        noise = b"\xff\xfe\x00\x80loss\n"
        self.write(tmp_path, noise, event("loss", 3), noise)
        assert rest(self.collector(kind, tmp_path)) == [("loss", "3.0")]

    def test_a_file_that_became_shorter_is_read_anew(self, kind: str, tmp_path: Path) -> None:
        path = self.write(tmp_path, *(event("loss", number) for number in (1, 2, 3)))
        reader = self.collector(kind, tmp_path)
        reader.read(False)
        path.write_bytes(event("loss", 4))
        assert reader.read(False) == ([MetricEntry(NO_TIME, "loss", "4.0")], True)

    def test_no_call_reads_more_than_a_part_of_a_large_file(
        self, kind: str, tmp_path: Path
    ) -> None:
        filler = event("other", 1) * 20_000
        self.write(tmp_path, event("loss", 1), filler, event("loss", 2))
        reader = self.collector(kind, tmp_path)
        assert reader.read(True) == ([MetricEntry(NO_TIME, "loss", "1.0")], False)
        assert rest(reader) == [("loss", "2.0")]


def rest(reader: Collector) -> list[tuple[str, str]]:
    """What further calls find; fails when they come to no end."""
    found: list[tuple[str, str]] = []
    for _ in range(100):
        entries, is_caught_up = reader.read(True)
        found += [(entry.name, entry.value) for entry in entries]
        if is_caught_up:
            return found
    raise AssertionError("the collector does not come to an end")


def test_every_collector_is_under_contract() -> None:
    # PrometheusMetric reads no file: its own tests say what it keeps to.
    assert sorted(COLLECTORS) == sorted({*TEXT, *JSON, *EVENTS, "PrometheusMetric"})
