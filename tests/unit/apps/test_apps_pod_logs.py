from __future__ import annotations

from pathlib import Path

import pytest

from katib.api.codec import with_status
from katib.api.kinds import PODS
from katib.api.trial import TRIALS, Trial
from katib.api.values import Manifest, ObjectMeta, Unstructured
from katib.apps.pod_logs import FilePodLogs
from katib.ports.pod_logs import LogSource
from katib.stores.memory import MemoryStore
from katib.testing.clocks import FakeClock


class Stage:
    """A pod, and the files of an executor."""

    def __init__(self, folder: Path, *containers: str, init: tuple[str, ...] = ()) -> None:
        self.folder, self.store = folder, MemoryStore(FakeClock())
        spec = {
            "containers": [{"name": name} for name in containers],
            "initContainers": [{"name": name} for name in init],
        }
        metadata = ObjectMeta(name="one", namespace="default")
        self.pod = self.store.create(
            PODS, Unstructured(api_version="v1", kind="Pod", metadata=metadata, body={"spec": spec})
        )
        self.logs = FilePodLogs(self.store, lambda pod: f"{folder}/{pod.metadata.name}")

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def tell(self, status: Manifest) -> None:
        pod = self.store.get(PODS, self.pod.key)
        self.store.update_status(PODS, with_status(pod, status))

    def text(self, container: str) -> str:
        source = LogSource(self.pod, container)
        state = self.logs.find(source)
        assert state is not None
        return self.logs.read(source, 0, state.size).decode()

    def is_over(self) -> bool:
        state = self.logs.find(LogSource(self.pod, "main"))
        assert state is not None
        return state.is_over


def test_the_log_of_an_only_container_has_the_pods_name(tmp_path: Path) -> None:
    stage = Stage(tmp_path, "main")
    stage.write("one.log", "loss=1\n")
    assert stage.text("main") == "loss=1\n"


def test_each_of_several_containers_has_a_log(tmp_path: Path) -> None:
    stage = Stage(tmp_path, "main", "beside", init=("first",))
    for name in ("main", "beside", "first"):
        stage.write(f"one.{name}.log", name)
    assert [stage.text(name) for name in ("main", "beside", "first")] == ["main", "beside", "first"]


def test_a_container_that_was_not_started_has_no_log(tmp_path: Path) -> None:
    stage = Stage(tmp_path, "main")
    assert stage.logs.find(LogSource(stage.pod, "main")) is None


def test_there_is_no_log_of_the_attempt_before(tmp_path: Path) -> None:
    stage = Stage(tmp_path, "main")
    stage.write("one.log", "loss=1\n")
    assert stage.logs.find(LogSource(stage.pod, "main", is_previous=True)) is None


def test_a_part_is_read(tmp_path: Path) -> None:
    stage = Stage(tmp_path, "main")
    stage.write("one.log", "0123456789")
    source = LogSource(stage.pod, "main")
    assert stage.logs.read(source, 2, 3) == b"234"
    assert stage.logs.read(source, 20, 3) == b""


def test_a_log_that_went_away_is_empty(tmp_path: Path) -> None:
    stage = Stage(tmp_path, "main")
    assert stage.logs.read(LogSource(stage.pod, "main"), 0, 10) == b""


STATES: dict[str, tuple[Manifest, bool]] = {
    "nothing is told yet": ({}, False),
    "it runs": ({"phase": "Running", "state": {"running": {}}}, False),
    "it is to run again": ({"phase": "Running", "state": {"waiting": {}}}, False),
    "it has ended, and the pod goes on": ({"phase": "Running", "state": {"terminated": {}}}, True),
    "the pod has succeeded": ({"phase": "Succeeded"}, True),
    "the pod has failed": ({"phase": "Failed"}, True),
}


@pytest.mark.parametrize("case", STATES)
def test_a_log_is_over_by_what_the_pod_tells(case: str, tmp_path: Path) -> None:
    told, expected = STATES[case]
    stage = Stage(tmp_path, "main")
    stage.write("one.log", "")
    state = told.get("state")
    statuses = [] if state is None else [{"name": "main", "state": state}]
    stage.tell({"phase": told.get("phase", "Pending"), "containerStatuses": statuses})
    assert stage.is_over() is expected


def test_the_log_of_a_pod_that_is_gone_is_over(tmp_path: Path) -> None:
    stage = Stage(tmp_path, "main")
    stage.write("one.log", "")
    stage.store.delete(PODS, stage.pod.key)
    assert stage.is_over()


def test_the_log_of_a_pod_whose_name_is_used_again_is_over(tmp_path: Path) -> None:
    stage = Stage(tmp_path, "main")
    stage.write("one.log", "")
    stage.store.delete(PODS, stage.pod.key)
    stage.store.create(PODS, stage.pod)
    assert stage.is_over()


def test_the_log_of_a_function_is_the_newest_of_its_trial(tmp_path: Path) -> None:
    store = MemoryStore(FakeClock())
    trial = store.create(TRIALS, Trial(metadata=ObjectMeta(name="one", namespace="default")))
    named = Unstructured(api_version=trial.api_version, kind="Trial", metadata=trial.metadata)
    logs = FilePodLogs(store, lambda pod: f"{tmp_path}/{pod.metadata.name}/{pod.metadata.uid}")
    source = LogSource(named, "")
    silent = logs.find(source)
    assert silent is not None
    assert (silent.size, silent.is_over) == (0, False)
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "call.log").write_text("printed")
    assert logs.read(source, 0, 100) == b"printed"
    store.delete(TRIALS, trial.key)
    over = logs.find(source)
    assert over is not None
    assert (over.size, over.is_over) == (7, True)
