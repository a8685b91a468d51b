from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from experiment_stage import CountingSuggester, Stage, job_of, shown
from msgspec import UNSET
from msgspec.structs import replace

from katib.api import conditions, names
from katib.api.experiment import EXPERIMENTS, ConfigMapSource
from katib.api.kinds import CONFIG_MAPS, JOBS
from katib.api.suggestion import SUGGESTIONS
from katib.api.trial import TRIALS, Trial
from katib.api.values import Key, Kind, ObjectMeta, Strings, Unstructured
from katib.controllers.experiment import Treatment
from katib.controllers.experiment.reconciler import TRY_AGAIN
from katib.errors import NotFoundError
from katib.ports.reconciler import DONE
from katib.ports.resource_store import Event
from katib.testing.builders import an_experiment

BUDGET_SPENT = ("Succeeded", "True", "ExperimentMaxTrialsReached")


def a_stage(max: int | None = 3, parallel: int = 2, **others: object) -> Stage:
    """The experiment as it is once its first trials run."""
    builder = an_experiment().with_trials(max, parallel)
    if "policy" in others:
        builder = builder.with_resume_policy(str(others["policy"]))
    suggester = others.get("suggester")
    stage = Stage(builder.build(), suggester if isinstance(suggester, CountingSuggester) else None)
    stage.run()
    return stage


def progress(stage: Stage) -> tuple[str, str, str]:
    """What the experiment says it waits for: status, reason, message."""
    found = conditions.find(stage.experiment.status.conditions, names.PROGRESSING)
    assert found is not None
    assert stage.experiment.status.conditions[0] is found
    return found.status, found.reason, found.message


def states(stage: Stage) -> dict[str, str]:
    """Each trial's newest condition, by its ``lr``."""
    return {
        trial.spec.parameter_assignments[0].value: trial.status.conditions[-1].type
        for trial in stage.trials
    }


@pytest.mark.rule("A new experiment gets the finalizer `update-prometheus-metrics`")
@pytest.mark.rule(
    "Two at once and three in all: requests are 2, then 3, and the budget ends the experiment"
)
@pytest.mark.rule("When an experiment ends `Running` is `False` and its completion time is set")
def test_an_experiment_goes_its_way_step_by_step() -> None:
    stage = a_stage(max=3, parallel=2)
    assert stage.experiment.metadata.finalizers == (names.FINALIZER_EXPERIMENT,)
    assert stage.conditions() == [
        ("Progressing", "True", "TrialsRunning"),
        ("Created", "True", "ExperimentCreated"),
        ("Running", "True", "ExperimentRunning"),
    ]
    assert (stage.suggestion.spec.requests, stage.suggestion.status.suggestion_count) == (2, 2)
    assert states(stage) == {"1": "Running", "2": "Running"}

    stage.finish("1", "0.5")
    assert (stage.suggestion.spec.requests, stage.suggestion.status.suggestion_count) == (3, 3)
    assert states(stage) == {"1": "Succeeded", "2": "Running", "3": "Running"}
    assert stage.experiment.status.current_optimal_trial.best_trial_name == (
        stage.trial("1").metadata.name
    )

    stage.finish("2", "0.25")
    assert stage.suggestion.spec.requests == 3
    assert not stage.experiment.status.completion_time

    stage.finish("3", "0.75")
    status = stage.experiment.status
    assert stage.conditions() == [
        ("Created", "True", "ExperimentCreated"),
        ("Running", "False", "ExperimentRunning"),
        BUDGET_SPENT,
    ]
    assert (status.trials, status.trials_succeeded, status.trials_running) == (3, 3, 0)
    assert status.completion_time == stage.clock.now()
    assert status.current_optimal_trial.best_trial_name == stage.trial("2").metadata.name
    assert list(stage.store.list(JOBS)) == []
    assert stage.suggester.asked == [(2, 2), (1, 3)]


CAN_NOT = "Suggestion is succeeded, can't be restarted"

CLEANED: dict[str, tuple[str, str]] = {
    "The suggestion of a `Never` experiment that is over can't be restarted": ("Never", CAN_NOT),
    "The suggestion of a `FromVolume` experiment that is over can be restarted": (
        "FromVolume",
        "Suggestion is succeeded, suggestion volume is not deleted, can be restarted",
    ),
}


@pytest.mark.parametrize("case", CLEANED)
def test_the_suggestion_ends_with_the_experiment(case: str) -> None:
    policy, message = CLEANED[case]
    stage = a_stage(max=1, parallel=1, policy=policy)
    stage.finish("1", "0.5")
    assert shown(stage.suggestion.status.conditions) == [
        ("Created", "True", "SuggestionCreated"),
        ("Running", "False", "Suggestion is succeeded"),
        ("Succeeded", "True", "Experiment is succeeded"),
    ]
    assert stage.suggestion.status.conditions[-1].message == message
    assert stage.suggester.forgotten == ["an-experiment"]


@pytest.mark.rule("The suggestion of a `LongRunning` experiment that is over stays as it is")
def test_a_long_running_suggestion_stays() -> None:
    stage = a_stage(max=1, parallel=1, policy="LongRunning")
    stage.finish("1", "0.5")
    assert stage.conditions()[-1] == BUDGET_SPENT
    assert shown(stage.suggestion.status.conditions)[-1] == ("Running", "True", "SuggestionRunning")
    assert stage.suggester.forgotten == []


@pytest.mark.rule(
    "A failed experiment ends its suggestion with the same words as one that succeeded"
)
def test_a_failed_experiment_ends_its_suggestion_too() -> None:
    stage = Stage(an_experiment().with_trials(9, parallel=1, max_failed=1).build())
    stage.run()
    stage.end("1", "Failed")
    assert stage.conditions()[-1] == ("Failed", "True", "ExperimentFailed")
    assert stage.suggestion.status.conditions[-1].message == CAN_NOT
    assert len(stage.trials) == 1


@pytest.mark.rule("A suggestion that was not ended before a crash is ended after it")
def test_the_end_is_cleaned_up_after_a_crash_too() -> None:
    stage = a_stage(max=1, parallel=1)
    stage.finish("1", "0.5")
    kept = stage.suggestion.status.conditions[:1]
    status = replace(stage.suggestion.status, conditions=kept)
    stage.store.update_status(SUGGESTIONS, replace(stage.suggestion, status=status))
    stage.restart_engine()
    stage.run()
    assert shown(stage.suggestion.status.conditions)[-1][0] == "Succeeded"


@pytest.mark.rule(
    "Trials that run when an experiment ends go on, are counted and may become the best"
)
@pytest.mark.rule("An experiment that is over starts no trial, though others still run")
def test_the_goal_ends_it_and_running_trials_go_on() -> None:
    stage = Stage(an_experiment().with_objective(goal=0.1).with_trials(9, parallel=2).build())
    stage.run()
    stage.finish("1", "0.05")
    assert stage.conditions()[-1] == ("Succeeded", "True", "ExperimentGoalReached")
    assert states(stage) == {"1": "Succeeded", "2": "Running"}
    stage.finish("2", "0.01")
    status = stage.experiment.status
    assert (status.trials_succeeded, status.trials_running, status.trials) == (2, 0, 2)
    assert status.current_optimal_trial.best_trial_name == stage.trial("2").metadata.name
    assert stage.conditions()[-1] == ("Succeeded", "True", "ExperimentGoalReached")


@pytest.mark.rule("Trials without metrics use the budget and the failure limit")
def test_trials_without_metrics_use_the_budget_and_count_as_failed() -> None:
    stage = Stage(an_experiment().with_trials(4, parallel=2, max_failed=2).build())
    stage.run()
    stage.finish("1", "unavailable")
    assert stage.experiment.status.trial_metrics_unavailable == 1
    assert len(stage.trials) == 3
    stage.finish("2", "unavailable")
    assert stage.conditions()[-1] == ("Failed", "True", "ExperimentFailed")


def test_an_experiment_without_an_optimum_ends_with_a_warning() -> None:
    stage = Stage(an_experiment().with_trials(2, parallel=1).build())
    stage.run()
    for name in ("1", "2"):
        stage.end(name, "Failed")
    assert stage.conditions()[-1] == ("Succeeded", "True", "ExperimentMaxTrialsReached")
    message = stage.experiment.status.conditions[-1].message
    assert "no trial has succeeded, so there is no optimal trial" in message
    assert stage.told[-1] == ("ExperimentMaxTrialsReached", message)
    assert stage.warned == ["ExperimentMaxTrialsReached"]


@pytest.mark.rule("A failed suggestion fails its experiment with its message and a completion time")
def test_a_refused_search_fails_the_experiment() -> None:
    refusing = CountingSuggester(refusal="random has no setting seed")
    stage = a_stage(suggester=refusing)
    stage.run()
    assert stage.conditions()[-1] == ("Failed", "True", "ExperimentFailed")
    assert stage.experiment.status.conditions[-1].message == (
        "Suggestion has failed. Validation failed: random has no setting seed"
    )
    assert stage.experiment.status.completion_time is not None
    assert stage.trials == []


@pytest.mark.rule("The end of the search ends the experiment when its last trial has ended")
def test_the_end_of_the_search_ends_the_experiment_when_the_last_trial_has() -> None:
    stage = a_stage(max=9, parallel=3, suggester=CountingSuggester(end=2))
    stage.finish("1", "0.5")
    assert stage.conditions()[-1][0] == "Running"
    stage.finish("2", "0.5")
    assert stage.conditions()[-1] == ("Succeeded", "True", "ExperimentSuggestionEndReached")


@pytest.mark.rule("A search that ends before it began ends the experiment")
def test_a_search_that_ends_before_it_began_ends_the_experiment() -> None:
    stage = a_stage(max=9, parallel=3, suggester=CountingSuggester(end=0))
    stage.run()
    assert stage.conditions()[-1] == ("Succeeded", "True", "ExperimentSuggestionEndReached")


@pytest.mark.rule(
    "A deleted trial is run again under its name with its assignment, without its old metrics"
)
def test_a_deleted_trial_is_run_again_with_the_same_assignment() -> None:
    stage = a_stage(max=3, parallel=2)
    stage.finish("1", "0.5")
    old = stage.trial("1")
    stage.store.delete(TRIALS, old.key)
    stage.run()
    stage.finish("2", "0.75")
    new = stage.trial("1")
    assert new.metadata.uid != old.metadata.uid
    assert (new.metadata.name, new.spec) == (old.metadata.name, old.spec)
    assert states(stage) == {"1": "Running", "2": "Succeeded", "3": "Running"}
    assert list(stage.log.read(new.key)) == []
    optimal = stage.experiment.status.current_optimal_trial.best_trial_name
    assert optimal == stage.trial("2").metadata.name


@pytest.mark.rule("A running trial that is deleted is run again at once")
def test_a_deleted_running_trial_is_run_again_at_once() -> None:
    stage = a_stage(max=3, parallel=2)
    old = stage.trial("2")
    stage.store.delete(TRIALS, old.key)
    stage.run()
    assert states(stage) == {"1": "Running", "2": "Running"}
    assert stage.trial("2").metadata.uid != old.metadata.uid
    assert stage.experiment.status.trials == 2
    assert stage.suggester.asked == [(2, 2)]


@pytest.mark.rule(
    "When parallelism is lowered the newest active trials go, and come again when there is room"
)
@pytest.mark.rule("When parallelism is lowered trials that have ended stay")
@pytest.mark.rule("When parallelism is lowered requests and assignments of the suggestion stay")
def test_when_parallelism_is_lowered_the_newest_active_trials_go() -> None:
    stage = a_stage(max=9, parallel=2)
    stage.pass_time(5)
    stage.finish("1", "0.5")
    assert states(stage) == {"1": "Succeeded", "2": "Running", "3": "Running"}
    stage.edit(parallel_trial_count=1)
    assert states(stage) == {"1": "Succeeded", "2": "Running"}
    assert (stage.suggestion.spec.requests, stage.suggestion.status.suggestion_count) == (3, 3)
    kept = [one.parameter_assignments[0].value for one in stage.suggestion.status.suggestions]
    assert kept == ["1", "2", "3"]
    assert len(stage.store.list(JOBS)) == 1
    stage.finish("2", "0.5")
    assert states(stage) == {"1": "Succeeded", "2": "Succeeded", "3": "Running"}
    stage.finish("3", "0.5")
    assert states(stage)["4"] == "Running"


@pytest.mark.rule("When parallelism is raised more trials start")
def test_when_parallelism_is_raised_more_are_started() -> None:
    stage = a_stage(max=9, parallel=1)
    stage.edit(parallel_trial_count=4)
    assert len(stage.trials) == 4
    assert stage.suggestion.spec.requests == 4


@pytest.mark.rule("When the budget is lowered no more trials start")
def test_when_the_budget_is_lowered_no_more_are_started() -> None:
    stage = a_stage(max=9, parallel=2)
    stage.edit(max_trial_count=2)
    stage.finish("1", "0.5")
    assert len(stage.trials) == 2
    stage.finish("2", "0.5")
    assert stage.conditions()[-1] == BUDGET_SPENT


@pytest.mark.rule(
    "A restart takes `Succeeded` away, sets `Restarting` and starts trials in the same pass"
)
@pytest.mark.parametrize("policy", ["LongRunning", "FromVolume"])
def test_a_raised_budget_restarts_an_experiment(policy: str) -> None:
    stage = a_stage(max=1, parallel=1, policy=policy)
    stage.finish("1", "0.5")
    stage.edit(max_trial_count=2)
    assert [one[:2] for one in stage.conditions()] == [
        ("Progressing", "True"),
        ("Created", "True"),
        ("Restarting", "True"),
        ("Running", "True"),
    ]
    assert states(stage) == {"1": "Succeeded", "2": "Running"}
    suggestion = {one[0]: one[1] for one in shown(stage.suggestion.status.conditions)}
    assert suggestion == {"Created": "True", "Running": "True"}
    stage.finish("2", "0.25")
    assert stage.conditions()[-1] == BUDGET_SPENT
    assert stage.experiment.status.trials == 2


def test_a_raised_budget_does_not_restart_what_is_never_resumed() -> None:
    stage = a_stage(max=1, parallel=1, policy="Never")
    stage.finish("1", "0.5")
    stage.edit(max_trial_count=2)
    assert stage.conditions()[-1] == BUDGET_SPENT
    assert len(stage.trials) == 1


@pytest.mark.rule(
    "A suggestion takes labels, annotations, algorithm, early stopping and policy from its owner"
)
def test_the_suggestion_carries_what_the_experiment_says() -> None:
    experiment = an_experiment().with_early_stopping("medianstop").build()
    labelled = replace(experiment.metadata, labels=Strings(team="a"), annotations=Strings(b="c"))
    stage = Stage(replace(experiment, metadata=labelled))
    stage.run()
    made = stage.suggestion
    assert (made.metadata.label("team"), made.metadata.annotations) == ("a", {"b": "c"})
    assert made.spec.algorithm == stage.experiment.spec.algorithm
    assert made.spec.early_stopping == stage.experiment.spec.early_stopping
    assert made.spec.resume_policy == "Never"
    owner = made.metadata.controller
    assert owner is not None
    assert (owner.kind, owner.uid) == ("Experiment", stage.experiment.metadata.uid)


@pytest.mark.rule("A trial takes labels, objective and run from the experiment that owns it")
def test_a_trial_carries_what_the_experiment_says() -> None:
    experiment = an_experiment().build()
    stage = Stage(
        replace(experiment, metadata=replace(experiment.metadata, labels=Strings(team="a")))
    )
    stage.run()
    trial = stage.trial("1")
    assert trial.metadata.labels == {"team": "a", names.LABEL_EXPERIMENT: "an-experiment"}
    assert trial.metadata.finalizers == (names.FINALIZER_TRIAL,)
    owner = trial.metadata.controller
    assert owner is not None
    assert (owner.kind, owner.uid) == ("Experiment", stage.experiment.metadata.uid)
    assert trial.spec.objective == experiment.spec.objective
    job = job_of(stage, "1")
    assert job is not None
    (container,) = job.spec["template"]["spec"]["containers"]
    assert container["command"][-1] == "--lr=1"


@pytest.mark.rule(
    "A template in a ConfigMap is read when a trial is made, and waited for when it is gone"
)
def test_a_template_can_be_read_from_a_config_map() -> None:
    experiment = an_experiment().with_trials(1, 1).build()
    template = experiment.spec.trial_template
    assert template is not None
    source = ConfigMapSource(
        config_map_name="templates", config_map_namespace="default", template_path="job.yaml"
    )
    fresh = replace(template, trial_spec=UNSET, config_map=source)
    stage = Stage(replace(experiment, spec=replace(experiment.spec, trial_template=fresh)))
    stage.run()
    gone = progress(stage)
    assert gone[:2] == ("False", "TrialTemplateMissing")
    assert 'ConfigMap "default/templates" with the key "job.yaml" does not exist' in gone[2]
    stage.store.create(CONFIG_MAPS, a_config_map({"other.yaml": ""}))
    stage.pass_time(TRY_AGAIN)
    assert progress(stage) == gone
    found = stage.store.list(CONFIG_MAPS)[0]
    text = (
        "apiVersion: batch/v1\nkind: Job\nspec: {template: {spec: {containers: "
        "[{name: main, command: [run, '${trialParameters.lr}']}]}}}"
    )
    stage.store.update(CONFIG_MAPS, replace(found, body={"data": {"job.yaml": text}}))
    stage.pass_time(TRY_AGAIN)
    job = job_of(stage, "1")
    assert job is not None
    assert job.spec["template"]["spec"]["containers"][0]["command"] == ["run", "1"]


def a_config_map(data: dict[str, str]) -> Unstructured:
    metadata = ObjectMeta(name="templates", namespace="default")
    return Unstructured(api_version="v1", kind="ConfigMap", metadata=metadata, body={"data": data})


@pytest.mark.rule("A deleted experiment takes its suggestion, its trials and their runs with it")
def test_a_deleted_experiment_takes_everything_with_it() -> None:
    stage = a_stage()
    stage.store.delete(EXPERIMENTS, stage.key)
    stage.run()
    kinds: tuple[Kind[Any], ...] = (EXPERIMENTS, SUGGESTIONS, TRIALS, JOBS)
    for kind in kinds:
        assert list(stage.store.list(kind)) == [], kind


@pytest.mark.rule("A deleted experiment gives up its own finalizer and waits for those of others")
def test_a_deleted_experiment_waits_for_the_finalizers_of_others() -> None:
    stage = a_stage()
    held = (*stage.experiment.metadata.finalizers, "example.com/mine")
    metadata = replace(stage.experiment.metadata, finalizers=held)
    stage.store.update(EXPERIMENTS, replace(stage.experiment, metadata=metadata))
    stage.store.delete(EXPERIMENTS, stage.key)
    stage.run()
    assert stage.experiment.metadata.finalizers == ("example.com/mine",)


@pytest.mark.rule("A new experiment of an old name begins anew")
def test_an_experiment_of_the_same_name_begins_anew() -> None:
    stage = a_stage()
    stage.finish("1", "0.5")
    stage.store.delete(EXPERIMENTS, stage.key)
    stage.run()
    stage.store.create(EXPERIMENTS, an_experiment().with_trials(3, 2).build())
    stage.run()
    status = stage.experiment.status
    assert (status.trials, status.trials_running, status.trials_succeeded) == (2, 2, 0)


@pytest.mark.rule("A restarted engine counts the same")
def test_a_restarted_engine_counts_the_same() -> None:
    stage = a_stage(max=9, parallel=3)
    stage.finish("1", "0.5")
    stage.end("2", "Failed")
    before = stage.experiment.status
    stage.restart_engine()
    stage.run()
    assert stage.experiment.status == before
    stage.finish("3", "0.25")
    assert stage.experiment.status.trials_succeeded == 2
    assert len(stage.trials) == 6


@pytest.mark.rule("An experiment that is not wanted now is counted and starts nothing")
def test_what_is_not_wanted_now_is_only_counted() -> None:
    wanted = True
    stage = Stage(
        an_experiment().with_trials(9, parallel=2).build(), treatment=Treatment(lambda _: wanted)
    )
    stage.run()
    wanted = False
    stage.finish("1", "0.5")
    assert stage.experiment.status.trials_succeeded == 1
    assert len(stage.trials) == 2
    wanted = True
    stage.experiments.reconcile(stage.key)
    stage.run()
    assert len(stage.trials) == 3


@pytest.mark.rule("Counters alone are written ten times a second at most")
def test_counters_alone_are_written_ten_times_a_second_at_most() -> None:
    stage = a_stage(max=None, parallel=5)
    writes: list[Event] = []
    stage.store.subscribe(lambda event: writes.append(event) if event.kind is EXPERIMENTS else None)
    stage.pass_time(10)
    for value in range(1, 6):
        stage.store.delete(TRIALS, stage.trial(str(value)).key)
        stage.pass_time(0.01)
    assert len(writes) <= 1
    stage.pass_time(0.1)
    assert stage.experiment.status.trials_running == 5
    assert set(stage.experiment.status.running_trial_list) == {
        trial.metadata.name for trial in stage.trials
    }


@pytest.mark.rule("In a cluster a change of counters waits two seconds for others")
def test_counters_that_are_gathered_are_written_together() -> None:
    """The end of a trial and the start of the next one are one write, however long they run."""
    builder = an_experiment().with_trials(None, parallel=1)
    stage = Stage(builder.build(), treatment=Treatment(gathering=2.0))
    stage.run()
    stage.pass_time(10)
    writes: list[Event] = []
    stage.store.subscribe(lambda event: writes.append(event) if event.kind is EXPERIMENTS else None)
    for value in range(1, 4):
        stage.finish(str(value), "0.5")
        stage.pass_time(1.8)
        assert len(writes) == value - 1
        stage.pass_time(10)
        assert len(writes) == value
        status = stage.experiment.status
        assert (status.trials_succeeded, status.trials_running) == (value, 1)


@pytest.mark.rule("An experiment's status is written only when it changes")
def test_a_status_is_written_only_when_it_changes() -> None:
    stage = a_stage()
    before = stage.store.version
    for _ in range(3):
        stage.clock.advance(1)
        stage.experiments.reconcile(stage.key)
    assert stage.store.version == before


@pytest.mark.rule("An experiment that does not exist is nothing to do")
def test_a_missing_experiment_is_nothing_to_do() -> None:
    stage = a_stage()
    version = stage.store.version
    assert stage.experiments.reconcile(Key("default", "missing")) == DONE
    assert stage.store.version == version


@pytest.mark.rule("A new experiment is `Created`, with a start time and no completion time")
@pytest.mark.rule("An experiment is `Running` from its first trial on")
@pytest.mark.rule("Without a suggestion one is created with the first requests, and no trial yet")
def test_the_first_pass_asks_for_assignments() -> None:
    stage = Stage(an_experiment().with_trials(9, parallel=2).build())
    stage.experiments.reconcile(stage.key)
    status = stage.experiment.status
    assert stage.conditions()[1:] == [("Created", "True", "ExperimentCreated")]
    assert (status.start_time, status.completion_time) == (stage.clock.now(), None)
    assert (stage.suggestion.spec.requests, stage.trials) == (2, [])
    stage.run()
    assert stage.conditions()[-1] == ("Running", "True", "ExperimentRunning")


@pytest.mark.rule(
    "An experiment that vanishes during a pass is an error, so that it is tried again"
)
def test_an_experiment_that_vanishes_during_a_pass() -> None:
    def vanish(key: Key) -> bool:
        metadata = replace(stage.experiment.metadata, finalizers=())
        stage.store.update(EXPERIMENTS, replace(stage.experiment, metadata=metadata))
        stage.store.delete(EXPERIMENTS, key)
        return True

    stage = Stage(an_experiment().build(), treatment=Treatment(vanish))
    with pytest.raises(NotFoundError):
        stage.experiments.reconcile(stage.key)
    assert stage.experiments.reconcile(stage.key) == DONE


@pytest.mark.rule("Trials belong to an experiment by namespace and label, whoever owns them")
def test_trials_belong_to_an_experiment_by_label() -> None:
    stage = a_stage(max=9, parallel=2, suggester=CountingSuggester(end=1))
    own = stage.trial("1")
    for namespace in ("default", "other"):
        labels = Strings({names.LABEL_EXPERIMENT: stage.key.name})
        metadata = ObjectMeta(name="stranger", namespace=namespace, labels=labels)
        stranger = Trial(metadata=metadata, spec=replace(own.spec, run_spec=UNSET))
        stage.store.create(TRIALS, stranger)
    stage.run()
    status = stage.experiment.status
    assert (status.trials, status.failed_trial_list) == (2, ("stranger",))


@pytest.mark.rule("An experiment that is over and has no suggestion is left in peace")
def test_an_end_without_a_suggestion() -> None:
    stage = a_stage(max=2, parallel=2)
    stage.store.delete(SUGGESTIONS, stage.key)
    stage.finish("1", "0.5")
    stage.finish("2", "0.5")
    assert stage.conditions()[-1] == BUDGET_SPENT
    assert stage.store.find(SUGGESTIONS, stage.key) is None


@pytest.mark.rule("A suggestion that failed stays as it is when its experiment ends")
def test_a_failed_suggestion_stays_failed() -> None:
    stage = a_stage(suggester=CountingSuggester(refusal="no"))
    assert stage.conditions()[-1] == ("Failed", "True", "ExperimentFailed")
    assert shown(stage.suggestion.status.conditions) == [
        ("Created", "True", "SuggestionCreated"),
        ("Failed", "True", "SuggestionFailed"),
    ]


def raised_budget(policy: str) -> Stage:
    """The first pass after the budget was raised, and nothing else."""
    stage = a_stage(max=1, parallel=1, policy=policy)
    stage.finish("1", "0.5")
    stage.clock.advance(60)
    spec = replace(stage.experiment.spec, max_trial_count=2)
    stage.store.update(EXPERIMENTS, replace(stage.experiment, spec=spec))
    stage.experiments.reconcile(stage.key)
    return stage


@pytest.mark.rule(
    "A restart makes a `FromVolume` suggestion `Running=False`, as the experiment restarts"
)
@pytest.mark.rule("A restart leaves the completion time until the experiment ends again")
@pytest.mark.rule("`Restarting` stays `True` when the experiment ends again")
def test_a_restart_from_a_volume() -> None:
    stage = raised_budget(names.FROM_VOLUME)
    assert shown(stage.suggestion.status.conditions) == [
        ("Created", "True", "SuggestionCreated"),
        ("Running", "False", "Experiment is restarting"),
    ]
    status = stage.experiment.status
    assert [one[0] for one in stage.conditions()] == [
        "Progressing",
        "Created",
        "Restarting",
        "Running",
    ]
    first = status.completion_time
    assert isinstance(first, datetime)
    assert first < stage.clock.now()
    stage.run()
    stage.finish("2", "0.5")
    assert ("Restarting", "True", "ExperimentRestarting") in stage.conditions()
    second = stage.experiment.status.completion_time
    assert isinstance(second, datetime)
    assert second > first


@pytest.mark.rule(
    "A restart asks the `LongRunning` suggestion for more and changes no condition of it"
)
def test_a_restart_of_a_long_running_suggestion() -> None:
    stage = raised_budget(names.LONG_RUNNING)
    assert stage.suggestion.spec.requests == 2
    assert shown(stage.suggestion.status.conditions) == [
        ("Created", "True", "SuggestionCreated"),
        ("Running", "True", "SuggestionRunning"),
    ]


@pytest.mark.rule("A restart without a suggestion makes a new one")
def test_a_restart_without_a_suggestion() -> None:
    stage = a_stage(max=1, parallel=1, policy=names.FROM_VOLUME)
    stage.finish("1", "0.5")
    stage.store.delete(SUGGESTIONS, stage.key)
    stage.edit(max_trial_count=2)
    stage.finish("2", "0.5")
    assert stage.conditions()[-1] == BUDGET_SPENT
    assert len(stage.trials) == 2


@pytest.mark.rule("Two at once and three assignments: two trials are made, the third in its turn")
def test_more_assignments_than_may_run() -> None:
    stage = Stage(an_experiment().with_trials(9, 2).build(), CountingSuggester(extra=1))
    stage.run()
    assert states(stage) == {"1": "Running", "2": "Running"}
    assert stage.suggestion.status.suggestion_count == 3
    stage.finish("1", "0.5")
    assert states(stage) == {"1": "Succeeded", "2": "Running", "3": "Running"}


@pytest.mark.rule("A trial whose name is still taken by a deleted one is made once that is gone")
def test_a_name_that_is_still_taken() -> None:
    stage = a_stage(max=3, parallel=1)
    old = stage.trial("1")
    held = replace(old.metadata, finalizers=(*old.metadata.finalizers, "example.com/mine"))
    stage.store.update(TRIALS, replace(old, metadata=held))
    stage.store.delete(TRIALS, old.key)
    stage.run()
    going = stage.trial("1")
    assert going.metadata.uid == old.metadata.uid
    stage.store.update(TRIALS, replace(going, metadata=replace(going.metadata, finalizers=())))
    stage.run()
    assert states(stage) == {"1": "Running"}
    assert stage.trial("1").metadata.uid != old.metadata.uid


@pytest.mark.rule("Requests are the trials there are and those that are missing")
@pytest.mark.rule(
    "An early-stopped trial without observation lowers neither requests nor parallelism"
)
def test_requests_count_early_stopped_trials() -> None:
    stage = a_stage(max=9, parallel=2)
    assert stage.suggestion.spec.requests == 2
    stage.mark("1", names.EARLY_STOPPED)
    assert stage.suggestion.spec.requests == 3
    assert states(stage) == {"1": "EarlyStopped", "2": "Running", "3": "Running"}


@pytest.mark.rule("Trials that are still pending when an experiment ends are counted to their end")
def test_pending_trials_are_counted_after_the_end() -> None:
    stage = Stage(an_experiment().with_objective(goal=0.1).with_trials(9, parallel=2).build())
    stage.run()
    pending = stage.trial("2")
    kept = replace(pending.status, conditions=pending.status.conditions[:1])
    stage.store.update_status(TRIALS, replace(pending, status=kept))
    stage.finish("1", "0.05")
    assert stage.conditions()[-1] == ("Succeeded", "True", "ExperimentGoalReached")
    status = stage.experiment.status
    assert (status.trials_running, status.trials_pending) == (0, 1)
    stage.end("2", "Failed")
    status = stage.experiment.status
    assert (status.trials_pending, status.trials_failed) == (0, 1)
