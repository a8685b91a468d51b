"""Event files of PyTorch, tensorboardX and TensorBoard, as TensorBoard itself reads them."""

from __future__ import annotations

import json
import math
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from command_line import REPOSITORY, Katib, wait_for

from environments import TORCH_PACKAGES, an_environment
from katib.collectors.tensorflow_event import TensorFlowEventCollector
from katib.ports.collector import CollectorSource
from katib.ports.observation_log import MetricEntry

pytestmark = [pytest.mark.journey, pytest.mark.timeout(900)]

#: What both writers of one interface are made to write: numbers that are and are none, folders of
#: their own and folders in tags, and everything beside numbers.
SUMMARY_WRITER = """
import math, sys, numpy as np
from {module} import SummaryWriter

writer = SummaryWriter(sys.argv[1] + "/train")
for step in range(50):
    writer.add_scalar("loss", 1 / (step + 3), step)
    writer.add_scalar("metrics/accuracy", step / 7, step, walltime=1700000000.25 + step)
    writer.add_scalar("loss_of_layer", -step * 1e-30, step)
for number in (math.nan, math.inf, -math.inf, 0.0, 1e38, 1e-38, 16777217, True):
    writer.add_scalar("odd", number, 1)
writer.add_scalar("numpy", np.float64(0.1), 2)
writer.add_scalar("späte Zahl", 3.5, 2)
writer.add_scalars("both", {{"a": 1.0, "b": 2.0}}, 3)
writer.add_histogram("weights", np.arange(1000.0), 0)
writer.add_text("note", "loss=5", 0)
writer.add_hparams({{"lr": 0.1}}, {{"hparam/loss": 0.25}})
writer.close()
other = SummaryWriter(sys.argv[1] + "/test", flush_secs=1)
other.add_scalar("loss", 0.75, 0)
other.close()
"""

#: The other forms of a number: of TensorFlow 1, of its first plugin, and of TensorFlow 2.
TENSORBOARD = """
import sys, time, numpy as np
from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.plugins.scalar import summary_v2

from tensorboard.summary.writer.event_file_writer import EventFileWriter
from tensorboard.util import tensor_util

def log(writer, made, step):
    writer.add_event(event_pb2.Event(wall_time=1700000000.125 + step, step=step, summary=made))

def value(**fields):
    return summary_pb2.Summary(value=[summary_pb2.Summary.Value(**fields)])

first = EventFileWriter(sys.argv[1] + "/v1")
for step in range(20):
    log(first, value(tag="loss", simple_value=1 / (step + 1)), step)
    made = tensor_util.make_tensor_proto(np.array(step / 3, np.float32))
    log(first, value(tag="old/scalar_summary", tensor=made), step)
first.close()
second = EventFileWriter(sys.argv[1] + "/v2")
for step in range(20):
    log(second, summary_v2.scalar_pb("loss", step / 3), step)
kinds = {"f": np.float32, "d": np.float64, "i": np.int32, "l": np.int64}
for tag, kind in kinds.items():
    for number in (0, 1, -1, 7):
        made = tensor_util.make_tensor_proto(np.array(number, kind))
        log(second, value(tag="of_" + tag, tensor=made), number + 1)
        made = tensor_util.make_tensor_proto(np.array([number], kind))
        log(second, value(tag="list_of_" + tag, tensor=made), number + 1)
log(second, value(tag="two", tensor=tensor_util.make_tensor_proto(np.array([1.0, 2.0]))), 1)
log(second, value(tag="words", tensor=tensor_util.make_tensor_proto(np.array([b"loss"]))), 1)
second.close()
"""

#: What TensorBoard reads: folder, tag, time and value of every number, in order.
READER = """
import json, os, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util import tensor_util

found = []
for folder, _, files in sorted(os.walk(sys.argv[1])):
    if not any("tfevents" in name for name in files):
        continue
    reader = EventAccumulator(folder, size_guidance={"scalars": 0, "tensors": 0})
    reader.Reload()
    place = os.path.relpath(folder, sys.argv[1])
    for tag in reader.Tags()["scalars"]:
        found += [(place, tag, one.wall_time, one.value) for one in reader.Scalars(tag)]
    for tag in reader.Tags()["tensors"]:
        for one in reader.Tensors(tag):
            array = tensor_util.make_ndarray(one.tensor_proto)
            if array.size == 1 and array.dtype.kind in "if":
                found.append((place, tag, one.wall_time, array.item()))
print(json.dumps(found))
"""

#: Writes a number whenever it is told to.
LIVE = """
import sys
from {module} import SummaryWriter

# Without it, tensorboardX keeps what it was told to flush for two minutes.
writer = SummaryWriter(sys.argv[1] + "/live", flush_secs=1)
for step, _ in enumerate(sys.stdin):
    writer.add_scalar("loss", float(step), step)
    writer.flush()
    print("written", flush=True)
"""

MODULES = {"torch": "torch.utils.tensorboard", "tensorboardX": "tensorboardX"}
WRITERS: Mapping[str, str] = {
    **{name: SUMMARY_WRITER.format(module=module) for name, module in MODULES.items()},
    "tensorboard": TENSORBOARD,
}


@pytest.fixture(scope="module")
def python() -> str:
    """An interpreter with all writers."""
    return an_environment("torch", *TORCH_PACKAGES)


@dataclass(frozen=True)
class Written:
    """A folder of event files, and what TensorBoard reads in it."""

    folder: Path
    numbers: Sequence[tuple[str, str, float, float]]

    def of(self, tag: str, folder: str | None = None) -> list[tuple[float, float]]:
        """Times and values of a tag, of one folder or of all."""
        return [
            (time, value)
            for place, name, time, value in self.numbers
            if name == tag and folder in (None, place)
        ]


@pytest.fixture(scope="module", params=WRITERS)
def written(
    request: pytest.FixtureRequest, python: str, tmp_path_factory: pytest.TempPathFactory
) -> Written:
    folder = tmp_path_factory.mktemp(request.param)
    call(python, WRITERS[request.param], folder)
    numbers = [tuple(one) for one in json.loads(call(python, READER, folder))]
    assert len(numbers) > 50
    return Written(folder, numbers)


def call(python: str, program: str, folder: Path) -> str:
    ended = subprocess.run(
        [python, "-c", program, str(folder)], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.splitlines()[-1] if ended.stdout else ""


def collected(root: Path, metrics: Sequence[str], *wildcards: str) -> list[MetricEntry]:
    reader = TensorFlowEventCollector(CollectorSource(metrics, (), root, "TEXT", wildcards))
    return list(rest(reader))


def rest(reader: TensorFlowEventCollector) -> Iterator[MetricEntry]:
    is_caught_up = False
    while not is_caught_up:
        entries, is_caught_up = reader.read(True)
        yield from entries
    assert reader.damaged == 0


def check(found: Sequence[MetricEntry], expected: Sequence[tuple[float, float]]) -> None:
    """The same numbers at the same times, of which ours are kept to the microsecond."""
    assert len(found) == len(expected)
    for entry, (time, value) in zip(found, expected, strict=True):
        assert entry.time.timestamp() == pytest.approx(time, abs=2e-6)
        number = float(entry.value)
        # A text with no more digits than a number of four bytes needs is that number.
        assert number == pytest.approx(value, rel=1e-7, abs=0) or math.isnan(number)
        assert math.isnan(number) == math.isnan(value)


def test_every_number_is_read_as_tensorboard_reads_it(written: Written) -> None:
    found = collected(written.folder, [], "*")
    tags = {tag for _, tag, _, _ in written.numbers}
    assert {entry.name for entry in found} == tags
    for tag in tags:
        check([entry for entry in found if entry.name == tag], written.of(tag))


def test_a_tag_in_a_folder_is_that_folders_alone(written: Written) -> None:
    places = {(place, tag) for place, tag, _, _ in written.numbers if "/" not in place}
    assert len({place for place, _ in places}) > 1
    for place, tag in places:
        found = collected(written.folder, [f"{place}/{tag}"])
        check(found, written.of(tag, place))


def test_a_tag_means_all_folders_and_no_longer_tag(written: Written) -> None:
    check(collected(written.folder, ["loss"]), written.of("loss"))


def test_a_wildcard_takes_the_tags_of_a_folder(written: Written) -> None:
    places = sorted({place for place, _, _, _ in written.numbers if "/" not in place})
    found = collected(written.folder, [], f"{places[0]}/*")
    expected = {f"{places[0]}/{tag}" for place, tag, _, _ in written.numbers if place == places[0]}
    assert {entry.name for entry in found} == expected


def next_of(reader: TensorFlowEventCollector) -> Sequence[MetricEntry]:
    """What comes next: what was flushed may still be on its way in a thread of the writer."""
    found: list[MetricEntry] = []

    def has_come() -> bool:
        found.extend(reader.read(False)[0])
        return bool(found)

    wait_for(has_come, "a number is read")
    return found


@pytest.mark.parametrize("writer", MODULES)
def test_what_is_flushed_is_read_while_the_program_writes(
    writer: str, python: str, tmp_path: Path
) -> None:
    program = [python, "-c", LIVE.format(module=MODULES[writer]), str(tmp_path)]
    reader = TensorFlowEventCollector(CollectorSource(["loss"], (), tmp_path))
    with subprocess.Popen(
        program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        for step in range(5):
            running.stdin.write("\n")
            running.stdin.flush()
            assert running.stdout.readline() == "written\n"
            assert [entry.value for entry in next_of(reader)] == [str(float(step))]
        running.stdin.close()
    assert list(rest(reader)) == []


def test_the_example_finds_its_optimum(python: str, tmp_path: Path) -> None:
    katib = Katib(tmp_path / "home", REPOSITORY)
    katib("run", "examples/tensorboard/experiment.yaml", "--python", python, check=0)
    experiment = katib.get("experiment", "tensorboard")
    best = experiment["status"]["currentOptimalTrial"]["observation"]["metrics"]
    trials = katib.trials("tensorboard")
    assert len(trials) == experiment["spec"]["maxTrialCount"]
    values = []
    for trial in trials:
        metrics: list[dict[str, Any]] = trial["status"]["observation"]["metrics"]
        assert [one["name"] for one in metrics] == ["val/loss", "train/accuracy", "train/loss"]
        values.append(float(metrics[0]["min"]))
    assert float(best[0]["min"]) == min(values)
