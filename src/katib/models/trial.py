"""The Trial and its parts. Written by scripts/generate_models.py."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from katib.models.experiment import (
    V1beta1MetricsCollectorSpec,
    V1beta1ObjectiveSpec,
    V1beta1Observation,
    V1beta1ParameterAssignment,
)
from katib.models.metadata import V1ListMeta, V1ObjectMeta
from katib.models.model import REQUIRED, Model
from katib.models.suggestion import V1beta1EarlyStoppingRule

__all__ = [
    "V1beta1Trial",
    "V1beta1TrialCondition",
    "V1beta1TrialList",
    "V1beta1TrialSpec",
    "V1beta1TrialStatus",
]


class V1beta1TrialSpec(Model):
    """What is run and how it is judged."""

    early_stopping_rules: list[V1beta1EarlyStoppingRule] | None = None
    failure_condition: str | None = None
    labels: dict[str, str] | None = None
    metrics_collector: V1beta1MetricsCollectorSpec | None = None
    objective: V1beta1ObjectiveSpec | None = None
    parameter_assignments: list[V1beta1ParameterAssignment] | None = None
    primary_container_name: str | None = None
    primary_pod_labels: dict[str, str] | None = None
    retain_run: bool | None = None
    run_spec: Any = None
    success_condition: str | None = None


class V1beta1TrialCondition(Model):
    """One fact about a resource, and since when: ``type`` is ``status`` because of ``reason``."""

    last_transition_time: datetime | None = None
    last_update_time: datetime | None = None
    message: str | None = None
    reason: str | None = None
    status: str = ""
    type: str = ""


class V1beta1TrialStatus(Model):
    """What became of it."""

    completion_time: datetime | None = None
    conditions: list[V1beta1TrialCondition] | None = None
    last_reconcile_time: datetime | None = None
    observation: V1beta1Observation | None = None
    start_time: datetime | None = None


class V1beta1Trial(Model):
    """One run of the program."""

    api_version: str | None = None
    kind: str | None = None
    metadata: V1ObjectMeta | None = None
    spec: V1beta1TrialSpec | None = None
    status: V1beta1TrialStatus | None = None


class V1beta1TrialList(Model):
    """Some trials."""

    api_version: str | None = None
    items: list[V1beta1Trial] = REQUIRED
    kind: str | None = None
    metadata: V1ListMeta | None = None
