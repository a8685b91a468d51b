"""What becomes of an experiment whose trials are stopped early."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

# The stage belongs to the experiments' folder, which may not have been collected yet.
sys.path.append(str(Path(__file__).parent / "experiment"))

from experiment_stage import Stage, job_of

from katib.api import names
from katib.api.trial import TRIALS
from katib.ports.observation_log import NO_TIME, MetricEntry
from katib.testing.builders import an_experiment


def a_stage(goal: float | None = None) -> Stage:
    builder = an_experiment().with_objective("loss", goal=goal).with_early_stopping("medianstop")
    stage = Stage(builder.with_trials(3, parallel=1, max_failed=1).build())
    stage.run()
    return stage


def stop(stage: Stage, value: str, loss: str) -> None:
    stage.log.report(stage.trial(value).key, [MetricEntry(NO_TIME, "loss", loss)])
    stage.mark(value, names.EARLY_STOPPED)


@pytest.mark.rule("A stopped trial is counted, listed and spends the budget, and is no failure")
def test_stopped_trials_spend_the_budget() -> None:
    stage = a_stage()
    assert len(stage.trial("1").spec.early_stopping_rules) == 1
    for value in ("1", "2", "3"):
        stop(stage, value, f"0.{value}")
        assert job_of(stage, value) is None
    status = stage.experiment.status
    assert (status.trials, status.trials_early_stopped, status.trials_failed) == (3, 3, 0)
    assert status.early_stopped_trial_list == tuple(
        stage.trial(value).metadata.name for value in ("1", "2", "3")
    )
    assert stage.ending[1] == "ExperimentMaxTrialsReached"
    assert all(trial.is_observed for trial in stage.trials)


@pytest.mark.rule("A stopped trial can be the best one and reach the goal")
def test_a_stopped_trial_reaches_the_goal() -> None:
    stage = a_stage(goal=0.1)
    stage.finish("1", "0.5")
    stop(stage, "2", "0.1")
    best = stage.experiment.status.current_optimal_trial
    assert best.best_trial_name == stage.trial("2").metadata.name
    assert stage.ending[1] == "ExperimentGoalReached"
    assert len(stage.trials) == 2


@pytest.mark.rule("An experiment does not end before it knows what its last stopped trial observed")
def test_the_last_trial_is_stopped_and_reaches_the_goal() -> None:
    stage = a_stage(goal=0.1)
    stage.finish("1", "0.5")
    stage.finish("2", "0.4")
    stop(stage, "3", "0.1")
    assert stage.ending[1] == "ExperimentGoalReached"
    best = stage.experiment.status.current_optimal_trial
    assert best.best_trial_name == stage.trial("3").metadata.name


def test_a_stopped_trial_that_cannot_be_read_is_waited_for_and_no_longer() -> None:
    stage = a_stage()
    stage.finish("1", "0.5")
    stage.finish("2", "0.4")
    stage.log.is_away = True
    stage.mark("3", names.EARLY_STOPPED)
    assert stage.ending[0] == names.RUNNING
    stage.log.is_away = False
    stage.wait(60)
    assert stage.ending[1] == "ExperimentMaxTrialsReached"


def test_a_stopped_trial_that_is_deleted_is_not_waited_for() -> None:
    stage = a_stage()
    stage.finish("1", "0.5")
    stage.finish("2", "0.4")
    stage.log.is_away = True
    stage.mark("3", names.EARLY_STOPPED)
    stage.store.delete(TRIALS, stage.trial("3").key)
    stage.log.is_away = False
    stage.run()
    stage.wait(60)
    assert len(stage.trials) == 3
    assert stage.ending[0] == names.RUNNING
