"""The rules of what is optimised, and of the algorithms that do it."""

from __future__ import annotations

from collections.abc import Callable

from katib.admission.context import AdmissionContext
from katib.admission.problems import Problems, invalid, required
from katib.api import names
from katib.api.experiment import (
    AlgorithmSpec,
    CollectorSpec,
    ExperimentSpec,
    MetricsCollectorSpec,
    ObjectiveSpec,
)
from katib.errors import ConfigurationError

_PATH = "spec.objective"
_TYPES = (names.MINIMIZE, names.MAXIMIZE)
_STRATEGIES = (names.MIN, names.MAX, names.LATEST)
#: Rules are known to whoever reads these or takes them in; others read when all is over.
_READ_AT_ONCE = ("StdOut", "File", "Push")
_POLICIES = ("", names.NEVER, names.LONG_RUNNING, names.FROM_VOLUME)


def check_objective(objective: ObjectiveSpec | None) -> Problems:
    """Without a sound objective no later rule means anything, so admission stops at these."""
    if objective is None:
        yield required(_PATH)
        return
    if objective.type not in _TYPES:
        yield invalid(f"{_PATH}.type", objective.type, "must be minimize or maximize")
    metric = objective.objective_metric_name
    if not metric:
        yield required(f"{_PATH}.objectiveMetricName")
    elif metric in objective.additional_metric_names:
        yield invalid(
            f"{_PATH}.additionalMetricNames",
            list(objective.additional_metric_names),
            "should not contain spec.objective.objectiveMetricName",
        )


def check_strategies(objective: ObjectiveSpec | None) -> Problems:
    """Which of a metric's values counts, and whether one that is not finite does."""
    policy = "" if objective is None else objective.non_finite
    if policy and policy not in names.NON_FINITE_POLICIES:
        yield invalid(
            f"{_PATH}.nonFinite",
            policy,
            f"must be {', '.join(names.NON_FINITE_POLICIES[:-1])} or "
            f"{names.NON_FINITE_POLICIES[-1]}, or be left out",
        )
    for index, strategy in enumerate(objective.metric_strategies if objective else ()):
        if strategy.value not in _STRATEGIES:
            yield invalid(
                f"{_PATH}.metricStrategies[{index}].value",
                strategy.value,
                "must be min, max or latest",
            )


def check_algorithms(spec: ExperimentSpec, context: AdmissionContext) -> Problems:
    """The search algorithm and the early stopping rule must be known by name."""
    if spec.algorithm is None:
        yield required("spec.algorithm")
    else:
        yield from _check_algorithm(
            "spec.algorithm", spec.algorithm, "Suggestion", context.check_algorithm
        )
    if spec.early_stopping is not None:
        yield from _check_algorithm(
            "spec.earlyStopping",
            spec.early_stopping,
            "EarlyStopping",
            context.check_early_stopping,
        )


def check_early_stopping(spec: ExperimentSpec) -> Problems:
    """Rules are applied to metrics while they are read, which only some collectors do."""
    collector = (spec.metrics_collector_spec or MetricsCollectorSpec()).collector
    kind = (collector or CollectorSpec()).kind
    if spec.early_stopping is None or kind in _READ_AT_ONCE or kind not in names.COLLECTOR_KINDS:
        return
    yield invalid(
        "spec.earlyStopping",
        spec.early_stopping.algorithm_name,
        f"early stopping rules cannot be applied to metrics of the collector kind {kind}; use "
        f"{', '.join(_READ_AT_ONCE[:-1])} or {_READ_AT_ONCE[-1]}, or leave early stopping out",
    )


def check_resume_policy(policy: str) -> Problems:
    """What happens to the suggestion when the experiment is over."""
    if policy not in _POLICIES:
        yield invalid(
            "spec.resumePolicy",
            policy,
            "invalid ResumePolicyType, use Never, LongRunning or FromVolume",
        )


def _check_algorithm(
    path: str, algorithm: AlgorithmSpec, what: str, check: Callable[[str], None]
) -> Problems:
    name = algorithm.algorithm_name
    if not name:
        yield required(f"{path}.algorithmName")
        return
    try:
        check(name)
    except ConfigurationError as error:
        yield invalid(
            f"{path}.algorithmName",
            name,
            f"unable to get {what} config data for algorithm {name}: {error}",
        )
