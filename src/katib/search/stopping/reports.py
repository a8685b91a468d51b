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
    """(n_reports,), the best finite number until each; until there is one, the latest infinity.

    Args:
        numbers: (n_reports,).
        better: ``min`` or ``max``.
    """

    def best(one: float, other: float) -> float:
        if not math.isfinite(one):
            return one if math.isnan(other) else other
        return better(one, other) if math.isfinite(other) else one

    return accumulate(numbers, best)


def objective_of(experiment: Experiment) -> tuple[str, bool]:
    """The objective metric, and whether it is maximised."""
    objective = experiment.spec.objective or ObjectiveSpec()
    return objective.objective_metric_name, objective.type == names.MAXIMIZE
