"""The engine is killed again and again, and nothing is lost, doubled or cut short."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from command_line import (
    LONGEST,
    Katib,
    Manifest,
    a_template,
    an_experiment,
    finish,
    has_text,
    wait_for,
)

from katib.api.values import Key
from katib.observations.sql import SqlObservationLog

pytestmark = [pytest.mark.journey, pytest.mark.timeout(900)]

TRIALS, PARALLEL, KILLS = 200, 5, 50

#: The metrics of a trial: so many values, with a pause before each.
VALUES, PAUSE = 5, 0.08

#: When the engine is killed, in seconds: at the earliest after its start, before it has read its
#: first document, and at the latest after it has begun its work.
EARLIEST, LATEST = 0.05, 0.6

#: How many trials each engine may begin; one that has begun more is killed at once. So there is
#: something left to do at the last kill, however quick or slow the machine is.
SHARE = TRIALS * 4 // 5 // KILLS

SCRIPT = f"""
echo "$KATIB_TRIAL_NAME $$$$" >> started
for i in $(seq {VALUES}); do
    sleep {PAUSE}
    echo "loss=${{trialParameters.x}}$i"
done
"""


def test_fifty_kills_in_two_hundred_trials_lose_and_double_nothing(katib: Katib) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    template = a_template(["/bin/sh", "-c", SCRIPT])
    path = katib.write(
        an_experiment("", trialTemplate=template, maxTrialCount=TRIALS, parallelTrialCount=PARALLEL)
    )

    kills_while_running = kill_again_and_again(katib, path, chance)
    print(f"{len((katib.folder / 'started').read_text().splitlines())} trials begun in between")
    last = finish(katib.start("run", path), 5 * LONGEST)

    assert last.code == 0, last.text
    assert kills_while_running == KILLS
    trials = katib.trials("tuned")
    names = {trial["metadata"]["name"] for trial in trials}
    assert len(trials) == len(names) == TRIALS
    ends = [trial["status"]["conditions"][-1]["type"] for trial in trials]
    assert ends == ["Succeeded"] * TRIALS
    assert_each_started_once(katib.folder / "started", names)
    for trial, values in read_values(katib, trials).items():
        assert values == printed(trial, trials), trial
    assert katib.get("experiment", "tuned")["status"]["trialsSucceeded"] == TRIALS


def test_running_programs_are_adopted_by_the_next_engine(katib: Katib) -> None:
    script = "echo $$$$ >> pids; echo loss=3; sleep 4; echo loss=2; sleep 0.2; echo loss=1"
    path = katib.write(an_experiment(script))
    first = katib.start("run", path)
    wait_for(lambda: has_text(katib.folder / "pids"), "the program runs")
    first.kill()
    finish(first)

    katib("run", path, check=0)

    assert len((katib.folder / "pids").read_text().split()) == 1
    trials = katib.trials("tuned")
    assert list(read_values(katib, trials).values()) == [["3", "2", "1"]]
    [metric] = trials[0]["status"]["observation"]["metrics"]
    assert metric == {"name": "loss", "min": "1", "max": "3", "latest": "1"}


def test_a_program_that_ended_while_no_engine_ran_is_read_to_its_end(katib: Katib) -> None:
    script = "echo $$$$ >> pids; sleep 1; echo loss=3; echo loss=2; echo done > done"
    path = katib.write(an_experiment(script))
    first = katib.start("run", path)
    wait_for(lambda: has_text(katib.folder / "pids"), "the program runs")
    first.kill()
    finish(first)
    wait_for(lambda: has_text(katib.folder / "done"), "the program has ended")

    katib("run", path, check=0)

    assert len((katib.folder / "pids").read_text().split()) == 1
    assert list(read_values(katib, katib.trials("tuned")).values()) == [["3", "2"]]


def kill_again_and_again(katib: Katib, path: str, chance: random.Random) -> int:
    """Start the same command and kill its engine; how often it was running when it was killed."""
    count, started = 0, katib.folder / "started"
    begin = time.monotonic()
    katib("validate", path, check=0)
    # Nothing runs before that much time has passed, and on a busy machine it is long.
    longest, before, idle = 2 * (time.monotonic() - begin) + LATEST, 0, 0
    for number in range(KILLS):
        engine = katib.start("run", path)
        latest = time.monotonic() + chance.uniform(EARLIEST, longest)
        while time.monotonic() < latest and count_lines(started) <= SHARE * (number + 1):
            time.sleep(0.01)
        is_running = engine.poll() is None
        engine.kill()
        ended = finish(engine)
        assert is_running, f"ended before kill {number + 1} with {ended.code}: {ended.text}"
        count += 1
        # Several that had no time to begin a trial: the machine has become busier.
        idle = idle + 1 if count_lines(started) == before else 0
        before = count_lines(started)
        if idle == 5:
            longest, idle = 1.5 * longest, 0
    return count


def assert_each_started_once(started: Path, names: set[str]) -> None:
    lines = started.read_text().splitlines()
    assert len(lines) == TRIALS
    assert {line.split()[0] for line in lines} == names


def read_values(katib: Katib, trials: Sequence[Manifest]) -> Mapping[str, list[str]]:
    """The observation log of each trial."""
    log = SqlObservationLog(f"sqlite:///{katib.home / 'observations.db'}")
    try:
        names = [trial["metadata"]["name"] for trial in trials]
        return {name: [one.value for one in log.read(Key("default", name))] for name in names}
    finally:
        log.close()


def printed(name: str, trials: Sequence[Manifest]) -> list[str]:
    """What the program of a trial has printed."""
    [trial] = [one for one in trials if one["metadata"]["name"] == name]
    [x] = trial["spec"]["parameterAssignments"]
    return [f"{x['value']}{number}" for number in range(1, VALUES + 1)]


def count_lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0
