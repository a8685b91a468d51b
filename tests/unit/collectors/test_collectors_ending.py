from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from proc import Proc

from katib.collectors.ending import SHELL_SECONDS, Ending
from katib.collectors.neighbours import Neighbours, Process

TERM, KILL = signal.SIGTERM, signal.SIGKILL
GRACE = 10.0


class Stage:
    """A shell with a program, and what is sent to whom."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.proc = Proc(folder / "proc")
        self.markers = folder / "metrics"
        self.markers.mkdir()
        self.proc.wrap(10, self.markers)
        self.proc.add(11, parent=10, session=10)
        self.sent: list[tuple[int, signal.Signals]] = []
        self.is_permitted = True
        monkeypatch.setattr(os, "kill", self.kill)
        self.neighbours = Neighbours(str(self.markers), 40, str(self.proc.root))

    def kill(self, pid: int, number: signal.Signals) -> None:
        if not self.is_permitted:
            raise PermissionError(1, "Operation not permitted")
        self.sent.append((pid, number))

    def begin(self) -> Ending:
        [main] = self.neighbours.find_mains()
        return Ending(self.neighbours, main, 100.0, GRACE)

    @property
    def marker(self) -> Path:
        return self.markers / "10.pid"


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(tmp_path, monkeypatch)


def test_everything_but_the_shell_is_asked_once_and_killed_at_last(stage: Stage) -> None:
    ending = stage.begin()
    assert stage.marker.read_text() == "early-stopped\n"
    ending.advance(100)
    ending.advance(101)
    assert stage.sent == [(11, TERM)]
    ending.advance(100 + GRACE)
    ending.advance(101 + GRACE)
    assert stage.sent == [(11, TERM), (11, KILL)]


def test_what_the_shell_starts_next_is_asked_too(stage: Stage) -> None:
    ending = stage.begin()
    ending.advance(100)
    stage.proc.remove(11)
    stage.proc.add(12, parent=10, session=10)
    ending.advance(101)
    assert stage.sent == [(11, TERM), (12, TERM)]


def test_a_shell_that_goes_on_alone_is_ended_too_when_it_had_time(stage: Stage) -> None:
    ending = stage.begin()
    stage.proc.remove(11)
    for seconds in (0.0, GRACE, GRACE + SHELL_SECONDS - 1):
        ending.advance(100 + seconds)
    assert stage.sent == []
    ending.advance(100 + GRACE + SHELL_SECONDS)
    ending.advance(100 + GRACE + 2 * SHELL_SECONDS)
    assert stage.sent == [(10, TERM), (10, KILL)]


def test_a_program_of_another_user_is_told_and_the_marker_taken_back(stage: Stage) -> None:
    ending = stage.begin()
    stage.is_permitted = False
    with pytest.raises(PermissionError):
        ending.advance(100)
    assert not stage.marker.exists()


def test_a_marker_that_cannot_be_written_is_told(stage: Stage) -> None:
    stage.markers.rmdir()
    with pytest.raises(OSError, match="No such file"):
        Ending(stage.neighbours, Process(10, 7), 100.0)
    assert stage.sent == []
