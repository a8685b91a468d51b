"""The Suggestion: how many assignments are wanted from the algorithm, and all that were given."""

from __future__ import annotations

from datetime import datetime

import msgspec

from katib.api.experiment import AlgorithmSpec
from katib.api.names import API_VERSION
from katib.api.values import Condition, Kind, NameValue, Resource, Strings, Value


class EarlyStoppingRule(Value, frozen=True):
    """Stop a trial when the metric compares so with the value, from the start step on."""

    name: str = ""
    value: str = ""
    comparison: str = ""
    start_step: int = 0


class TrialAssignment(Value, frozen=True):
    """One trial to be: its name and the value of every parameter."""

    name: str = ""
    parameter_assignments: tuple[NameValue, ...] = ()
    early_stopping_rules: tuple[EarlyStoppingRule, ...] = ()
    labels: Strings | None = None


class SuggestionSpec(Value, frozen=True):
    """What is wanted: ``requests`` is the total number of assignments so far."""

    algorithm: AlgorithmSpec | None = None
    early_stopping: AlgorithmSpec | None = None
    requests: int = 0
    resume_policy: str = ""


class SuggestionStatus(Value, frozen=True):
    """What was given.

    ``suggestions`` holds the newest 1,000 at most; ``suggestion_count`` is exact.
    """

    algorithm_settings: tuple[NameValue, ...] = ()
    suggestion_count: int = 0
    suggestions: tuple[TrialAssignment, ...] = ()
    start_time: datetime | None = None
    completion_time: datetime | None = None
    last_reconcile_time: datetime | None = None
    conditions: tuple[Condition, ...] = ()


def _api_version() -> str:
    return API_VERSION


def _kind() -> str:
    return "Suggestion"


class Suggestion(Resource, frozen=True):
    """The conversation between an experiment and its algorithm."""

    api_version: str = msgspec.field(default_factory=_api_version)
    kind: str = msgspec.field(default_factory=_kind)
    spec: SuggestionSpec = msgspec.field(default_factory=SuggestionSpec)
    status: SuggestionStatus = msgspec.field(default_factory=SuggestionStatus)


SUGGESTIONS = Kind(API_VERSION, "Suggestion", "suggestions", Suggestion)
