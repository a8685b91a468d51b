"""The Experiment: what to optimise, over which search space, by which algorithm and program."""

from __future__ import annotations

from datetime import datetime

import msgspec
from msgspec import UNSET, Raw, UnsetType

from katib.api import names
from katib.api.names import API_VERSION
from katib.api.values import Condition, Kind, NameValue, Resource, Strings, Value
from katib.api.wildcards import is_wildcard, matches


class FeasibleSpace(Value, frozen=True):
    """The values a parameter may take. Numbers are texts, so that they mean what was written."""

    max: str = ""
    min: str = ""
    list: tuple[str, ...] = ()
    step: str = ""
    distribution: str = ""


class ParameterSpec(Value, frozen=True):
    """One parameter of the search space."""

    name: str = ""
    parameter_type: str = ""
    feasible_space: FeasibleSpace = msgspec.field(default_factory=FeasibleSpace)


class ObjectiveSpec(Value, frozen=True):
    """What is optimised. ``goal`` 0 is a legal goal and differs from none.

    ``non_finite`` is no field of Katib's: what becomes of values that are ``nan`` or infinite.
    """

    type: str = ""
    goal: int | float | None = None
    objective_metric_name: str = ""
    additional_metric_names: tuple[str, ...] = ()
    metric_strategies: tuple[NameValue, ...] = ()
    non_finite: str = ""

    @property
    def metric_names(self) -> tuple[str, ...]:
        """The objective metric, then the additional ones."""
        return (self.objective_metric_name, *self.additional_metric_names)

    @property
    def exact_names(self) -> tuple[str, ...]:
        """Those that stand for themselves alone; the objective metric always does."""
        names = (one for one in self.additional_metric_names if not is_wildcard(one))
        return (self.objective_metric_name, *names)

    @property
    def wildcards(self) -> tuple[str, ...]:
        """The additional ones that stand for all names they match."""
        return tuple(one for one in self.additional_metric_names if is_wildcard(one))

    def strategy(self, metric: str) -> str | None:
        """``min``, ``max`` or ``latest``: which of a metric's values counts.

        One that is named for the metric itself goes before the first wildcard that matches it.
        ``None`` when none is named.
        """
        named = {entry.name: entry.value for entry in reversed(self.metric_strategies)}
        if metric in named or metric == self.objective_metric_name:
            return named.get(metric)
        patterns = (entry for entry in self.metric_strategies if is_wildcard(entry.name))
        return next((one.value for one in patterns if matches(one.name, metric)), None)

    def pick(self, metric: Metric) -> str | None:
        """The value of a metric that counts; ``None`` without a strategy.

        ``min`` and ``max`` fall back to the latest value when no number was reported.
        """
        strategy = self.strategy(metric.name)
        if strategy is None:
            return None
        extreme = {names.MIN: metric.min, names.MAX: metric.max}.get(strategy, names.UNAVAILABLE)
        return metric.latest if extreme == names.UNAVAILABLE else extreme


class AlgorithmSpec(Value, frozen=True):
    """A search algorithm or an early stopping rule, with its settings."""

    algorithm_name: str = ""
    algorithm_settings: tuple[NameValue, ...] = ()


class ConfigMapSource(Value, frozen=True):
    """A trial template kept in a ConfigMap, under a key."""

    config_map_name: str = ""
    config_map_namespace: str = ""
    template_path: str = ""


class TrialParameter(Value, frozen=True):
    """A placeholder of the template, and the parameter or metadata it stands for."""

    name: str = ""
    description: str = ""
    reference: str = ""


class TrialTemplate(Value, frozen=True):
    """How a trial's run is made."""

    retain: bool = False
    #: The JSON text of the manifest.
    trial_spec: Raw | UnsetType = UNSET
    config_map: ConfigMapSource | None = None
    trial_parameters: tuple[TrialParameter, ...] = ()
    primary_pod_labels: Strings | None = None
    primary_container_name: str = ""
    success_condition: str = ""
    failure_condition: str = ""


class CollectorSpec(Value, frozen=True):
    """Which collector, and the container of a custom one."""

    kind: str = ""
    custom_collector: Raw | UnsetType = UNSET


class FileSystemPath(Value, frozen=True):
    """Where a program writes its metrics."""

    path: str = ""
    kind: str = ""
    format: str = ""


class FilterSpec(Value, frozen=True):
    """Regular expressions of RE2 with two groups: the metric's name and its value."""

    metrics_format: tuple[str, ...] = ()


class SourceSpec(Value, frozen=True):
    """Where a collector reads."""

    http_get: Raw | UnsetType = UNSET
    file_system_path: FileSystemPath | None = None
    filter: FilterSpec | None = None


class MetricsCollectorSpec(Value, frozen=True):
    """How a trial's metrics are read."""

    source: SourceSpec | None = None
    collector: CollectorSpec | None = None


class GraphConfig(Value, frozen=True):
    """The outline of the network that a neural architecture search fills."""

    num_layers: int | None = None
    input_sizes: tuple[int, ...] = ()
    output_sizes: tuple[int, ...] = ()


class Operation(Value, frozen=True):
    """One kind of layer, with its own parameters."""

    operation_type: str = ""
    parameters: tuple[ParameterSpec, ...] = ()


class NasConfig(Value, frozen=True):
    """The search space of a neural architecture search."""

    graph_config: GraphConfig = msgspec.field(default_factory=GraphConfig)
    operations: tuple[Operation, ...] = ()


class ExperimentSpec(Value, frozen=True):
    """What the user wants."""

    parameters: tuple[ParameterSpec, ...] = ()
    objective: ObjectiveSpec | None = None
    algorithm: AlgorithmSpec | None = None
    early_stopping: AlgorithmSpec | None = None
    trial_template: TrialTemplate | None = None
    parallel_trial_count: int | None = None
    max_trial_count: int | None = None
    max_failed_trial_count: int | None = None
    metrics_collector_spec: MetricsCollectorSpec | None = None
    nas_config: NasConfig | None = None
    resume_policy: str = ""


class Metric(Value, frozen=True):
    """A metric of one trial over its whole time. Values are the texts that were reported."""

    name: str = ""
    min: str = ""
    max: str = ""
    latest: str = ""


class Observation(Value, frozen=True):
    """A trial's final metrics."""

    metrics: tuple[Metric, ...] = ()

    def find(self, name: str) -> Metric | None:
        """The metric of that name, or ``None``."""
        return next((metric for metric in self.metrics if metric.name == name), None)


class OptimalTrial(Value, frozen=True):
    """The best trial so far; empty until there is one."""

    best_trial_name: str = ""
    parameter_assignments: tuple[NameValue, ...] = ()
    observation: Observation = msgspec.field(default_factory=Observation)


class ExperimentStatus(Value, frozen=True):
    """What is. The lists hold the newest 1,000 names at most; the counters are exact."""

    start_time: datetime | None = None
    completion_time: datetime | UnsetType | None = UNSET
    last_reconcile_time: datetime | None = None
    conditions: tuple[Condition, ...] = ()
    current_optimal_trial: OptimalTrial = msgspec.field(default_factory=OptimalTrial)
    running_trial_list: tuple[str, ...] = ()
    pending_trial_list: tuple[str, ...] = ()
    failed_trial_list: tuple[str, ...] = ()
    succeeded_trial_list: tuple[str, ...] = ()
    killed_trial_list: tuple[str, ...] = ()
    early_stopped_trial_list: tuple[str, ...] = ()
    metrics_unavailable_trial_list: tuple[str, ...] = ()
    trials: int = 0
    trials_succeeded: int = 0
    trials_failed: int = 0
    trials_killed: int = 0
    trials_pending: int = 0
    trials_running: int = 0
    trials_early_stopped: int = 0
    trial_metrics_unavailable: int = 0


def _api_version() -> str:
    return API_VERSION


def _kind() -> str:
    return "Experiment"


class Experiment(Resource, frozen=True):
    """One optimisation: the user's document and what became of it."""

    api_version: str = msgspec.field(default_factory=_api_version)
    kind: str = msgspec.field(default_factory=_kind)
    spec: ExperimentSpec = msgspec.field(default_factory=ExperimentSpec)
    status: ExperimentStatus = msgspec.field(default_factory=ExperimentStatus)


EXPERIMENTS = Kind(API_VERSION, "Experiment", "experiments", Experiment)
