"""Trials as messages and back: assignments, state, times, and the values that were observed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from msgspec import UNSET, UnsetType

from katib.api import conditions, names
from katib.api.codec import format_time
from katib.api.experiment import Metric, ObjectiveSpec, Observation
from katib.api.trial import Trial, TrialSpec, TrialStatus
from katib.api.values import Condition, NameValue, ObjectMeta, Strings
from katib.rpc.experiments import read_objective, write_objective
from katib.rpc.generated import api_pb2 as pb

_STATES = {
    names.CREATED: pb.TrialStatus.CREATED,
    names.RUNNING: pb.TrialStatus.RUNNING,
    names.SUCCEEDED: pb.TrialStatus.SUCCEEDED,
    names.KILLED: pb.TrialStatus.KILLED,
    names.FAILED: pb.TrialStatus.FAILED,
    names.EARLY_STOPPED: pb.TrialStatus.EARLYSTOPPED,
}
_STATE_NAMES = {
    **{number: name for name, number in _STATES.items()},
    pb.TrialStatus.METRICSUNAVAILABLE: names.METRICS_UNAVAILABLE,
}

# How the time is written that Kubernetes' types have when nobody has set it.
_ZERO_TIME = "0001-01-01T00:00:00Z"


def write_trial(trial: Trial) -> pb.Trial:
    """The message of a trial: one value for each metric, picked by the metric's strategy.

    The labels that an assignment came with are those of the trial's metadata: an algorithm finds
    there what it has noted.
    """
    spec, status = trial.spec, trial.status
    return pb.Trial(
        name=trial.metadata.name,
        spec=pb.TrialSpec(
            objective=None if spec.objective is None else write_objective(spec.objective),
            parameter_assignments=pb.TrialSpec.ParameterAssignments(
                assignments=write_assignments(spec.parameter_assignments)
            ),
            labels={**(trial.metadata.labels or {}), **(spec.labels or {})},
        ),
        status=pb.TrialStatus(
            start_time=_write_time(status.start_time),
            completion_time=_write_completion(status.completion_time),
            condition=_state(status.conditions),
            observation=_write_observation(status.observation, spec.objective),
        ),
    )


def read_trial(message: pb.Trial) -> Trial:
    """The trial that a message describes, with one condition: its state.

    A metric's least, greatest and latest value are all the one that was sent.

    Raises:
        ValueError: a time is not RFC 3339.
    """
    spec, status = message.spec, message.status
    return Trial(
        metadata=ObjectMeta(name=message.name),
        spec=TrialSpec(
            objective=read_objective(spec.objective) if spec.HasField("objective") else None,
            parameter_assignments=read_assignments(spec.parameter_assignments.assignments),
            labels=Strings(spec.labels) if spec.labels else None,
        ),
        status=TrialStatus(
            start_time=_read_time(status.start_time),
            completion_time=(
                UNSET if not status.completion_time else _read_time(status.completion_time)
            ),
            conditions=_read_state(status.condition),
            observation=(
                _read_observation(status.observation) if status.HasField("observation") else None
            ),
        ),
    )


def write_assignments(assignments: Iterable[NameValue]) -> list[pb.ParameterAssignment]:
    """The messages of a trial's parameters and their values, in order."""
    return [pb.ParameterAssignment(name=one.name, value=one.value) for one in assignments]


def read_assignments(messages: Iterable[pb.ParameterAssignment]) -> tuple[NameValue, ...]:
    """The parameters and their values that messages name, in order."""
    return tuple(NameValue(name=one.name, value=one.value) for one in messages)


def picked_value(metric: Metric, objective: ObjectiveSpec | None) -> str:
    """The metric's value that an algorithm sees.

    The least or greatest one by its strategy, and the latest where that is ``unavailable``; the
    latest by the strategy ``latest``; the empty text without a strategy.
    """
    strategy = None if objective is None else objective.strategy(metric.name)
    by_strategy = {names.MIN: metric.min, names.MAX: metric.max, names.LATEST: metric.latest}
    value = by_strategy.get(strategy or "", "")
    return metric.latest if value == names.UNAVAILABLE else value


def _write_observation(
    observation: Observation | None, objective: ObjectiveSpec | None
) -> pb.Observation | None:
    if observation is None:
        return None
    return pb.Observation(
        metrics=[
            pb.Metric(name=metric.name, value=picked_value(metric, objective))
            for metric in observation.metrics
        ]
    )


def _read_observation(message: pb.Observation) -> Observation:
    return Observation(
        metrics=tuple(
            Metric(name=one.name, min=one.value, max=one.value, latest=one.value)
            for one in message.metrics
        )
    )


def _state(found: conditions.Conditions) -> pb.TrialStatus.TrialConditionType:
    newest = conditions.newest(found)
    if newest is None:
        return pb.TrialStatus.CREATED
    return _STATES.get(newest.type, pb.TrialStatus.UNKNOWN)


def _read_state(state: pb.TrialStatus.TrialConditionType) -> tuple[Condition, ...]:
    name = _STATE_NAMES.get(state)
    return () if name is None else (Condition(type=name, status="True"),)


def _write_time(time: datetime | None) -> str:
    return "" if time is None else format_time(time.replace(microsecond=0))


def _write_completion(time: datetime | UnsetType | None) -> str:
    if time is None:
        return _ZERO_TIME
    return "" if time is UNSET else _write_time(time)


def _read_time(text: str) -> datetime | None:
    if not text or text == _ZERO_TIME:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is no RFC 3339 time such as 2026-01-31T12:00:00Z") from error
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
