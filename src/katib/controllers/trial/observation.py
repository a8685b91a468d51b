"""From a trial's observation log to its observation. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from katib.api import names
from katib.api.experiment import Metric, ObjectiveSpec, Observation
from katib.api.numbers import is_non_finite, parse_number
from katib.api.trial import Trial
from katib.api.wildcards import MOST_MATCHES, matches, matches_any
from katib.ports.observation_log import MetricEntry

_POLICY = "spec.objective.nonFinite"


def observe(objective: ObjectiveSpec, entries: Sequence[MetricEntry]) -> Observation | None:
    """Each metric's smallest, largest and latest value, in the order of the strategies.

    The values keep the text that was reported. Smallest and largest are taken over numbers; the
    latest is the newest value of any kind. Where the objective says so, what is not finite is left
    out of all three. A wildcard stands for the names that it matches, as far as there are entries.
    ``None`` when there are no entries at all.

    Args:
        objective: its metric strategies say which metrics are wanted.
        entries: by time, then by arrival.
    """
    if not entries:
        return None
    is_ignored = objective.non_finite == names.IGNORE
    by_name: dict[str, list[str]] = {
        one.name: [] for one in objective.metric_strategies if one.name not in objective.wildcards
    }
    matched: dict[str, list[str]] = {}
    for entry in entries:
        if is_ignored and is_non_finite(entry.value):
            continue
        values = by_name.get(entry.name)
        if values is None and objective.wildcards:
            values = _matched(objective, matched, entry.name)
        if values is not None:
            values.append(entry.value)
    by_name |= matched
    return Observation(
        metrics=tuple(_fold(name, by_name[name]) for name in _in_order(objective, matched))
    )


def _matched(
    objective: ObjectiveSpec, matched: dict[str, list[str]], name: str
) -> list[str] | None:
    """The values of a name that a wildcard matches; ``None`` for others, and for too many."""
    if name not in matched:
        is_free = len(matched) < MOST_MATCHES
        if not is_free or not matches_any(objective.wildcards, name):
            return None
        matched[name] = []
    return matched[name]


def _in_order(objective: ObjectiveSpec, matched: Iterable[str]) -> Iterable[str]:
    """The names by their strategies; what a wildcard matches takes its place, by name."""
    left = sorted(matched)
    for strategy in objective.metric_strategies:
        if strategy.name not in objective.wildcards:
            yield strategy.name
            continue
        yield from (name for name in left if matches(strategy.name, name))
        left = [name for name in left if not matches(strategy.name, name)]


def find_surplus(objective: ObjectiveSpec, entries: Iterable[MetricEntry]) -> str:
    """That wildcards match more names than an observation holds; empty when they do not."""
    if not objective.wildcards:
        return ""
    others = {entry.name for entry in entries}.difference(objective.exact_names)
    count = sum(matches_any(objective.wildcards, name) for name in others)
    if count <= MOST_MATCHES:
        return ""
    return (
        f"{count} metrics match the wildcards {', '.join(objective.wildcards)}; the observation "
        f"holds the {MOST_MATCHES} that came first"
    )


def find_non_finite(trial: Trial) -> str:
    """That the trial's objective value is not finite, and what becomes of it; empty when it is."""
    objective, observation = trial.spec.objective, trial.status.observation
    if objective is None or observation is None:
        return ""
    metric = observation.find(objective.objective_metric_name)
    value = None if metric is None else objective.pick(metric)
    if metric is None or value is None or not is_non_finite(value):
        return ""
    head = f'metric "{metric.name}" is {value} by its strategy {objective.strategy(metric.name)}'
    return f"{head}: {_CONSEQUENCES.get(objective.non_finite, _CONSEQUENCES[''])}"


def tell_ignored(objective: ObjectiveSpec, entries: Iterable[MetricEntry]) -> str:
    """Which values of the objective metric were left out; empty when none was."""
    if objective.non_finite != names.IGNORE:
        return ""
    metric = objective.objective_metric_name
    reported = (entry.value for entry in entries if entry.name == metric)
    counts = Counter(str(float(value)) for value in reported if is_non_finite(value))
    if not counts:
        return ""
    told = ", ".join(f"{count}x {value}" for value, count in sorted(counts.items()))
    return f'metric "{metric}" was never finite: {told}, which {_POLICY}=ignore leaves out'


_CONSEQUENCES = {
    "": "such a trial is never the optimum",
    names.FAIL: f"{_POLICY} is fail",
    names.PENALISE: f"by {_POLICY}=penalise it counts as worse than every other",
}


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
