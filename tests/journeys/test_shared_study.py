"""Programs that ask and tell at once; they, and the engine among them, are killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from command_line import Katib

from katib.apps.home import Home
from katib.apps.server_record import find_server
from katib.client.study import Study

pytestmark = [pytest.mark.journey, pytest.mark.timeout(300)]

#: Asks, notes what it got, takes its time, tells, and notes that it has.
WORKER = """
import json, random, sys, time
import katib

home, notes, count = sys.argv[1:]
space = {"x": katib.search.double(-5, 5), "shape": katib.search.categorical(["round", "flat"])}
study = katib.Study(
    space, name="shared", home=home, algorithm="random", max_trial_count=int(count)
)
with open(notes, "a") as file:
    def note(word, trial, value):
        print(json.dumps([word, trial.name, value]), file=file, flush=True)

    while (trial := study.ask()) is not None:
        value = trial.parameters["x"] ** 2
        note("asked", trial, value)
        time.sleep(random.random() * 0.1)
        study.tell(trial, value)
        note("told", trial, value)
"""


class Workers:
    """Programs that share a study.

    Args:
        katib: whose home and folder.
        count: how many trials there are to be.
    """

    def __init__(self, katib: Katib, count: int) -> None:
        self.katib, self._count = katib, count
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> subprocess.Popen[bytes]:
        """One more."""
        notes = self.katib.folder / f"notes-{len(self.processes)}"
        notes.touch()
        started = subprocess.Popen(
            [sys.executable, "-c", WORKER, str(self.katib.home), str(notes), str(self._count)],
            cwd=self.katib.folder,
        )
        self.processes.append(started)
        return started

    def notes(self, word: str) -> list[tuple[str, float]]:
        """The trials and their values that all of them have noted."""
        lines = [
            json.loads(line)
            for path in sorted(self.katib.folder.glob("notes-*"))
            for line in path.read_text().splitlines()
        ]
        return [(name, value) for found, name, value in lines if found == word]

    def end(self) -> None:
        """Wait until all that were not killed have done what there is."""
        for process in self.processes:
            assert process.wait(240) in (0, -signal.SIGKILL)

    @property
    def leader(self) -> int:
        """The process that holds the engine; 0 when none does."""
        record = find_server(Home(self.katib.home))
        return 0 if record is None else record.pid


def wait_for(is_so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 120
    while not is_so():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.02)


def values_of(study: Study) -> dict[str, float | None]:
    return {trial.name: trial.value for trial in study.trials}


def repeated(found: Sequence[tuple[str, float]]) -> list[str]:
    counted = Counter(name for name, _ in found)
    return [name for name, count in counted.items() if count > 1]


def test_programs_that_share_a_study_get_different_trials_and_all_of_them(katib: Katib) -> None:
    workers = Workers(katib, count=40)
    for _ in range(3):
        workers.start()
    workers.end()
    asked, told = workers.notes("asked"), workers.notes("told")
    assert repeated(asked) == []
    assert sorted(asked) == sorted(told)
    # Each had its share.
    assert all("told" in (katib.folder / f"notes-{number}").read_text() for number in range(3))
    with Study(name="shared", home=katib.home) as study:
        assert values_of(study) == dict(told)
        assert len(told) == 40
        assert study.reason == "ExperimentMaxTrialsReached"
        assert study.ask() is None
    assert "shared" in katib("get", "experiments", check=0).out


def test_kills_of_programs_and_of_the_engine_lose_and_double_nothing(katib: Katib) -> None:
    workers = Workers(katib, count=30)
    first = workers.start()
    wait_for(lambda: len(workers.notes("told")) >= 3, "the first has told of trials")
    workers.start()
    workers.start()
    wait_for(lambda: len(workers.notes("told")) >= 8, "all tell of trials")
    assert workers.leader == first.pid
    kill_between_ask_and_tell(workers, first)
    wait_for(lambda: workers.leader not in (0, first.pid), "another leads")
    wait_for(lambda: len(workers.notes("told")) >= 14, "it goes on")
    other = next(one for one in workers.processes[1:] if one.pid != workers.leader)
    kill_between_ask_and_tell(workers, other)
    wait_for(lambda: len(workers.notes("told")) >= 18, "it goes on")
    workers.end()

    told = workers.notes("told")
    assert repeated(workers.notes("asked")) == []
    with Study(name="shared", home=katib.home) as study:
        left = study.outstanding()
        # What was asked for by the killed is there, and nothing that was told is lost.
        known = values_of(study)
        assert {name: known.get(name) for name, _ in told} == dict(told)
        assert len(known) == 30
        assert not study.is_finished or not left
        for trial in left:
            study.tell(trial, trial.parameters["x"] ** 2)  # type: ignore[operator]  # a double
        assert study.reason == "ExperimentMaxTrialsReached"
        assert study.outstanding() == []
        assert len(study.trials) == 30


def kill_between_ask_and_tell(workers: Workers, process: subprocess.Popen[bytes]) -> None:
    """Kill a program that has a trial, if it can be met so."""
    number = workers.processes.index(process)
    notes = workers.katib.folder / f"notes-{number}"
    wait_for(
        lambda: notes.read_text().strip().rpartition("\n")[2].startswith('["asked"'),
        "it has asked and not told",
    )
    os.kill(process.pid, signal.SIGKILL)
    process.wait(30)


def test_a_study_is_a_folder_that_can_be_left(tmp_path: Path) -> None:
    home = tmp_path / "home"
    space = {"x": {"parameterType": "double", "feasibleSpace": {"min": "0", "max": "1"}}}
    with Study(space, name="left", home=home, algorithm="random") as study:
        trial = study.ask()
        assert trial is not None
        trial.report(0.75)
    with Study(name="left", home=home) as study:
        (found,) = study.outstanding()
        assert (found.name, found.parameters) == (trial.name, trial.parameters)
        found.report(0.5)
        assert study.tell(found) == "Succeeded"
        (row,) = study.trials
        assert row.value == 0.5
