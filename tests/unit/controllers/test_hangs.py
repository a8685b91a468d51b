"""Whatever would wait or go round for ever in Katib comes to an end here, and says why."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from msgspec import UNSET
from msgspec.structs import replace

# The stage belongs to the experiments' folder, which may not have been collected yet.
sys.path.append(str(Path(__file__).parent / "experiment"))

from experiment_stage import CountingSuggester, Stage, job_of

from katib.admission import AdmissionContext, admit
from katib.api import conditions, names
from katib.api.codec import to_manifest
from katib.api.experiment import EXPERIMENTS, ConfigMapSource, Experiment, TrialTemplate
from katib.api.kinds import CONFIG_MAPS, JOBS
from katib.api.suggestion import SUGGESTIONS
from katib.api.trial import TRIALS, Trial
from katib.api.trial_names import trial_name
from katib.api.values import Kind, ObjectMeta, Strings, Unstructured
from katib.controllers.experiment import Treatment
from katib.controllers.experiment.reconciler import TRY_AGAIN
from katib.controllers.suggestion.patience import FAILING_FOR
from katib.controllers.trial.reconciler import FORGET_AGAIN, LOOK_FOR
from katib.ports.observation_log import NO_TIME, MetricEntry
from katib.testing.builders import ExperimentBuilder, an_experiment

GOAL = ("ExperimentGoalReached", "Experiment has succeeded because Objective goal has reached")
BUDGET = (
    "ExperimentMaxTrialsReached",
    "Experiment has succeeded because max trial count has reached",
)
END = (
    "ExperimentSuggestionEndReached",
    "Experiment has succeeded because suggestion service has reached the end",
)
FAILURES = ("ExperimentFailed", "Experiment has failed because max failed count has reached")


def a_stage(
    max: int | None = 3,
    parallel: int = 2,
    suggester: CountingSuggester | None = None,
    policy: str = names.NEVER,
) -> Stage:
    """An experiment whose first trials run; trials without metrics do not fail it."""
    builder = an_experiment().with_trials(max, parallel, max_failed=100)
    return begun(builder.with_resume_policy(policy).build(), suggester)


def begun(experiment: Experiment, suggester: CountingSuggester | None = None) -> Stage:
    stage = Stage(experiment, suggester)
    stage.run()
    return stage


def finish_all(stage: Stage) -> None:
    """Every run that goes on reports a loss and completes, until the experiment is over."""
    for _ in range(50):
        if is_over(stage):
            return
        for value in running(stage):
            stage.finish(value, "0.5")
        stage.wait(2)
    raise AssertionError(f"it is not over: {stage.conditions()}")


def running(stage: Stage) -> list[str]:
    found = [trial for trial in stage.trials if not trial.is_completed]
    return [trial.spec.parameter_assignments[0].value for trial in found]


def is_over(stage: Stage) -> bool:
    return stage.ending[0] in (names.SUCCEEDED, names.FAILED)


def check_fruitless(stage: Stage) -> None:
    """The budget is spent, and no trial succeeded."""
    type, reason, message = stage.ending
    assert (type, reason) == ("Succeeded", BUDGET[0])
    head = (
        f"{BUDGET[1]}, and no trial has succeeded, so there is no optimal trial. The last one is "
    )
    assert message.removeprefix(head).partition(": ")[2] == "Metrics are not available"


def said(stage: Stage) -> tuple[str, str, str]:
    """What the experiment says that it waits for."""
    found = conditions.find(stage.experiment.status.conditions, names.PROGRESSING)
    assert found is not None
    return found.status, found.reason, found.message


def judged_by(success: str, failure: str) -> Experiment:
    """One trial at a time, and one failure is enough."""
    return templated(
        an_experiment().with_trials(3, 1, max_failed=1),
        success_condition=success,
        failure_condition=failure,
    )


def templated(builder: ExperimentBuilder, **changes: object) -> Experiment:
    experiment = builder.build()
    template = replace(experiment.spec.trial_template or TrialTemplate(), **changes)
    return replace(experiment, spec=replace(experiment.spec, trial_template=template))


@pytest.mark.rule(
    "An algorithm that runs out of assignments ends the experiment with its last trial"
)
def test_an_exhausted_algorithm() -> None:
    stage = a_stage(max=9, parallel=3, suggester=CountingSuggester(end=4))
    finish_all(stage)
    assert stage.ending == ("Succeeded", *END)
    assert stage.experiment.status.trials_succeeded == 4


@pytest.mark.rule("Empty replies for ever end the experiment once no trial is under way")
def test_empty_replies_for_ever() -> None:
    stage = a_stage(max=9, parallel=3, suggester=CountingSuggester(end=4, is_silent=True))
    finish_all(stage)
    assert stage.ending == ("Succeeded", *END)
    assert stage.experiment.status.trials_succeeded == 4
    asked = len(stage.suggester.asked)
    stage.wait(100)
    assert len(stage.suggester.asked) == asked


@pytest.mark.rule("An algorithm that never gives anything ends the experiment without a trial")
def test_nothing_from_the_start() -> None:
    stage = a_stage(suggester=CountingSuggester(end=0, is_silent=True))
    assert said(stage)[:2] == ("False", "TooFewAssignments")
    stage.wait(3)
    assert stage.ending == ("Succeeded", *END)
    assert stage.trials == []


@pytest.mark.rule("Replies that are short for ever are used, and the experiment spends its budget")
def test_short_replies_for_ever() -> None:
    stage = a_stage(max=5, parallel=3, suggester=CountingSuggester(most=1))
    finish_all(stage)
    assert stage.ending == ("Succeeded", *BUDGET)
    assert stage.experiment.status.trials == 5


@pytest.mark.rule("An algorithm that fails for ever fails the experiment and says how it failed")
def test_failures_for_ever() -> None:
    stage = a_stage(suggester=CountingSuggester(failure="no space left"))
    for _ in range(5):
        stage.wait(1)
        assert said(stage)[:2] == ("False", "AlgorithmFailed")
    stage.wait(int(FAILING_FOR))
    type, reason, message = stage.ending
    assert (type, reason) == ("Failed", "ExperimentFailed")
    assert message.startswith("Suggestion has failed. The algorithm failed ")
    assert message.endswith(" times in a row: RuntimeError: no space left")
    raised = len(stage.raised)
    stage.wait(100)
    assert len(stage.raised) == raised


@pytest.mark.rule("An algorithm that gives more than asked for keeps within parallelism and budget")
def test_more_than_asked() -> None:
    stage = a_stage(max=4, parallel=2, suggester=CountingSuggester(extra=1))
    assert len(running(stage)) == 2
    finish_all(stage)
    assert stage.ending == ("Succeeded", *BUDGET)
    assert stage.experiment.status.trials_succeeded == 4


@pytest.mark.rule("Early-stopped trials that observed nothing and keep no run use up the budget")
def test_early_stopped_trials_without_observation() -> None:
    stage = a_stage(max=5, parallel=2)
    for value in ("1", "2", "3", "4"):
        stage.mark(value, names.EARLY_STOPPED)
        assert job_of(stage, value) is None
    assert running(stage) == ["5"]
    stage.mark("5", names.EARLY_STOPPED)
    assert stage.ending == ("Succeeded", *BUDGET)
    assert stage.experiment.status.trials_early_stopped == 5


@pytest.mark.rule("A trial whose collector died is without metrics after a minute")
def test_a_dead_collector() -> None:
    stage = a_stage(max=1, parallel=1)
    stage.end("1", "Complete")
    assert said(stage) == (
        "True",
        "WaitingForMetrics",
        f"Trial {stage.trial('1').metadata.name}: The run has succeeded; its metrics are waited "
        "for, 60 s at most",
    )
    stage.wait(int(LOOK_FOR))
    last = stage.trial("1").status.conditions[-1]
    assert (last.type, last.reason) == ("MetricsUnavailable", "MetricsUnavailable")
    assert last.message == "Metrics are not available"
    check_fruitless(stage)


UNMET: dict[str, tuple[str, str, str]] = {
    "A run of which no condition ever matches fails its trial and so the experiment": (
        "status.phase",
        "status.nothing",
        "The Job has ended (Complete), but neither successCondition status.phase nor "
        "failureCondition status.nothing matches it",
    ),
    "A run whose condition cannot be decoded fails its trial and so the experiment": (
        "status.conditions.#.type",
        "status.nothing",
        "The Job has ended (Complete), but neither successCondition status.conditions.#.type nor "
        "failureCondition status.nothing matches it (condition status.conditions.#.type yields an "
        'array that begins with "Complete"; it should select objects whose reason and message, '
        'if any, are strings, as status.conditions.#(type=="Complete")# does)',
    ),
}


@pytest.mark.parametrize("case", UNMET)
def test_conditions_that_never_match(case: str) -> None:
    success, failure, why = UNMET[case]
    stage = begun(judged_by(success, failure))
    stage.finish("1", "0.5")
    last = stage.trial("1").status.conditions[-1]
    assert (last.type, last.reason) == ("Failed", "TrialFailed. Job reason: ConditionsNotMet")
    assert last.message == f"Trial has failed. Job message: {why}"
    assert stage.ending == ("Failed", *FAILURES)


@pytest.mark.rule("A value that breaks the text of a ConfigMap fails the experiment and says why")
def test_a_value_with_quotes_in_a_config_map() -> None:
    source = ConfigMapSource(
        config_map_name="templates", config_map_namespace="default", template_path="job.yaml"
    )
    builder = an_experiment().with_trials(3, 2)
    experiment = templated(builder, trial_spec=UNSET, config_map=source)
    stage = Stage(experiment, CountingSuggester(suffix='" or "'))
    text = 'apiVersion: batch/v1\nkind: Job\nspec: {args: ["${trialParameters.lr}"]}\n'
    metadata = ObjectMeta(name="templates", namespace="default")
    body = {"data": {"job.yaml": text}}
    stage.store.create(
        CONFIG_MAPS, Unstructured(api_version="v1", kind="ConfigMap", metadata=metadata, body=body)
    )
    stage.run()
    type, reason, message = stage.ending
    assert (type, reason) == ("Failed", "ExperimentFailed")
    assert message.startswith(
        "Experiment has failed because its next trial cannot be made: failed to convert string to "
        "unstructured: the template, line 3"
    )
    assert stage.trials == []
    assert stage.experiment.status.completion_time is not None


@pytest.mark.rule("A trial deleted while the observation log is away goes, and runs again later")
def test_a_trial_deleted_while_the_log_is_away() -> None:
    stage = a_stage(max=2, parallel=1)
    stage.log.report(stage.trial("1").key, [MetricEntry(NO_TIME, "loss", "0.001")])
    old = stage.trial("1").metadata.uid
    stage.log.is_away = True
    stage.store.delete(TRIALS, stage.trial("1").key)
    stage.run()
    assert stage.trial("1").metadata.uid != old
    *shown, message = said(stage)
    assert shown == ["False", "ObservationLogUnavailable"]
    assert message.startswith(
        f"Trial {stage.trial('1').metadata.name}: The observation log cannot be reached: entries "
        "of an earlier trial of this name are to be deleted from it: cannot use db:6789: "
    )
    stage.log.is_away = False
    stage.wait(int(FORGET_AGAIN))
    finish_all(stage)
    assert stage.ending == ("Succeeded", *BUDGET)
    assert stage.experiment.status.current_optimal_trial.observation.metrics[0].min == "0.5"


@pytest.mark.rule(
    "An experiment can be deleted while the observation log is away, and that is told"
)
def test_an_experiment_deleted_while_the_log_is_away() -> None:
    stage = a_stage()
    key = stage.trial("1").key
    stage.log.report(key, [MetricEntry(NO_TIME, "loss", "0.5")])
    stage.log.is_away = True
    stage.store.delete(EXPERIMENTS, stage.key)
    stage.run()
    kinds: tuple[Kind[Any], ...] = (EXPERIMENTS, SUGGESTIONS, TRIALS, JOBS)
    for kind in kinds:
        assert list(stage.store.list(kind)) == [], kind
    reason, message = stage.told[-1]
    assert reason == "ObservationLogUnavailable"
    assert message.startswith(
        "The trial's entries are deleted later; the observation log is away: cannot use db:6789: "
    )
    stage.log.is_away = False
    stage.wait(int(FORGET_AGAIN))
    assert list(stage.log.read(key)) == []


@pytest.mark.rule("An experiment whose algorithm and configuration are gone can still be deleted")
def test_a_finalizer_is_let_go_without_algorithm_and_configuration() -> None:
    stage = a_stage()
    held = (*stage.experiment.metadata.finalizers, "example.com/mine")
    metadata = replace(stage.experiment.metadata, finalizers=held)
    stage.store.update(EXPERIMENTS, replace(stage.experiment, metadata=metadata))
    stage.suggester.refusal = "the configuration is gone"
    stage.store.delete(EXPERIMENTS, stage.key)
    stage.restart_engine()
    stage.run()
    old = stage.experiment
    assert old.metadata.finalizers == ("example.com/mine",)
    edited = replace(old, metadata=replace(old.metadata, finalizers=()))
    nothing = AdmissionContext((), (), (), lambda _: None)
    stage.store.update(EXPERIMENTS, admit(to_manifest(edited), nothing, old))
    stage.run()
    assert list(stage.store.list(EXPERIMENTS)) == []
    assert list(stage.store.list(TRIALS)) == []


@pytest.mark.rule("An experiment without `maxTrialCount` that reached its goal stays ended")
@pytest.mark.parametrize("policy", [names.NEVER, names.LONG_RUNNING, names.FROM_VOLUME])
def test_an_experiment_without_a_budget_that_reached_its_goal(policy: str) -> None:
    builder = an_experiment().with_objective(goal=0.1).with_trials(None, 1)
    stage = begun(builder.with_resume_policy(policy).build())
    stage.finish("1", "0.05")
    assert stage.ending == ("Succeeded", *GOAL)
    ended = stage.experiment
    stage.restart_engine()
    for _ in range(5):
        stage.experiments.reconcile(stage.key)
        stage.wait(2)
    assert stage.experiment == ended
    assert names.RESTARTING not in [one[0] for one in stage.conditions()]


@pytest.mark.rule("An experiment without `maxTrialCount` that failed stays ended")
def test_an_experiment_without_a_budget_that_failed() -> None:
    stage = begun(an_experiment().with_trials(None, 1, max_failed=1).build())
    stage.end("1", "Failed")
    assert stage.ending == ("Failed", *FAILURES)
    ended = stage.experiment
    for _ in range(5):
        stage.experiments.reconcile(stage.key)
        stage.wait(2)
    assert stage.experiment == ended


@pytest.mark.rule("An experiment whose parallelism shrinks goes on with less and spends its budget")
def test_shrunk_parallelism() -> None:
    stage = a_stage(max=6, parallel=4)
    stage.finish("1", "0.5")
    stage.edit(parallel_trial_count=1)
    assert len(running(stage)) == 1
    assert stage.suggestion.spec.requests == stage.suggestion.status.suggestion_count == 5
    finish_all(stage)
    assert stage.ending == ("Succeeded", *BUDGET)
    assert stage.experiment.status.trials_succeeded == 6


@pytest.mark.rule("A deleted trial whose assignment is no longer listed is replaced by a new one")
def test_a_deleted_trial_of_which_the_assignment_is_forgotten() -> None:
    long = CountingSuggester(labels=Strings(note="x" * 60_000))
    stage = a_stage(max=8, parallel=1, suggester=long)
    for value in ("1", "2", "3", "4", "5", "6"):
        stage.finish(value, "0.5")
    lost = stage.trial("1")
    listed = [one.name for one in stage.suggestion.status.suggestions]
    assert lost.metadata.name not in listed
    stage.store.delete(TRIALS, lost.key)
    stage.run()
    finish_all(stage)
    assert stage.ending == ("Succeeded", *BUDGET)
    assert stage.experiment.status.trials_succeeded == 8
    assert lost.metadata.name not in stage.experiment.status.succeeded_trial_list


@pytest.mark.rule("Trials without metrics spend the budget and no trial more is made")
def test_trials_without_metrics_spend_the_budget() -> None:
    stage = a_stage(max=4, parallel=2)
    for value in ("1", "2", "3", "4"):
        stage.finish(value, "unavailable")
    check_fruitless(stage)
    assert len(stage.trials) == stage.experiment.status.trial_metrics_unavailable == 4


@pytest.mark.rule("When all trials are deleted by hand they run again, and the experiment ends")
def test_all_trials_deleted() -> None:
    stage = a_stage(max=4, parallel=2)
    stage.finish("1", "0.25")
    names_before = [trial.metadata.name for trial in stage.trials]
    for trial in stage.trials:
        stage.store.delete(TRIALS, trial.key)
    stage.run()
    assert {trial.metadata.name for trial in stage.trials} <= set(names_before)
    finish_all(stage)
    assert stage.ending == ("Succeeded", *BUDGET)
    assert stage.experiment.status.trials_succeeded == 4


@pytest.mark.rule("A suggestion that is deleted by hand is made again, and no trial too many")
def test_a_deleted_suggestion() -> None:
    stage = a_stage(max=5, parallel=2)
    stage.finish("1", "0.5")
    before = {trial.metadata.name for trial in stage.trials}
    stage.store.delete(SUGGESTIONS, stage.key)
    stage.run()
    stage.finish("2", "0.5")
    assert len(stage.trials) == 4
    assert before < {trial.metadata.name for trial in stage.trials}
    finish_all(stage)
    assert stage.ending == ("Succeeded", *BUDGET)
    assert len(stage.trials) == 5


@pytest.mark.rule("A suggestion deleted after its search had ended comes to the same end again")
def test_a_deleted_suggestion_of_an_ended_search() -> None:
    stage = a_stage(max=9, parallel=2, suggester=CountingSuggester(end=2))
    stage.store.delete(SUGGESTIONS, stage.key)
    stage.run()
    finish_all(stage)
    assert stage.ending == ("Succeeded", *END)
    assert len(stage.trials) == 2


@pytest.mark.rule("When all trials are gone every counter is 0")
@pytest.mark.rule("Trials that are deleted while none may start run again once they may")
def test_counters_of_trials_that_are_gone() -> None:
    wanted = True
    experiment = an_experiment().with_trials(3, 2).build()
    stage = Stage(experiment, treatment=Treatment(lambda _: wanted))
    stage.run()
    wanted = False
    for trial in stage.trials:
        stage.store.delete(TRIALS, trial.key)
    stage.run()
    assert (stage.experiment.status.trials, stage.experiment.status.trials_running) == (0, 0)
    wanted = True
    stage.experiments.reconcile(stage.key)
    stage.run()
    finish_all(stage)
    assert stage.ending == ("Succeeded", *BUDGET)


@pytest.mark.rule("A trial whose name a stranger has is told, and made when the stranger is gone")
def test_a_stranger_of_the_same_name() -> None:
    stage = Stage(an_experiment().with_trials(3, 2).build())
    experiment = stage.experiment.metadata
    name = trial_name(experiment.name, experiment.uid, 0)
    metadata = ObjectMeta(name=name, namespace="default", finalizers=(names.FINALIZER_TRIAL,))
    stranger = stage.store.create(TRIALS, Trial(metadata=metadata))
    stage.run()
    assert said(stage) == (
        "False",
        "TrialNameTaken",
        f'Trial "{name}" cannot be made: there is one of that name which is not of this '
        f"experiment; delete it, or label it {names.LABEL_EXPERIMENT}=an-experiment",
    )
    assert stage.experiment.status.trials == 1
    stage.store.delete(TRIALS, stranger.key)
    stage.wait(int(TRY_AGAIN))
    finish_all(stage)
    assert stage.ending == ("Succeeded", *BUDGET)
    assert name in stage.experiment.status.succeeded_trial_list
