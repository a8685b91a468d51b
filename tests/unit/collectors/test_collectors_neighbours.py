from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest
from proc import Proc

from katib.collectors.neighbours import Neighbours, Process

OWN = 40


@pytest.fixture
def markers(tmp_path: Path) -> Path:
    folder = tmp_path / "metrics"
    folder.mkdir()
    return folder


@pytest.fixture
def proc(tmp_path: Path) -> Proc:
    made = Proc(tmp_path / "proc")
    made.add(OWN)
    return made


@pytest.fixture
def neighbours(proc: Proc, markers: Path) -> Neighbours:
    return Neighbours(str(markers), OWN, str(proc.root))


def pids(processes: object) -> list[int]:
    assert isinstance(processes, list | tuple)
    return [one.pid for one in processes]


def test_there_may_be_nobody_yet(neighbours: Neighbours) -> None:
    assert pids(neighbours.find_mains()) == []


def test_the_first_processes_of_other_containers_are_found(
    proc: Proc, neighbours: Neighbours
) -> None:
    proc.add(30)
    proc.add(31, parent=30)
    proc.add(9)
    assert pids(neighbours.find_mains()) == [9, 30]


def test_the_last_one_that_writes_a_marker_is_the_program(
    proc: Proc, neighbours: Neighbours, markers: Path
) -> None:
    proc.add(7)
    proc.wrap(20, markers)
    proc.wrap(30, markers)
    assert pids(neighbours.find_mains()) == [30, 7, 20]


def test_a_program_that_writes_a_marker_is_waited_for(proc: Proc, markers: Path) -> None:
    neighbours = Neighbours(str(markers), OWN, str(proc.root), is_marked=True)
    proc.add(7)
    assert pids(neighbours.find_mains()) == []
    proc.wrap(20, markers)
    assert pids(neighbours.find_mains()) == [20, 7]


def test_a_folder_with_blanks_is_found_in_a_command(proc: Proc, tmp_path: Path) -> None:
    markers = tmp_path / "a b"
    neighbours = Neighbours(str(markers), OWN, str(proc.root))
    proc.add(7)
    proc.wrap(20, markers)
    line = proc.root / "20" / "cmdline"
    line.write_text(line.read_text().replace(str(markers), f"'{markers}'"))
    assert pids(neighbours.find_mains()) == [20, 7]


def test_whoever_started_the_collector_is_no_program(proc: Proc, neighbours: Neighbours) -> None:
    proc.add(38)
    proc.add(39, parent=38)
    proc.add(OWN, parent=39)
    proc.add(9)
    assert pids(neighbours.find_mains()) == [9]


def test_a_process_has_ended_when_it_is_gone_dead_or_another(
    proc: Proc, neighbours: Neighbours
) -> None:
    for pid in (10, 11, 12):
        proc.add(pid)
    ten, eleven, twelve = neighbours.find_mains()
    assert all(map(neighbours.is_alive, (ten, eleven, twelve)))
    proc.remove(10)
    proc.make_zombie(11)
    proc.add(12, start=8)
    assert not any(map(neighbours.is_alive, (ten, eleven, twelve)))


def test_markers_are_read_by_process_or_at_all(neighbours: Neighbours, markers: Path) -> None:
    process = Process(10, 7)
    assert neighbours.read_marker() == neighbours.read_marker(process) == ""
    (markers / "metrics.log").write_text("completed")
    (markers / "9.pid").write_text("completed\n")
    assert neighbours.read_marker(process) == ""
    assert neighbours.read_marker() == "completed"
    neighbours.mark_stopped(process)
    assert neighbours.read_marker(process) == "early-stopped"
    neighbours.unmark(process)
    assert neighbours.read_marker(process) == ""


def test_a_folder_that_is_not_there_has_no_markers(proc: Proc, tmp_path: Path) -> None:
    neighbours = Neighbours(str(tmp_path / "none"), OWN, str(proc.root))
    assert neighbours.read_marker() == ""


def test_a_family_is_children_of_children_and_who_is_left_in_the_session(
    proc: Proc, neighbours: Neighbours
) -> None:
    proc.add(10)
    proc.add(11, parent=10, session=10)
    proc.add(12, parent=11, session=12)
    proc.add(13, parent=12, session=12)
    # Its parent has ended, so that the pause has taken it.
    proc.add(14, parent=1, session=10)
    proc.add(20)
    proc.add(21, parent=20, session=20)
    proc.add(22, parent=1, session=22)
    [main, *_] = neighbours.find_mains()
    assert sorted(pids(neighbours.family(main))) == [11, 12, 13, 14]


def test_sessions_of_others_are_not_taken_when_who_looks_stands_outside(
    proc: Proc, neighbours: Neighbours
) -> None:
    proc.add(10, session=0)
    proc.add(11, parent=10, session=0)
    proc.add(20, parent=1, session=0)
    [main] = neighbours.find_mains()
    assert pids(neighbours.family(main)) == [11]


def test_a_signal_reaches_a_process_and_not_a_later_one_of_its_number(markers: Path) -> None:
    neighbours = Neighbours(str(markers), os.getpid(), is_main=lambda one: False)
    with subprocess.Popen(["sleep", "600"]) as sleeping:
        me = Process(os.getpid(), 0, session=-1)
        [found] = [one for one in neighbours.family(me) if one.pid == sleeping.pid]
        neighbours.end(Process(found.pid, found.started + 1), signal.SIGKILL)
        assert sleeping.poll() is None
        neighbours.end(found, signal.SIGTERM)
        assert sleeping.wait(60) == -signal.SIGTERM
    neighbours.end(found, signal.SIGTERM)
