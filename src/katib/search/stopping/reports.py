"""A trial's reports as numbers, counted as a running trial's are when its rules are applied."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate

from katib.api import names
from katib.api.experiment import Experiment, ObjectiveSpec
from katib.api.numbers import parse_number
from katib.ports.observation_log import MetricEntry


def read_reports(entries: Iterable[MetricEntry]) -> Iterator[float]:
    """(n_reports,), in order. A text is no report; ``nan`` and infinity are."""
    return (number for one in entries if (number := parse_number(one.value)) is not None)


def bests(numbers: Iterable[float], better: Callable[[float, float], float]) -> Iterator[float]:
    """(n_reports,), the best of the numbers until each; ``nan`` until there is one.

    Args:
        numbers: (n_reports,).
        better: ``min`` or ``max``.
    """

    def best(one: float, other: float) -> float:
        if math.isnan(one) or math.isnan(other):
            return other if math.isnan(one) else one
        return better(one, other)

    return accumulate(numbers, best)


def objective_of(experiment: Experiment) -> tuple[str, bool]:
    """The objective metric, and whether it is maximised."""
    objective = experiment.spec.objective or ObjectiveSpec()
    return objective.objective_metric_name, objective.type == names.MAXIMIZE
