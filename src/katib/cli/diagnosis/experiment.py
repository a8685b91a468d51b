"""The first station: the experiment itself, its template, its engine, its end."""

from __future__ import annotations

from katib.api import conditions, names
from katib.api.experiment import ExperimentSpec, ObjectiveSpec, TrialTemplate
from katib.api.kinds import CONFIG_MAPS
from katib.api.values import Condition, Key
from katib.cli.diagnosis.finding import Finding, object_of
from katib.cli.diagnosis.scene import Scene, progress_of
from katib.cli.objective import show_objective


def find_missing_template(scene: Scene) -> Finding | None:
    """The ConfigMap that holds the trial template is gone, and trials are to be made."""
    said = progress_of(scene.experiment.status.conditions)
    source = (scene.experiment.spec.trial_template or TrialTemplate()).config_map
    if said is None or said.reason != "TrialTemplateMissing" or source is None:
        return None
    key = Key(source.config_map_namespace, source.config_map_name)
    found = scene.reader.find(CONFIG_MAPS, key)
    if found is not None and source.template_path in (found.body.get("data") or {}):
        return None
    return Finding(
        "the trial template is gone",
        "TrialTemplateMissing",
        said.message,
        f'create the ConfigMap "{key}" with the key "{source.template_path}" again; the experiment '
        "goes on by itself",
        object_of(scene.experiment),
    )


def find_fault(scene: Scene) -> Finding | None:
    """The engine itself fails over the experiment, or over its suggestion."""
    for resource in (scene.experiment, scene.suggestion):
        told = [] if resource is None else scene.warnings(resource)
        if resource is not None and told and told[-1][0] == "ReconcileError":
            if resource is scene.suggestion and progress_of(resource.status.conditions):
                # The suggestion says in better words what its algorithm does.
                continue
            return Finding(
                "the engine fails and tries again",
                "ReconcileError",
                told[-1][1],
                f"see {scene.words.engine_log}; a failure that is not yours to mend is a bug of "
                "Katib",
                object_of(resource),
            )
    return None


def find_absent_engine(scene: Scene) -> Finding | None:
    """Nothing works for the experiment."""
    if scene.engine is not None:
        return None
    metadata = scene.experiment.metadata
    is_asked = metadata.annotation(names.ANNOTATION_ASKED) is not None
    words = scene.words
    return Finding(
        "no engine is running",
        "NoEngine",
        words.absent,
        words.reopen.format(name=metadata.name) if is_asked else words.revive,
        object_of(scene.experiment),
    )


def find_unmade_trial(scene: Scene) -> Finding | None:
    """The experiment failed since template and assignment do not fit."""
    failed = conditions.find(scene.experiment.status.conditions, names.FAILED)
    if failed is None or "its next trial cannot be made" not in failed.message:
        return None
    return Finding(
        "a trial cannot be made of the template",
        "TrialNotMade",
        failed.message,
        "correct spec.trialTemplate; katib render FILE shows what it gives. Then "
        f"{scene.words.afresh}",
        object_of(scene.experiment),
    )


def find_end(scene: Scene) -> Finding:
    """How an experiment ended whose trials show nothing that is wrong."""
    found = scene.experiment.status.conditions
    succeeded = conditions.find(found, names.SUCCEEDED)
    if succeeded is None or succeeded.status != "True":
        return _failure(scene)
    ends = {
        "ExperimentGoalReached": _goal_reached,
        "ExperimentSuggestionEndReached": _exhausted,
        "ExperimentMaxTrialsReached": _budget_spent,
        "ExperimentStopped": _stopped,
    }
    if succeeded.reason not in ends:
        return _told(scene, "the experiment has ended", succeeded.reason, succeeded.message, "")
    return ends[succeeded.reason](scene)


def _goal_reached(scene: Scene) -> Finding:
    spec, best = scene.experiment.spec, scene.experiment.status.current_optimal_trial
    objective = spec.objective or ObjectiveSpec()
    value = show_objective(objective, best.observation)
    metric = objective.objective_metric_name
    message = f"trial {best.best_trial_name} has {metric} {value}, the goal is {objective.goal:g}"
    harder = f"for a harder goal, change spec.objective.goal and {scene.words.afresh}"
    fix = f"there is nothing to do; {harder}"
    return _told(scene, "the goal is reached", "GoalReached", message, fix)


def _exhausted(scene: Scene) -> Finding:
    spec, status = scene.experiment.spec, scene.experiment.status
    message = f"the algorithm has no more assignments after {_of_budget(status.trials, spec)}"
    fix = (
        "there is nothing to do; for more trials, widen a feasibleSpace, make its step smaller or "
        f"take another algorithm, and {scene.words.afresh}"
    )
    return _told(scene, "the search space is exhausted", "SearchSpaceExhausted", message, fix)


def _budget_spent(scene: Scene) -> Finding:
    spec, status = scene.experiment.spec, scene.experiment.status
    best = status.current_optimal_trial.best_trial_name
    message = f"{_of_budget(status.trials, spec)} have ended, as spec.maxTrialCount says"
    message += f"; the best is {best}" if best else ""
    return _told(scene, "the budget is spent", "BudgetSpent", message, how_to_go_on(scene))


def _stopped(scene: Scene) -> Finding:
    spec, status = scene.experiment.spec, scene.experiment.status
    message = f"it was stopped after {_of_budget(status.trials, spec)}"
    policy = spec.resume_policy or names.NEVER
    fix = f"for more trials, {scene.words.afresh}"
    if policy in (names.LONG_RUNNING, names.FROM_VOLUME):
        fix = f"to go on, take its annotation {names.ANNOTATION_STOP} away"
    return _told(scene, "it was stopped", "Stopped", message, fix)


def how_to_go_on(scene: Scene) -> str:
    """What to do for more trials when the budget is spent."""
    policy = scene.experiment.spec.resume_policy or names.NEVER
    if policy in (names.LONG_RUNNING, names.FROM_VOLUME):
        return f"for more trials, raise spec.maxTrialCount and {scene.words.again}"
    return (
        f"for more trials, raise spec.maxTrialCount and {scene.words.afresh}; with resumePolicy "
        f"LongRunning instead of {policy} it would go on from where it is"
    )


def _failure(scene: Scene) -> Finding:
    failed = conditions.find(scene.experiment.status.conditions, names.FAILED) or Condition()
    reason, fix = (
        failed.reason or "ExperimentFailed",
        f"mend what its trials say, then {scene.words.afresh}",
    )
    if "max failed count" in failed.message:
        reason = "FailureLimitReached"
    return Finding(
        "the experiment has failed", reason, failed.message, fix, object_of(scene.experiment)
    )


def find_progress(scene: Scene) -> Finding:
    """What an experiment waits for that nothing is wrong with."""
    status = scene.experiment.status
    said = progress_of(status.conditions)
    if said is None:
        message = f"the engine ({scene.engine}) has not looked at the experiment yet"
        return _told(scene, "it has not begun", "NotStarted", message, "")
    message = said.message
    if said.reason == "TrialsRunning":
        message = f"{message}: {status.trials_running} running, {status.trials_pending} pending"
    return _told(scene, "it goes on", said.reason, message, "")


def _told(scene: Scene, cause: str, reason: str, message: str, fix: str) -> Finding:
    place = object_of(scene.experiment)
    return Finding(cause, reason, message, fix, place, is_wrong=False)


def _of_budget(trials: int, spec: ExperimentSpec) -> str:
    budget = "" if spec.max_trial_count is None else f" of {spec.max_trial_count}"
    return f"{trials}{budget} trials"
