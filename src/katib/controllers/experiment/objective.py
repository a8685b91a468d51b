"""The value of a trial that the objective compares."""

from __future__ import annotations

from katib.api import names
from katib.api.experiment import ObjectiveSpec
from katib.api.numbers import is_non_finite, parse_number
from katib.api.trial import Trial


def objective_value(trial: Trial) -> float | str | None:
    """The trial's objective value: a finite number, a text that is none, or ``None``.

    The metric's strategy picks it. ``None`` when there is no value, and for one that is ``nan`` or
    infinite: it is never the best, however it compares.
    """
    objective, observation = trial.spec.objective, trial.status.observation
    if objective is None or observation is None:
        return None
    metric = observation.find(objective.objective_metric_name)
    text = None if metric is None else objective.pick(metric)
    if text is None or text == names.UNAVAILABLE or is_non_finite(text):
        return None
    number = parse_number(text)
    return text if number is None else number


def is_better(value: float, best: float, direction: str) -> bool:
    """Whether ``value`` is strictly better than ``best``."""
    return value > best if direction == names.MAXIMIZE else value < best


def reaches_goal(value: float | None, objective: ObjectiveSpec) -> bool:
    """Whether the best value meets the objective's goal."""
    if value is None or objective.goal is None:
        return False
    if objective.type == names.MAXIMIZE:
        return value >= objective.goal
    return value <= objective.goal
