"""The Trial: one run of the user's program with one assignment, and what it observed."""

from __future__ import annotations

from datetime import datetime

import msgspec
from msgspec import UNSET, Raw, UnsetType
from msgspec.structs import replace

from katib.api import conditions, names
from katib.api.experiment import MetricsCollectorSpec, ObjectiveSpec, Observation
from katib.api.names import API_VERSION
from katib.api.suggestion import EarlyStoppingRule
from katib.api.values import Condition, Kind, NameValue, Resource, Strings, Value


class TrialSpec(Value, frozen=True):
    """What is run and how it is judged. ``run_spec`` is the JSON text of the manifest."""

    objective: ObjectiveSpec | None = None
    parameter_assignments: tuple[NameValue, ...] = ()
    early_stopping_rules: tuple[EarlyStoppingRule, ...] = ()
    run_spec: Raw | UnsetType = UNSET
    retain_run: bool = False
    metrics_collector: MetricsCollectorSpec = msgspec.field(default_factory=MetricsCollectorSpec)
    primary_pod_labels: Strings | None = None
    primary_container_name: str = ""
    success_condition: str = ""
    failure_condition: str = ""
    labels: Strings | None = None


class TrialStatus(Value, frozen=True):
    """What became of it."""

    start_time: datetime | None = None
    completion_time: datetime | UnsetType | None = UNSET
    last_reconcile_time: datetime | None = None
    conditions: tuple[Condition, ...] = ()
    observation: Observation | None = None


def _api_version() -> str:
    return API_VERSION


def _kind() -> str:
    return "Trial"


class Trial(Resource, frozen=True):
    """One run of the program."""

    api_version: str = msgspec.field(default_factory=_api_version)
    kind: str = msgspec.field(default_factory=_kind)
    spec: TrialSpec = msgspec.field(default_factory=TrialSpec)
    status: TrialStatus = msgspec.field(default_factory=TrialStatus)

    @property
    def is_completed(self) -> bool:
        """Whether it ended: well, badly, killed, stopped early, or without its metrics."""
        for condition in reversed(self.status.conditions):
            if condition.type in _FINAL and condition.status == "True":
                return True
        return False

    @property
    def is_observed(self) -> bool:
        """Whether the objective metric has a value."""
        objective, observation = self.spec.objective, self.status.observation
        if objective is None or observation is None:
            return False
        metric = observation.find(objective.objective_metric_name)
        return metric is not None and metric.latest != names.UNAVAILABLE

    def has(self, condition: str) -> bool:
        """Whether the condition is ``True``."""
        return conditions.has(self.status.conditions, condition)


def stopped_early(trial: Trial, now: datetime, why: str = "") -> Trial:
    """The trial with the condition that it was stopped; unchanged when it has ended otherwise.

    Args:
        trial: as it is.
        now: the present time.
        why: as far as it is known.
    """
    if trial.is_completed:
        return trial
    stopped = Condition(
        type=names.EARLY_STOPPED,
        status="True",
        reason="TrialEarlyStopped",
        message=f"Trial is early stopped: {why}" if why else "Trial is early stopped",
    )
    found = conditions.put(trial.status.conditions, stopped, now)
    return replace(trial, status=replace(trial.status, conditions=found))


_FINAL = frozenset(
    (names.SUCCEEDED, names.FAILED, names.KILLED, names.EARLY_STOPPED, names.METRICS_UNAVAILABLE)
)

TRIALS = Kind(API_VERSION, "Trial", "trials", Trial)
