"""From a trial's observation log to its observation. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from katib.api import names
from katib.api.experiment import Metric, ObjectiveSpec, Observation
from katib.api.numbers import parse_number
from katib.ports.observation_log import MetricEntry


def observe(objective: ObjectiveSpec, entries: Sequence[MetricEntry]) -> Observation | None:
    """Each metric's smallest, largest and latest value, in the order of the strategies.

    The values keep the text that was reported. Smallest and largest are taken over numbers; the
    latest is the newest value of any kind. ``None`` when there are no entries at all.

    Args:
        objective: its metric strategies say which metrics are wanted.
        entries: by time, then by arrival.
    """
    if not entries:
        return None
    wanted = [strategy.name for strategy in objective.metric_strategies]
    by_name: dict[str, list[str]] = {name: [] for name in wanted}
    for entry in entries:
        if entry.name in by_name:
            by_name[entry.name].append(entry.value)
    return Observation(metrics=tuple(_fold(name, by_name[name]) for name in by_name))


def _fold(name: str, values: Sequence[str]) -> Metric:
    smallest = largest = names.UNAVAILABLE
    low = high = float("nan")
    for text, number in _numbers(values):
        # A comparison with nan is false: a number replaces nan, and nan replaces nothing.
        if smallest == names.UNAVAILABLE or number < low or low != low:
            smallest, low = text, number
        if largest == names.UNAVAILABLE or number > high or high != high:
            largest, high = text, number
    latest = values[-1] if values else names.UNAVAILABLE
    return Metric(name=name, min=smallest, max=largest, latest=latest)


def _numbers(values: Iterable[str]) -> Iterable[tuple[str, float]]:
    for text in values:
        number = parse_number(text)
        if number is not None:
            yield text, number
