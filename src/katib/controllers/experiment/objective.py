"""The value of a trial that the objective compares."""

from __future__ import annotations

from katib.api import names
from katib.api.experiment import Metric, ObjectiveSpec
from katib.api.numbers import parse_number
from katib.api.trial import Trial


def objective_value(trial: Trial) -> float | str | None:
    """The trial's objective value: a number, a text that is none, or ``None`` when there is none.

    The metric's strategy picks it: ``min`` and ``max`` fall back to the latest value when no number
    was reported.
    """
    objective, observation = trial.spec.objective, trial.status.observation
    if objective is None or observation is None:
        return None
    metric = observation.find(objective.objective_metric_name)
    text = None if metric is None else _chosen(metric, objective)
    if text is None or text == names.UNAVAILABLE:
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


def _chosen(metric: Metric, objective: ObjectiveSpec) -> str | None:
    strategy = objective.strategy(metric.name)
    if strategy is None:
        return None
    extreme = {names.MIN: metric.min, names.MAX: metric.max}.get(strategy, names.UNAVAILABLE)
    return metric.latest if extreme == names.UNAVAILABLE else extreme
