"""Experiments and trials as the API gives them, and tables of them, for tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from katib.api.codec import format_time, to_manifest
from katib.api.experiment import Experiment
from katib.api.values import Manifest, NameValue
from katib.client.trial_table import TrialTable
from katib.search.space import SearchSpace

BEGINNING = datetime(2026, 1, 1, 12, tzinfo=UTC)

#: Metrics by name: one number that stands for all, or the smallest, the largest and the last.
Metrics = Mapping[str, float | str | tuple[str, str, str]]


def a_trial(
    number: int,
    assignments: Mapping[str, str],
    metrics: Metrics | None = None,
    status: str = "Succeeded",
) -> Manifest:
    """A trial that began ``number`` seconds after the beginning, and took two.

    Args:
        number: its name has it, too.
        assignments: by name.
        metrics: what it observed.
        status: the last of its conditions; ``Pending`` has begun nothing.
    """
    begun = BEGINNING + timedelta(seconds=number)
    found: Manifest = {"conditions": _conditions(status)}
    if status != "Pending":
        found["startTime"] = format_time(begun)
    if status not in ("Pending", "Running"):
        found["completionTime"] = format_time(begun + timedelta(seconds=2))
    if metrics is not None:
        found["observation"] = {"metrics": [_metric(name, metrics[name]) for name in metrics]}
    pairs = [{"name": name, "value": value} for name, value in assignments.items()]
    return {
        "apiVersion": "kubeflow.org/v1beta1",
        "kind": "Trial",
        "metadata": {
            "name": f"an-experiment-{number:05}",
            "namespace": "default",
            "creationTimestamp": format_time(begun),
            "resourceVersion": str(number + 1),
        },
        "spec": {"parameterAssignments": pairs},
        "status": found,
    }


def a_table(
    experiment: Experiment,
    count: int,
    function: Callable[[Mapping[str, str]], Metrics],
    statuses: Sequence[str] = ("Succeeded",),
) -> TrialTable:
    """The table of an experiment whose trials lie evenly over its search space.

    Args:
        experiment: whose.
        count: how many trials there are.
        function: from assignments to metrics.
        statuses: of the trials, over and over; those that are no success observed nothing.
    """
    space = SearchSpace.of(experiment)
    trials = []
    for number in range(count):
        point = _named(space.assignments_at(_place(number, len(space.parameters))))
        status = statuses[number % len(statuses)]
        is_good = status in ("Succeeded", "EarlyStopped")
        trials.append(a_trial(number, point, function(point) if is_good else None, status))
    return TrialTable.of(to_manifest(experiment), trials)


def _named(assignments: Sequence[NameValue]) -> dict[str, str]:
    return {pair.name: pair.value for pair in assignments}


def _place(number: int, dimensions: int) -> list[float]:
    """The point of that number of an additive sequence: M. Roberts' generalised golden ratio."""
    ratio = 2.0
    for _ in range(40):
        ratio = (1 + ratio) ** (1 / (dimensions + 1))
    return [(0.5 + (number + 1) * ratio ** -(one + 1)) % 1 for one in range(dimensions)]


def _conditions(status: str) -> list[Manifest]:
    conditions = [{"type": "Created", "status": "True", "reason": "TrialCreated"}]
    if status not in ("Created", "Pending"):
        running = "True" if status in ("Running", "EarlyStopped") else "False"
        conditions.append({"type": "Running", "status": running, "reason": "TrialRunning"})
    if status not in ("Created", "Pending", "Running"):
        conditions.append({"type": status, "status": "True", "reason": f"Trial{status}"})
    return conditions


def _metric(name: str, value: float | str | tuple[str, str, str]) -> Manifest:
    texts = value if isinstance(value, tuple) else (str(value),) * 3
    return {"name": name, **dict(zip(("min", "max", "latest"), texts, strict=True))}
