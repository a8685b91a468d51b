from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread

import psutil
import pytest

from katib.api.experiment import Experiment
from katib.api.suggestion import TrialAssignment
from katib.api.trial import Trial
from katib.errors import AlgorithmCrashedError, KatibError, SettingsError
from katib.ports.suggester import SuggestionRequest
from katib.suggesters.worker import WorkerSuggester
from katib.suggesters.worker.pool import ATTEMPTS
from katib.testing.builders import a_running_trial, an_experiment

PROGRAM = str(Path(__file__).with_name("misbehaving.py"))
MEMORY = 512 << 20


@dataclass
class History:
    trials: list[Trial] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)

    def changed_since(self, version: int) -> tuple[Sequence[Trial], int]:
        self.asked.append(version)
        return self.trials[version:], len(self.trials)


@pytest.fixture
def suggester() -> Iterator[WorkerSuggester]:
    suggester = WorkerSuggester([sys.executable, PROGRAM, str(MEMORY)], capacity=2)
    yield suggester
    suggester.close()


def experiment(name: str = "one", **settings: object) -> Experiment:
    texts = {key: str(value) for key, value in settings.items()}
    return an_experiment().named(name).with_algorithm("misbehaving", **texts).build()


def ask(
    suggester: WorkerSuggester, asked: Experiment, history: History | None = None, total: int = 1
) -> tuple[int, str, str]:
    """The process that answered, the index that it was asked for, and what it had been told."""
    request = SuggestionRequest(asked, 1, total, history or History())
    (assignment,) = suggester.suggest(request).assignments
    pid, index = assignment.name.split()
    return int(pid), index, assignment.parameter_assignments[0].value


def trial(name: str) -> Trial:
    return a_running_trial(experiment(), name, TrialAssignment())


def wait_for(fact: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not fact():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def workers() -> list[int]:
    """The workers of this process; other tests may have left children of other kinds."""
    children = psutil.Process().children()
    return [one.pid for one in children if not is_gone(one.pid) and PROGRAM in one.cmdline()]


def is_gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_an_experiment_stays_with_its_worker_which_is_told_only_what_is_new(
    suggester: WorkerSuggester,
) -> None:
    history = History([trial("a")])
    pid, index, told = ask(suggester, experiment(), history, 2)
    assert (index, told) == ("1", "a")
    assert pid != os.getpid()
    history.trials.append(trial("b"))
    assert ask(suggester, experiment(), history, 3) == (pid, "2", "a,b")
    assert history.asked == [0, 1]


def test_every_experiment_has_a_worker_of_its_own(suggester: WorkerSuggester) -> None:
    first, *_ = ask(suggester, experiment("one"))
    second, *_ = ask(suggester, experiment("two"))
    assert first != second
    assert ask(suggester, experiment("one"))[0] == first


def test_when_there_are_too_many_the_one_asked_longest_ago_gives_up_its_worker(
    suggester: WorkerSuggester,
) -> None:
    history = History([trial("a")])
    first, *_ = ask(suggester, experiment("one"), history)
    second, *_ = ask(suggester, experiment("two"))
    assert ask(suggester, experiment("three"))[0] == first
    assert ask(suggester, experiment("one"), history) == (second, "0", "a")
    assert history.asked == [0, 0]


def test_a_validation_leaves_its_worker_to_the_first_that_asks(suggester: WorkerSuggester) -> None:
    suggester.validate(experiment())
    (worker,) = workers()
    assert ask(suggester, experiment())[0] == worker


def test_a_refusal_is_the_algorithms_and_no_crash(suggester: WorkerSuggester) -> None:
    suggester.validate(experiment())
    with pytest.raises(SettingsError, match=r"^wrong should be right$"):
        suggester.validate(experiment(wrong="1"))
    assert len(workers()) == 1


CRASHES = {
    "a fault in foreign code": (
        "fault",
        r"signal 11 \(SIGSEGV\): Fatal Python error: Segmentation",
    ),
    "a sudden exit": ("exit", r"exit code 3$"),
    "more memory than it may have": ("memory", r"^MemoryError"),
    "an error": ("error", r"^ZeroDivisionError: by nought"),
}


@pytest.mark.parametrize(("mood", "words"), CRASHES.values(), ids=CRASHES)
def test_what_crashes_is_asked_three_times_each_in_a_new_worker(
    suggester: WorkerSuggester, tmp_path: Path, mood: str, words: str
) -> None:
    note = tmp_path / "note"
    with pytest.raises(AlgorithmCrashedError) as caught:
        ask(suggester, experiment(mood=mood, note=note))
    said = str(caught.value)
    begin = "algorithm misbehaving crashed 3 times in a row: "
    assert said.startswith(begin)
    told = said.removeprefix(begin).partition(". The engine's log")[0]
    assert re.search(words, told), told
    pids = note.read_text().split()
    assert len(set(pids)) == ATTEMPTS == 3
    assert workers() == []


def test_a_crash_that_does_not_come_again_is_not_seen(
    suggester: WorkerSuggester, tmp_path: Path
) -> None:
    note, until = tmp_path / "note", tmp_path / "until"
    history = History([trial("a"), trial("b")])
    asked = experiment(mood="once", until=until, note=note)
    _, index, told = ask(suggester, asked, history, 3)
    assert (index, told) == ("2", "a,b")
    assert len(note.read_text().split()) == 2
    assert history.asked == [0, 0]


def test_an_answer_is_the_same_after_a_worker_was_killed(suggester: WorkerSuggester) -> None:
    history = History([trial("a"), trial("b")])
    pid, *before = ask(suggester, experiment(), history, 5)
    os.kill(pid, 9)
    wait_for(lambda: is_gone(pid))
    other, *after = ask(suggester, experiment(), history, 5)
    assert after == before
    assert other != pid


def test_a_validation_that_crashes_is_told(suggester: WorkerSuggester) -> None:
    with pytest.raises(AlgorithmCrashedError, match="ended with exit code 5"):
        suggester.validate(experiment(mood="crash early"))


def test_what_an_algorithm_prints_disturbs_nothing(suggester: WorkerSuggester) -> None:
    assert ask(suggester, experiment(mood="print"))[1] == "0"


def test_a_slow_experiment_does_not_hold_up_another(
    suggester: WorkerSuggester, tmp_path: Path
) -> None:
    gate, answers = tmp_path / "gate", []
    slow = experiment("slow", mood="sleep", until=gate, note=tmp_path / "note")
    thread = Thread(target=lambda: answers.append(ask(suggester, slow)))
    thread.start()
    wait_for((tmp_path / "note").exists)
    assert ask(suggester, experiment())[1] == "0"
    assert answers == []
    gate.touch()
    thread.join(30)
    assert [index for _, index, _ in answers] == ["0"]


def test_when_all_workers_are_busy_an_ask_waits_for_one(
    suggester: WorkerSuggester, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    answers: list[tuple[int, str, str]] = []

    def start(name: str, **settings: object) -> Thread:
        asked = experiment(name, **settings)
        thread = Thread(target=lambda: answers.append(ask(suggester, asked)))
        thread.start()
        return thread

    notes = [tmp_path / "first", tmp_path / "second"]
    threads = [start(note.name, mood="sleep", until=gate, note=note) for note in notes]
    for note in notes:
        wait_for(note.exists)
    threads.append(start("third"))
    assert len(workers()) == 2
    assert answers == []
    gate.touch()
    for thread in threads:
        thread.join(30)
    assert len(answers) == 3
    assert len({pid for pid, *_ in answers}) == 2


def test_what_is_forgotten_gives_its_process_back_also_while_it_computes(
    suggester: WorkerSuggester, tmp_path: Path
) -> None:
    pid, *_ = ask(suggester, experiment("calm"))
    suggester.forget(experiment("calm"))
    assert is_gone(pid)
    failures: list[BaseException] = []
    note = tmp_path / "note"
    slow = experiment("slow", mood="sleep", until=tmp_path / "never", note=note)

    def wait() -> None:
        try:
            ask(suggester, slow)
        except KatibError as error:
            failures.append(error)

    thread = Thread(target=wait)
    thread.start()
    wait_for(lambda: note.exists() and note.read_text().endswith("\n"))
    suggester.forget(slow)
    thread.join(30)
    assert [str(one) for one in failures] == [
        "the worker of algorithm misbehaving was ended, as nobody waits for it any more"
    ]
    assert not isinstance(failures[0], AlgorithmCrashedError), "nothing may stand in for it"
    assert len(note.read_text().split()) == 1
    assert workers() == []


def test_nothing_is_asked_after_the_end(suggester: WorkerSuggester) -> None:
    ask(suggester, experiment())
    suggester.close()
    assert workers() == []
    with pytest.raises(KatibError, match="nobody waits for it any more"):
        ask(suggester, experiment())


def test_a_worker_without_questions_ends_and_is_no_crash() -> None:
    suggester = WorkerSuggester([sys.executable, PROGRAM, "0", "0.05"])
    try:
        pid, *_ = ask(suggester, experiment())
        wait_for(lambda: is_gone(pid))
        assert ask(suggester, experiment())[0] != pid
    finally:
        suggester.close()


ENGINE = """
import sys, threading
sys.path.insert(0, {folder!r})
from test_worker_pool import PROGRAM, ask, experiment
from katib.suggesters.worker import WorkerSuggester
suggester = WorkerSuggester([sys.executable, PROGRAM])
print(ask(suggester, experiment())[0], flush=True)
slow = experiment("slow", mood="sleep", until="/nowhere", note={note!r})
ask(suggester, slow)
"""


def test_workers_end_with_an_engine_that_is_killed_also_while_they_compute(tmp_path: Path) -> None:
    note = tmp_path / "note"
    script = ENGINE.format(folder=str(Path(__file__).parent), note=str(note))
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as engine:
        assert engine.stdout is not None
        idle = int(engine.stdout.readline())
        wait_for(lambda: note.exists() and note.read_text().endswith("\n"))
        busy = int(note.read_text())
        engine.kill()
    wait_for(lambda: is_gone(idle) and is_gone(busy))
