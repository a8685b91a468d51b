"""Waiting until an experiment has a condition, or until it is gone."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from katib.api import names
from katib.models import V1beta1Experiment

T = TypeVar("T")

#: What may be waited for.
CONDITIONS = (
    names.CREATED,
    names.RUNNING,
    names.RESTARTING,
    names.SUCCEEDED,
    names.FAILED,
)

#: The shortest and the longest pause between two looks, in seconds, and the part of the time so far
#: that one is in between.
_SHORTEST, _LONGEST, _PART = 0.05, 1.0, 0.05

#: The end after which an experiment may still be given a larger budget.
_BUDGET_SPENT = "ExperimentMaxTrialsReached"


@dataclass(frozen=True, slots=True)
class Pace:
    """How long something is waited for.

    Attributes:
        seconds: in all.
        interval: how often what is waited for is told, in seconds.
        monotonic: tells how much of that is over.
        sleep: waits between looks.
    """

    seconds: float
    interval: float
    monotonic: Callable[[], float] = field(default=time.monotonic)
    sleep: Callable[[float], None] = field(default=time.sleep)


def wait_until(
    look: Callable[[], T], is_over: Callable[[T], bool], tell: Callable[[T], None], pace: Pace
) -> tuple[T, bool]:
    """Look again and again, seldom when much time has passed; what was seen last, and if in time.

    Args:
        look: gives what is waited for, as it is.
        is_over: whether it is as it should be; may raise.
        tell: called with what is seen first, with what ends it, and between by the pace's interval.
        pace: how long.
    """
    begun = due = pace.monotonic()
    while True:
        seen = look()
        now = pace.monotonic()
        done = is_over(seen)
        if done or now >= due:
            tell(seen)
            due = max(due + pace.interval, now)
        left = begun + pace.seconds - now
        if done or left <= 0:
            return seen, done
        pause = min(max((now - begun) * _PART, _SHORTEST), _LONGEST)
        pace.sleep(min(pause, left, max(due - now, _SHORTEST)))


def has(experiment: V1beta1Experiment, condition: str) -> bool:
    """Whether a condition is ``True``."""
    status = experiment.status
    conditions = (status.conditions if status is not None else None) or []
    return any(one.type == condition and one.status == "True" for one in conditions)


def reached(experiment: V1beta1Experiment, expected: str, place: str) -> bool:
    """Whether the experiment has the condition that is waited for.

    Args:
        experiment: as it is.
        expected: one of :data:`CONDITIONS`.
        place: its namespace and name.

    Raises:
        RuntimeError: it has failed, or ended otherwise, so that the condition will not come.
    """
    if has(experiment, names.FAILED):
        if expected == names.FAILED:
            return True
        raise RuntimeError(f"Experiment: {place} is Failed. {_conditions(experiment)}")
    if has(experiment, expected):
        return True
    if has(experiment, names.SUCCEEDED) and not _may_go_on(experiment):
        raise RuntimeError(
            f"Experiment: {place} is Succeeded and will not be {expected}. "
            f"{_conditions(experiment)}"
        )
    return False


def print_status(experiment: V1beta1Experiment) -> None:
    """Print how the experiment stands, if that is known."""
    status = experiment.status
    if status is None:
        return
    counts = {
        "": status.trials,
        "Pending ": status.trials_pending,
        "Running ": status.trials_running,
        "Succeeded ": status.trials_succeeded,
        "Failed ": status.trials_failed,
        "EarlyStopped ": status.trials_early_stopped,
        "MetricsUnavailable ": status.trial_metrics_unavailable,
    }
    listed = ", ".join(f"{count or 0} {kind}Trials" for kind, count in counts.items())
    print(f"Experiment Trials status: {listed}")
    print(f"Current Optimal Trial:\n {status.current_optimal_trial}")
    print(f"Experiment conditions:\n {status.conditions}")


def _may_go_on(experiment: V1beta1Experiment) -> bool:
    """Whether an experiment that has succeeded is about to use a larger budget."""
    spec, status = experiment.spec, experiment.status
    if spec is None or status is None or spec.resume_policy in (None, "", names.NEVER):
        return False
    spent = any(
        one.type == names.SUCCEEDED and one.reason == _BUDGET_SPENT
        for one in status.conditions or []
    )
    budget = spec.max_trial_count
    return spent and (budget is None or budget > (status.trials or 0))


def _conditions(experiment: V1beta1Experiment) -> str:
    conditions = experiment.status.conditions if experiment.status is not None else None
    return f"Experiment conditions: {conditions}"
