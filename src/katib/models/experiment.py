"""The Experiment and its parts. Written by scripts/generate_models.py."""

from __future__ import annotations

import builtins
from datetime import datetime
from typing import Any, ClassVar

from katib.models.metadata import V1Container, V1HTTPGetAction, V1ListMeta, V1ObjectMeta
from katib.models.model import REQUIRED, Model

__all__ = [
    "V1beta1AlgorithmSetting",
    "V1beta1AlgorithmSpec",
    "V1beta1CollectorSpec",
    "V1beta1ConfigMapSource",
    "V1beta1EarlyStoppingSetting",
    "V1beta1EarlyStoppingSpec",
    "V1beta1Experiment",
    "V1beta1ExperimentCondition",
    "V1beta1ExperimentList",
    "V1beta1ExperimentSpec",
    "V1beta1ExperimentStatus",
    "V1beta1FeasibleSpace",
    "V1beta1FileSystemPath",
    "V1beta1FilterSpec",
    "V1beta1GraphConfig",
    "V1beta1Metric",
    "V1beta1MetricStrategy",
    "V1beta1MetricsCollectorSpec",
    "V1beta1NasConfig",
    "V1beta1ObjectiveSpec",
    "V1beta1Observation",
    "V1beta1Operation",
    "V1beta1OptimalTrial",
    "V1beta1ParameterAssignment",
    "V1beta1ParameterSpec",
    "V1beta1SourceSpec",
    "V1beta1TrialParameterSpec",
    "V1beta1TrialSource",
    "V1beta1TrialTemplate",
]


class V1beta1FeasibleSpace(Model):
    """The values a parameter may take."""

    distribution: str | None = None
    list: builtins.list[str] | None = None
    max: str | None = None
    min: str | None = None
    step: str | None = None


class V1beta1ParameterSpec(Model):
    """One parameter of the search space."""

    feasible_space: V1beta1FeasibleSpace | None = None
    name: str | None = None
    parameter_type: str | None = None


class V1beta1MetricStrategy(Model):
    """A name and its value: an assignment, an algorithm setting, a metric strategy."""

    name: str | None = None
    value: str | None = None


class V1beta1ObjectiveSpec(Model):
    """What is optimised."""

    added: ClassVar[tuple[str, ...]] = ("non_finite",)
    additional_metric_names: list[str] | None = None
    goal: float | None = None
    metric_strategies: list[V1beta1MetricStrategy] | None = None
    objective_metric_name: str | None = None
    type: str | None = None
    non_finite: str | None = None


class V1beta1AlgorithmSetting(Model):
    """A name and its value: an assignment, an algorithm setting, a metric strategy."""

    name: str | None = None
    value: str | None = None


class V1beta1AlgorithmSpec(Model):
    """A search algorithm or an early stopping rule, with its settings."""

    algorithm_name: str | None = None
    algorithm_settings: list[V1beta1AlgorithmSetting] | None = None


class V1beta1EarlyStoppingSetting(Model):
    """A name and its value: an assignment, an algorithm setting, a metric strategy."""

    name: str | None = None
    value: str | None = None


class V1beta1EarlyStoppingSpec(Model):
    """A search algorithm or an early stopping rule, with its settings."""

    algorithm_name: str | None = None
    algorithm_settings: list[V1beta1EarlyStoppingSetting] | None = None


class V1beta1ConfigMapSource(Model):
    """A trial template kept in a ConfigMap, under a key."""

    config_map_name: str | None = None
    config_map_namespace: str | None = None
    template_path: str | None = None


class V1beta1TrialParameterSpec(Model):
    """A placeholder of the template, and the parameter or metadata it stands for."""

    description: str | None = None
    name: str | None = None
    reference: str | None = None


class V1beta1TrialTemplate(Model):
    """How a trial's run is made."""

    config_map: V1beta1ConfigMapSource | None = None
    failure_condition: str | None = None
    primary_container_name: str | None = None
    primary_pod_labels: dict[str, str] | None = None
    retain: bool | None = None
    success_condition: str | None = None
    trial_parameters: list[V1beta1TrialParameterSpec] | None = None
    trial_spec: Any = None


class V1beta1CollectorSpec(Model):
    """Which collector, and the container of a custom one."""

    custom_collector: V1Container | None = None
    kind: str | None = None


class V1beta1FileSystemPath(Model):
    """Where a program writes its metrics."""

    format: str | None = None
    kind: str | None = None
    path: str | None = None


class V1beta1FilterSpec(Model):
    """Regular expressions of RE2 with two groups: the metric's name and its value."""

    metrics_format: list[str] | None = None


class V1beta1SourceSpec(Model):
    """Where a collector reads."""

    file_system_path: V1beta1FileSystemPath | None = None
    filter: V1beta1FilterSpec | None = None
    http_get: V1HTTPGetAction | None = None


class V1beta1MetricsCollectorSpec(Model):
    """How a trial's metrics are read."""

    collector: V1beta1CollectorSpec | None = None
    source: V1beta1SourceSpec | None = None


class V1beta1GraphConfig(Model):
    """The outline of the network that a neural architecture search fills."""

    input_sizes: list[int] | None = None
    num_layers: int | None = None
    output_sizes: list[int] | None = None


class V1beta1Operation(Model):
    """One kind of layer, with its own parameters."""

    operation_type: str | None = None
    parameters: list[V1beta1ParameterSpec] | None = None


class V1beta1NasConfig(Model):
    """The search space of a neural architecture search."""

    graph_config: V1beta1GraphConfig | None = None
    operations: list[V1beta1Operation] | None = None


class V1beta1ExperimentSpec(Model):
    """What the user wants."""

    algorithm: V1beta1AlgorithmSpec | None = None
    early_stopping: V1beta1EarlyStoppingSpec | None = None
    max_failed_trial_count: int | None = None
    max_trial_count: int | None = None
    metrics_collector_spec: V1beta1MetricsCollectorSpec | None = None
    nas_config: V1beta1NasConfig | None = None
    objective: V1beta1ObjectiveSpec | None = None
    parallel_trial_count: int | None = None
    parameters: list[V1beta1ParameterSpec] | None = None
    resume_policy: str | None = None
    trial_template: V1beta1TrialTemplate | None = None


class V1beta1ParameterAssignment(Model):
    """A name and its value: an assignment, an algorithm setting, a metric strategy."""

    name: str | None = None
    value: str | None = None


class V1beta1Metric(Model):
    """A metric of one trial over its whole time."""

    latest: str | None = None
    max: str | None = None
    min: str | None = None
    name: str | None = None


class V1beta1Observation(Model):
    """A trial's final metrics."""

    metrics: list[V1beta1Metric] | None = None


class V1beta1OptimalTrial(Model):
    """The best trial so far; empty until there is one."""

    best_trial_name: str | None = None
    observation: V1beta1Observation | None = None
    parameter_assignments: list[V1beta1ParameterAssignment] | None = None


class V1beta1ExperimentCondition(Model):
    """One fact about a resource, and since when: ``type`` is ``status`` because of ``reason``."""

    last_transition_time: datetime | None = None
    last_update_time: datetime | None = None
    message: str | None = None
    reason: str | None = None
    status: str = ""
    type: str = ""


class V1beta1ExperimentStatus(Model):
    """What is."""

    completion_time: datetime | None = None
    conditions: list[V1beta1ExperimentCondition] | None = None
    current_optimal_trial: V1beta1OptimalTrial | None = None
    early_stopped_trial_list: list[str] | None = None
    failed_trial_list: list[str] | None = None
    killed_trial_list: list[str] | None = None
    last_reconcile_time: datetime | None = None
    metrics_unavailable_trial_list: list[str] | None = None
    pending_trial_list: list[str] | None = None
    running_trial_list: list[str] | None = None
    start_time: datetime | None = None
    succeeded_trial_list: list[str] | None = None
    trial_metrics_unavailable: int | None = None
    trials: int | None = None
    trials_early_stopped: int | None = None
    trials_failed: int | None = None
    trials_killed: int | None = None
    trials_pending: int | None = None
    trials_running: int | None = None
    trials_succeeded: int | None = None


class V1beta1Experiment(Model):
    """One optimisation: the user's document and what became of it."""

    api_version: str | None = None
    kind: str | None = None
    metadata: V1ObjectMeta | None = None
    spec: V1beta1ExperimentSpec | None = None
    status: V1beta1ExperimentStatus | None = None


class V1beta1TrialSource(Model):
    """A trial's manifest, or where it is kept."""

    config_map: V1beta1ConfigMapSource | None = None
    trial_spec: Any = None


class V1beta1ExperimentList(Model):
    """Some experiments."""

    api_version: str | None = None
    items: list[V1beta1Experiment] = REQUIRED
    kind: str | None = None
    metadata: V1ListMeta | None = None
