"""The objective value of an observation, as people read it."""

from __future__ import annotations

from katib.api import names
from katib.api.experiment import ObjectiveSpec, Observation


def show_objective(objective: ObjectiveSpec | None, observation: Observation | None) -> str:
    """The value that the objective's strategy picks, as it was reported.

    Empty when there is none.
    """
    if objective is None or observation is None:
        return ""
    metric = observation.find(objective.objective_metric_name)
    if metric is None:
        return ""
    strategy = objective.strategy(metric.name) or names.LATEST
    chosen = {names.MIN: metric.min, names.MAX: metric.max}.get(strategy, metric.latest)
    return metric.latest if chosen == names.UNAVAILABLE else chosen
