"""Two operators, of which one leads: when it is gone, the other goes on."""

from __future__ import annotations

import time

import pytest
from experiments import an_experiment
from processes import Program, wait_for
from stage import Stage

pytestmark = pytest.mark.timeout(300)

LEADS = "Running the experiments"

#: How soon another one must lead, in seconds.
WITHIN = 20.0


@pytest.fixture(autouse=True)
def slow_pods(stage: Stage) -> None:
    stage.kubelet.run_pod = lambda trial: time.sleep(0.5)


def two(stage: Stage) -> tuple[Program, Program]:
    """The leader and another."""
    first, second = (stage.add_operator(enableLeaderElection=True) for _ in range(2))
    first.start()
    second.start(is_awaited=False)
    wait_for(lambda: "waits for its turn to lead" in second.text(), "it could lead")
    time.sleep(3)
    assert LEADS not in second.text()
    return first, second


def check(stage: Stage, trials: int) -> None:
    wait_for(lambda: bool(stage.experiments.ended()), "the experiment is over")
    wait_for(lambda: stage.experiments.completed() == trials, "all trials are counted")
    stage.experiments.check_books(trials)
    stage.check_runs()


def test_the_leader_is_killed(stage: Stage) -> None:
    leader, other = two(stage)
    stage.experiments.create(an_experiment(trials=60))
    wait_for(lambda: stage.experiments.completed() >= 5, "some trials")
    leader.kill()
    wait_for(lambda: LEADS in other.text(), "the other one leads", WITHIN)
    check(stage, 60)


def test_a_leader_that_is_stopped_hands_over_at_once(stage: Stage) -> None:
    leader, other = two(stage)
    stage.experiments.create(an_experiment(trials=20))
    wait_for(lambda: stage.experiments.completed() >= 5, "some trials")
    assert leader.stop() == 0
    wait_for(lambda: LEADS in other.text(), "the other one leads", 5.0)
    check(stage, 20)


def test_one_that_waits_for_its_turn_can_be_stopped(stage: Stage) -> None:
    _, other = two(stage)
    assert other.stop() == 0
