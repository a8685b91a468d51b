from __future__ import annotations

from pathlib import Path

import pytest
from proc import Proc

from katib.collectors.neighbours import Neighbours
from katib.collectors.watching import GONE_SECONDS, LOOK_SECONDS, PodWatch
from katib.errors import KatibError


class Stage:
    def __init__(self, folder: Path) -> None:
        self.proc = Proc(folder / "proc")
        self.markers = folder / "metrics"
        self.markers.mkdir()
        self.log = self.markers / "metrics.log"

    def watch(self, is_waiting_for_all: bool = True) -> PodWatch:
        neighbours = Neighbours(str(self.markers), 40, str(self.proc.root))
        return PodWatch(neighbours, is_waiting_for_all)

    def end(self, marker: str = "completed") -> None:
        self.proc.remove(10)
        if marker:
            (self.markers / "10.pid").write_text(f"{marker}\n")


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def test_a_program_is_watched_from_its_start_to_its_end(stage: Stage) -> None:
    watch = stage.watch()
    assert not watch.look()
    assert "not started" in watch.waits_for(str(stage.log), 1)
    stage.proc.wrap(10, stage.markers)
    assert not watch.look()
    assert watch.is_main_alive
    assert watch.waits_for(str(stage.log), 10_000) == ""
    stage.end()
    assert watch.look()
    assert watch.marker == "completed"


def test_a_program_that_ended_before_anybody_looked_left_its_marker(stage: Stage) -> None:
    (stage.markers / "10.pid").write_text("completed\n")
    watch = stage.watch()
    assert watch.look()
    assert watch.marker == "completed"


@pytest.mark.parametrize(
    ("marker", "told"),
    [
        ("", "training container is failed. Unable to read file {folder}/10.pid"),
        ("odd", "unable to find marker: completed in file: {folder}/10.pid, which says odd"),
    ],
)
def test_why_a_program_failed(stage: Stage, marker: str, told: str) -> None:
    watch = stage.watch()
    stage.proc.wrap(10, stage.markers)
    watch.look()
    stage.end(marker)
    assert watch.look()
    folder = str(stage.markers)
    assert watch.failure(folder) == told.format(folder=folder)


def test_other_containers_are_waited_for_and_named(stage: Stage) -> None:
    stage.proc.wrap(10, stage.markers)
    stage.proc.add(20)
    all, one = stage.watch(), stage.watch(is_waiting_for_all=False)
    assert not all.look()
    assert not one.look()
    # A shell that somebody opens to look is none of the pod's containers.
    stage.proc.add(30)
    stage.end()
    assert one.look()
    assert not all.look()
    told = all.waits_for(str(stage.log), 0)
    assert "the processes 20 of other containers" in told
    assert "waitAllProcesses: false" in told
    stage.proc.remove(20)
    assert all.look()


def test_a_program_that_never_comes_is_not_waited_for_for_ever(stage: Stage) -> None:
    watch = stage.watch()
    assert not watch.look()
    assert watch.waits_for(str(stage.log), LOOK_SECONDS - 1)
    with pytest.raises(KatibError, match="shareProcessNamespace: true"):
        watch.waits_for(str(stage.log), LOOK_SECONDS)


def test_a_program_that_has_written_and_is_gone_without_a_marker_has_failed(stage: Stage) -> None:
    stage.log.touch()
    watch = stage.watch()
    assert not watch.look()
    assert watch.waits_for(str(stage.log), GONE_SECONDS - 1)
    with pytest.raises(KatibError, match="training container is failed"):
        watch.waits_for(str(stage.log), GONE_SECONDS)


def test_an_empty_folder_is_no_sign_of_a_program(stage: Stage) -> None:
    watch = stage.watch()
    (stage.markers / ".katib").mkdir()
    assert watch.waits_for(str(stage.markers), GONE_SECONDS)
    (stage.markers / "events.1").touch()
    with pytest.raises(KatibError, match="training container is failed"):
        watch.waits_for(str(stage.markers), GONE_SECONDS)
