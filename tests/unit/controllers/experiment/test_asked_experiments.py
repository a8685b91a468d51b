"""Experiments whose trials are made when they are asked for, and trials that are brought in."""

from __future__ import annotations

from collections.abc import Sequence

from experiment_stage import CountingSuggester, Stage
from msgspec.structs import replace

from katib.api import conditions, names
from katib.api.experiment import EXPERIMENTS, Experiment
from katib.api.suggestion import TrialAssignment
from katib.api.trial import TRIALS, Trial
from katib.api.values import Condition, NameValue, ObjectMeta, Strings
from katib.controllers.experiment.building import build_trial
from katib.testing.builders import an_experiment


def asked(count: int, experiment: Experiment) -> Experiment:
    annotations = Strings({names.ANNOTATION_ASKED: str(count)})
    return replace(experiment, metadata=replace(experiment.metadata, annotations=annotations))


def a_stage(count: int, max: int | None = 12, parallel: int = 5) -> Stage:
    stage = Stage(asked(count, an_experiment().with_trials(max, parallel).build()))
    stage.run()
    return stage


def ask(stage: Stage, count: int) -> None:
    stage.store.update(EXPERIMENTS, asked(count, stage.experiment))
    stage.run()


def bring_in(stage: Stage, values: Sequence[str]) -> None:
    """Trials that ended elsewhere, as their runs are still to be looked at."""
    for value in values:
        assignment = TrialAssignment(
            name=f"imported-{value}",
            parameter_assignments=(NameValue(name="lr", value=value),),
            labels=Strings({names.LABEL_IMPORTED: "true"}),
        )
        stage.store.create(TRIALS, build_trial(stage.experiment, assignment))
    stage.run()


def end(stage: Stage, trial: Trial) -> None:
    fresh = Condition(type=names.SUCCEEDED, status="True", reason="TrialSucceeded")
    status = replace(trial.status, conditions=(*trial.status.conditions, fresh))
    stage.store.update_status(TRIALS, replace(trial, status=status))
    stage.run()


def reason(stage: Stage) -> str:
    found = conditions.find(stage.experiment.status.conditions, names.PROGRESSING)
    return "" if found is None else found.reason


def test_nothing_is_suggested_before_somebody_asks() -> None:
    stage = a_stage(0)
    assert (stage.trials, stage.suggester.asked) == ([], [])
    assert reason(stage) == "WaitingToBeAsked"


def test_trials_are_made_one_by_one_as_they_are_asked_for() -> None:
    stage = a_stage(1)
    assert stage.suggester.asked == [(1, 1)]
    ask(stage, 3)
    assert stage.suggester.asked == [(1, 1), (2, 3)]
    assert len(stage.trials) == 3
    assert reason(stage) == "TrialsRunning"


def test_a_trial_that_ends_is_replaced_by_none() -> None:
    stage = a_stage(2)
    stage.finish("1", "0.5")
    assert len(stage.trials) == 2
    stage.finish("2", "0.4")
    assert stage.suggester.asked == [(2, 2)]
    assert reason(stage) == "WaitingToBeAsked"


def test_who_asks_beyond_parallelism_waits_until_a_trial_ends() -> None:
    stage = a_stage(4, parallel=2)
    assert len(stage.trials) == 2
    stage.finish("1", "0.5")
    assert len(stage.trials) == 3


def test_the_same_trials_are_there_after_a_restart() -> None:
    stage = a_stage(3)
    stage.finish("1", "0.5")
    stage.restart_engine()
    stage.run()
    assert (len(stage.trials), stage.suggester.asked) == (3, [(3, 3)])


def test_an_experiment_ends_by_its_budget_while_nobody_asks() -> None:
    stage = a_stage(2, max=2)
    stage.finish("1", "0.5")
    stage.finish("2", "0.4")
    assert stage.ending[1] == "ExperimentMaxTrialsReached"


def test_imported_trials_are_none_of_the_algorithms() -> None:
    stage = a_stage(0)
    bring_in(stage, ["101", "102", "103"])
    for trial in stage.trials:
        end(stage, trial)
    ask(stage, 2)
    assert stage.suggester.asked == [(2, 2)]
    assert [trial.spec.parameter_assignments[0].value for trial in stage.trials[:2]] == ["1", "2"]
    assert stage.experiment.status.trials == 5


def test_imported_trials_count_in_the_budget() -> None:
    stage = a_stage(0, max=4)
    bring_in(stage, ["101", "102", "103"])
    for trial in stage.trials:
        end(stage, trial)
    ask(stage, 9)
    assert len(stage.trials) == 4
    stage.finish("1", "0.5")
    assert stage.ending[1] == "ExperimentMaxTrialsReached"


def test_imported_trials_are_never_too_many() -> None:
    stage = a_stage(0, parallel=1)
    bring_in(stage, ["101", "102", "103"])
    assert len(stage.trials) == 3
    ask(stage, 1)
    assert len(stage.trials) == 4


def test_imported_trials_are_the_same_after_a_restart() -> None:
    stage = a_stage(0)
    bring_in(stage, ["101", "102"])
    ask(stage, 1)
    stage.restart_engine()
    stage.run()
    ask(stage, 2)
    assert stage.suggester.asked == [(1, 1), (1, 2)]


def test_who_deletes_an_imported_trial_gets_no_other() -> None:
    stage = a_stage(0)
    bring_in(stage, ["101", "102"])
    ask(stage, 1)
    stage.store.delete(TRIALS, stage.trial("101").key)
    stage.run()
    assert stage.suggester.asked == [(1, 1)]


def test_the_suggester_is_the_one_that_counts() -> None:
    # The stage's suggester ends the search by itself as well.
    stage = Stage(asked(9, an_experiment().with_trials(12, 5).build()), CountingSuggester(end=2))
    stage.run()
    for value in ("1", "2"):
        stage.finish(value, "0.5")
    assert stage.ending[1] == "ExperimentSuggestionEndReached"
    assert ObjectMeta(name="x").annotation("y") is None
