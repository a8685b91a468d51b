"""How many trials to start, how many are too many, and when it is over. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from katib.api import conditions, names
from katib.api.experiment import Experiment, ExperimentSpec, ObjectiveSpec
from katib.api.values import Condition
from katib.controllers.experiment.objective import reaches_goal

#: The ends after which an experiment may go on.
_MAY_GO_ON = ("ExperimentMaxTrialsReached", "ExperimentStopped")

_RUNNING = Condition(
    type=names.RUNNING,
    status="True",
    reason="ExperimentRunning",
    message="Experiment is running",
)
_SUSPENDED = Condition(
    type=names.RUNNING,
    status="True",
    reason="ExperimentSuspended",
    message="Experiment is suspended",
)


@dataclass(frozen=True, slots=True)
class Counts:
    """An experiment's trials, counted.

    Attributes:
        active: pending or running.
        completed: ended, however they ended.
        failed: failed, or ended without their metrics.
        best: the best objective value, if it is a number.
        made: made of the algorithm's assignments.
        useless: ended without anything that can be the optimum: failed, killed, or without metrics.
        last_failure: the last of those, and what it says.
    """

    active: int = 0
    completed: int = 0
    failed: int = 0
    best: float | None = None
    made: int = 0
    useless: int = 0
    last_failure: str = ""

    @property
    def is_fruitless(self) -> bool:
        """Whether trials have ended, and none of them succeeded."""
        return 0 < self.completed == self.useless


def missing_trials(spec: ExperimentSpec, counts: Counts, asked: int | None = None) -> int:
    """How many trials to start so that parallelism is full and the budget is kept.

    Trials without metrics count as completed; Katib leaves them out and starts too many.

    Args:
        spec: of the experiment.
        counts: of its trials.
        asked: for how many trials somebody has asked, in all; ``None`` when nobody needs to.
    """
    wanted = parallelism(spec)
    if spec.max_trial_count is not None:
        wanted = min(wanted, spec.max_trial_count - counts.completed)
    missing = wanted - counts.active
    if asked is not None:
        missing = min(missing, asked - counts.made)
    return max(0, missing)


def asked_trials(experiment: Experiment) -> int | None:
    """For how many trials somebody has asked, as the experiment's annotation says.

    ``None`` without one; none at all when it says no number.
    """
    text = experiment.metadata.annotation(names.ANNOTATION_ASKED)
    if text is None:
        return None
    return int(text) if text.isascii() and text.isdigit() else 0


def surplus_trials(spec: ExperimentSpec, counts: Counts) -> int:
    """How many active trials are too many, since parallelism was lowered."""
    return max(0, counts.active - parallelism(spec))


def parallelism(spec: ExperimentSpec) -> int:
    """How many trials may be active at once."""
    return 3 if spec.parallel_trial_count is None else spec.parallel_trial_count


def is_suspended(experiment: Experiment) -> bool:
    """Whether no trials are to be made for now, as the experiment's annotation says."""
    return experiment.metadata.annotation(names.ANNOTATION_SUSPEND) == "true"


def is_stopped(experiment: Experiment) -> bool:
    """Whether no trials are to be made any more, as the experiment's annotation says."""
    return experiment.metadata.annotation(names.ANNOTATION_STOP) == "true"


def verdict(
    spec: ExperimentSpec, counts: Counts, is_exhausted: bool, is_stopped: bool = False
) -> Condition:
    """What the experiment is now. The goal beats the failure limit, which beats the budget."""
    limit = spec.max_failed_trial_count
    if reaches_goal(counts.best, spec.objective or ObjectiveSpec()):
        return _succeeded("ExperimentGoalReached", "Objective goal has reached")
    if limit is not None and 0 < counts.failed >= limit:
        return failed("max failed count has reached")
    if spec.max_trial_count is not None and counts.completed >= spec.max_trial_count:
        reason = f"max trial count has reached{_fruitless(counts)}"
        return _succeeded("ExperimentMaxTrialsReached", reason)
    if is_exhausted and counts.active == 0:
        reason = f"suggestion service has reached the end{_fruitless(counts)}"
        return _succeeded("ExperimentSuggestionEndReached", reason)
    if is_stopped and counts.active == 0:
        return _succeeded("ExperimentStopped", f"it was stopped{_fruitless(counts)}")
    return _RUNNING


def running(experiment: Experiment) -> Condition:
    """The condition of an experiment that is not over."""
    return _SUSPENDED if is_suspended(experiment) else _RUNNING


def failed(why: str) -> Condition:
    """The condition of an experiment that failed."""
    message = why if why.startswith("Suggestion") else f"Experiment has failed because {why}"
    return Condition(type=names.FAILED, status="True", reason="ExperimentFailed", message=message)


def is_completed(experiment: Experiment) -> bool:
    """Whether the experiment succeeded or failed."""
    found = experiment.status.conditions
    return conditions.has(found, names.SUCCEEDED) or conditions.has(found, names.FAILED)


def is_restart(experiment: Experiment, trials: int) -> bool:
    """Whether a completed experiment has been given more budget and may use it."""
    succeeded = conditions.find(experiment.status.conditions, names.SUCCEEDED)
    if succeeded is None or succeeded.reason not in _MAY_GO_ON or is_stopped(experiment):
        return False
    if experiment.spec.resume_policy not in (names.LONG_RUNNING, names.FROM_VOLUME):
        return False
    budget = experiment.spec.max_trial_count
    return budget is None or budget > trials


def _fruitless(counts: Counts) -> str:
    """That no trial succeeded, and why the last one did not; empty when some did."""
    if not counts.is_fruitless:
        return ""
    why = f". The last one is {counts.last_failure}" if counts.last_failure else ""
    return f", and no trial has succeeded, so there is no optimal trial{why}"


def _succeeded(reason: str, why: str) -> Condition:
    return Condition(
        type=names.SUCCEEDED,
        status="True",
        reason=reason,
        message=f"Experiment has succeeded because {why}",
    )
