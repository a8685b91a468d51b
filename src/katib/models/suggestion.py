"""The Suggestion and its parts. Written by scripts/generate_models.py."""

from __future__ import annotations

from datetime import datetime

from katib.models.experiment import (
    V1beta1AlgorithmSetting,
    V1beta1AlgorithmSpec,
    V1beta1EarlyStoppingSpec,
    V1beta1ParameterAssignment,
)
from katib.models.metadata import V1ListMeta, V1ObjectMeta
from katib.models.model import REQUIRED, Model

__all__ = [
    "V1beta1EarlyStoppingRule",
    "V1beta1Suggestion",
    "V1beta1SuggestionCondition",
    "V1beta1SuggestionList",
    "V1beta1SuggestionSpec",
    "V1beta1SuggestionStatus",
    "V1beta1TrialAssignment",
]


class V1beta1EarlyStoppingRule(Model):
    """Stop a trial when the metric compares so with the value, from the start step on."""

    comparison: str | None = None
    name: str | None = None
    start_step: int | None = None
    value: str | None = None


class V1beta1TrialAssignment(Model):
    """One trial to be: its name and the value of every parameter."""

    early_stopping_rules: list[V1beta1EarlyStoppingRule] | None = None
    labels: dict[str, str] | None = None
    name: str | None = None
    parameter_assignments: list[V1beta1ParameterAssignment] | None = None


class V1beta1SuggestionSpec(Model):
    """What is wanted: ``requests`` is the total number of assignments so far."""

    algorithm: V1beta1AlgorithmSpec | None = None
    early_stopping: V1beta1EarlyStoppingSpec | None = None
    requests: int | None = None
    resume_policy: str | None = None


class V1beta1SuggestionCondition(Model):
    """One fact about a resource, and since when: ``type`` is ``status`` because of ``reason``."""

    last_transition_time: datetime | None = None
    last_update_time: datetime | None = None
    message: str | None = None
    reason: str | None = None
    status: str = ""
    type: str = ""


class V1beta1SuggestionStatus(Model):
    """What was given."""

    algorithm_settings: list[V1beta1AlgorithmSetting] | None = None
    completion_time: datetime | None = None
    conditions: list[V1beta1SuggestionCondition] | None = None
    last_reconcile_time: datetime | None = None
    start_time: datetime | None = None
    suggestion_count: int | None = None
    suggestions: list[V1beta1TrialAssignment] | None = None


class V1beta1Suggestion(Model):
    """The conversation between an experiment and its algorithm."""

    api_version: str | None = None
    kind: str | None = None
    metadata: V1ObjectMeta | None = None
    spec: V1beta1SuggestionSpec | None = None
    status: V1beta1SuggestionStatus | None = None


class V1beta1SuggestionList(Model):
    """Some suggestions."""

    api_version: str | None = None
    items: list[V1beta1Suggestion] = REQUIRED
    kind: str | None = None
    metadata: V1ListMeta | None = None
