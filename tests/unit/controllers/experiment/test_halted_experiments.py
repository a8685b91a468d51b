"""Experiments that somebody suspends, resumes and stops."""

from __future__ import annotations

import pytest
from experiment_stage import Stage
from msgspec.structs import replace

from katib.api import conditions, names
from katib.api.experiment import EXPERIMENTS
from katib.api.values import Strings
from katib.testing.builders import an_experiment


def a_stage(policy: str = names.NEVER, max: int | None = 12, **annotations: str) -> Stage:
    """An experiment of which two trials run at once."""
    experiment = an_experiment().with_trials(max, 2).with_resume_policy(policy).build()
    given = Strings({f"katib.kubeflow.org/{name}": text for name, text in annotations.items()})
    metadata = replace(experiment.metadata, annotations=given)
    stage = Stage(replace(experiment, metadata=metadata))
    stage.run()
    return stage


def annotate(stage: Stage, annotation: str, value: str | None) -> None:
    experiment = stage.experiment
    kept = {one: text for one, text in annotations_of(stage).items() if one != annotation}
    fresh = Strings(kept if value is None else {**kept, annotation: value})
    metadata = replace(experiment.metadata, annotations=fresh)
    stage.store.update(EXPERIMENTS, replace(experiment, metadata=metadata))
    stage.run()


def annotations_of(stage: Stage) -> dict[str, str]:
    return dict(stage.experiment.metadata.annotations or {})


def suspend(stage: Stage) -> None:
    annotate(stage, names.ANNOTATION_SUSPEND, "true")


def resume(stage: Stage) -> None:
    annotate(stage, names.ANNOTATION_SUSPEND, None)


def stop(stage: Stage) -> None:
    annotate(stage, names.ANNOTATION_STOP, "true")


def standing(stage: Stage, type: str) -> tuple[str, str]:
    found = conditions.find(stage.experiment.status.conditions, type)
    return ("", "") if found is None else (found.status, found.reason)


def test_while_it_is_suspended_no_trials_are_made_and_those_that_run_go_on() -> None:
    stage = a_stage()
    suspend(stage)
    assert standing(stage, names.RUNNING) == ("True", "ExperimentSuspended")
    assert standing(stage, names.PROGRESSING) == ("True", "Suspended")
    stage.finish("1", "0.5")
    assert [trial.is_completed for trial in stage.trials] == [True, False]
    stage.finish("2", "0.25")
    assert len(stage.trials) == 2
    # Now nothing happens until somebody takes it back.
    assert standing(stage, names.PROGRESSING) == ("False", "Suspended")
    assert standing(stage, names.RUNNING) == ("True", "ExperimentSuspended")
    assert stage.suggester.asked == [(2, 2)]
    status = stage.experiment.status
    assert (status.trials_succeeded, status.trials_running) == (2, 0)
    assert status.current_optimal_trial.best_trial_name == stage.trial("2").metadata.name


def test_it_goes_on_at_once_when_it_is_resumed() -> None:
    stage = a_stage()
    suspend(stage)
    stage.finish("1", "0.5")
    stage.finish("2", "0.25")
    resume(stage)
    assert len(stage.trials) == 4
    assert standing(stage, names.RUNNING) == ("True", "ExperimentRunning")
    assert standing(stage, names.PROGRESSING) == ("True", "TrialsRunning")
    assert stage.suggester.asked == [(2, 2), (2, 4)]
    assert [reason for reason, _ in stage.told if "Experiment" in reason] == [
        "ExperimentSuspended",
        "ExperimentRunning",
    ]


def test_one_that_is_made_suspended_waits_from_the_beginning() -> None:
    stage = a_stage(suspend="true")
    assert (stage.trials, stage.suggester.asked) == ([], [])
    assert standing(stage, names.CREATED) == ("True", "ExperimentCreated")
    assert standing(stage, names.PROGRESSING) == ("False", "Suspended")
    resume(stage)
    assert len(stage.trials) == 2


@pytest.mark.parametrize("text", ["false", "", "True", "yes"])
def test_any_other_text_suspends_and_stops_nothing(text: str) -> None:
    stage = a_stage(suspend=text, stop=text)
    assert len(stage.trials) == 2
    assert standing(stage, names.RUNNING) == ("True", "ExperimentRunning")


def test_it_stays_suspended_after_a_restart() -> None:
    stage = a_stage()
    suspend(stage)
    stage.finish("1", "0.5")
    stage.restart_engine()
    stage.run()
    assert len(stage.trials) == 2
    assert standing(stage, names.RUNNING) == ("True", "ExperimentSuspended")
    resume(stage)
    assert len(stage.trials) == 3


def test_the_budget_ends_one_that_is_suspended() -> None:
    stage = a_stage(max=2)
    suspend(stage)
    stage.finish("1", "0.5")
    stage.finish("2", "0.25")
    assert stage.ending[:2] == ("Succeeded", "ExperimentMaxTrialsReached")


def test_one_that_is_stopped_ends_with_the_trials_it_has() -> None:
    stage = a_stage()
    stage.finish("1", "0.5")
    stop(stage)
    assert standing(stage, names.PROGRESSING) == ("True", "Stopping")
    assert standing(stage, names.RUNNING) == ("True", "ExperimentRunning")
    stage.finish("2", "0.25")
    assert len(stage.trials) == 3
    stage.finish("3", "0.75")
    assert stage.ending == (
        "Succeeded",
        "ExperimentStopped",
        "Experiment has succeeded because it was stopped",
    )
    status = stage.experiment.status
    assert (status.trials, status.trials_succeeded) == (3, 3)
    assert standing(stage, names.PROGRESSING) == ("", "")


def test_one_without_trials_ends_at_once_when_it_is_stopped() -> None:
    stage = a_stage(suspend="true")
    stop(stage)
    assert stage.ending[:2] == ("Succeeded", "ExperimentStopped")
    assert stage.trials == []


def test_one_whose_trials_all_failed_says_that_there_is_no_optimum() -> None:
    stage = a_stage()
    stop(stage)
    for value in ("1", "2"):
        stage.end(value, "Failed")
    assert stage.ending[1] == "ExperimentStopped"
    assert "no trial has succeeded" in stage.ending[2]
    assert "ExperimentStopped" in stage.warned


def stopped(policy: str) -> Stage:
    stage = a_stage(policy)
    stop(stage)
    stage.finish("1", "0.5")
    stage.finish("2", "0.25")
    assert stage.ending[1] == "ExperimentStopped"
    return stage


@pytest.mark.parametrize("policy", [names.LONG_RUNNING, names.FROM_VOLUME])
def test_one_that_was_stopped_goes_on_where_its_policy_allows_that(policy: str) -> None:
    stage = stopped(policy)
    annotate(stage, names.ANNOTATION_STOP, None)
    assert len(stage.trials) == 4
    assert standing(stage, names.RUNNING) == ("True", "ExperimentRunning")


def test_one_that_was_stopped_stays_so_where_its_policy_forbids_more() -> None:
    stage = stopped(names.NEVER)
    annotate(stage, names.ANNOTATION_STOP, None)
    assert len(stage.trials) == 2
    assert stage.ending[1] == "ExperimentStopped"


def test_more_budget_alone_does_not_wake_one_that_was_stopped() -> None:
    stage = stopped(names.LONG_RUNNING)
    stage.edit(max_trial_count=20)
    assert len(stage.trials) == 2
    assert stage.ending[1] == "ExperimentStopped"
