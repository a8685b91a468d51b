"""Resources for tests, as they are after admission: every default is filled."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Self, TypedDict, Unpack

import msgspec

from katib.api import codec, names
from katib.api.experiment import (
    AlgorithmSpec,
    CollectorSpec,
    Experiment,
    ExperimentSpec,
    FeasibleSpace,
    Metric,
    MetricsCollectorSpec,
    ObjectiveSpec,
    Observation,
    ParameterSpec,
    TrialParameter,
    TrialTemplate,
)
from katib.api.suggestion import TrialAssignment
from katib.api.trial import Trial, TrialSpec, TrialStatus
from katib.api.values import Condition, NameValue, ObjectMeta, Strings

CREATED_AT = datetime(2026, 1, 1, tzinfo=UTC)


class Space(TypedDict, total=False):
    """The fields of a feasible space."""

    min: str
    max: str
    step: str
    list: Sequence[str]
    distribution: str


class ExperimentBuilder:
    """Collects what a test cares about; the rest is made up. Each method returns the builder."""

    def __init__(self) -> None:
        self._name, self._namespace, self._uid = "an-experiment", "default", ""
        self._parameters: list[ParameterSpec] = []
        self._objective = _objective(ObjectiveSpec(type="minimize", objective_metric_name="loss"))
        self._algorithm = AlgorithmSpec(algorithm_name="random")
        self._early_stopping: AlgorithmSpec | None = None
        self._max: int | None = 12
        self._parallel, self._max_failed = 3, 3
        self._resume_policy = names.NEVER

    def named(self, name: str, namespace: str = "default", uid: str = "") -> Self:
        """The name; the ``uid`` is made from it when none is given."""
        self._name, self._namespace, self._uid = name, namespace, uid
        return self

    def with_parameter(self, name: str, type: str = names.DOUBLE, **space: Unpack[Space]) -> Self:
        """One more parameter; without any, there is the double ``lr`` from 0.01 to 0.1."""
        feasible = FeasibleSpace(
            min=space.get("min", ""),
            max=space.get("max", ""),
            step=space.get("step", ""),
            list=tuple(space.get("list", ())),
            distribution=space.get("distribution", "uniform"),
        )
        self._parameters.append(
            ParameterSpec(name=name, parameter_type=type, feasible_space=feasible)
        )
        return self

    def with_objective(
        self,
        metric: str = "loss",
        type: str = names.MINIMIZE,
        goal: float | None = None,
        additional: Sequence[str] = (),
    ) -> Self:
        """What is optimised; each metric's strategy follows the type."""
        spec = ObjectiveSpec(
            type=type,
            goal=goal,
            objective_metric_name=metric,
            additional_metric_names=tuple(additional),
        )
        self._objective = _objective(spec)
        return self

    def with_non_finite(self, policy: str) -> Self:
        """What becomes of objective values that are not finite; after the objective is named."""
        self._objective = msgspec.structs.replace(self._objective, non_finite=policy)
        return self

    def with_algorithm(self, name: str, **settings: str) -> Self:
        """The algorithm and its settings."""
        self._algorithm = _algorithm(name, settings)
        return self

    def with_early_stopping(self, name: str, **settings: str) -> Self:
        """The early stopping rule and its settings."""
        self._early_stopping = _algorithm(name, settings)
        return self

    def with_trials(self, max: int | None, parallel: int = 3, max_failed: int = 3) -> Self:
        """How many trials: in all (``None``: no limit), at once, and how many may fail."""
        self._max, self._parallel, self._max_failed = max, parallel, max_failed
        return self

    def with_resume_policy(self, policy: str) -> Self:
        """``Never``, ``LongRunning`` or ``FromVolume``."""
        self._resume_policy = policy
        return self

    def build(self) -> Experiment:
        """The experiment, as a store would return it."""
        parameters = tuple(self._parameters) or (_LEARNING_RATE,)
        metadata = ObjectMeta(
            name=self._name,
            namespace=self._namespace,
            uid=self._uid or f"uid-of-{self._namespace}-{self._name}",
            resource_version="1",
            generation=1,
            creation_timestamp=CREATED_AT,
        )
        spec = ExperimentSpec(
            parameters=parameters,
            objective=self._objective,
            algorithm=self._algorithm,
            early_stopping=self._early_stopping,
            trial_template=_template([parameter.name for parameter in parameters]),
            parallel_trial_count=self._parallel,
            max_trial_count=self._max,
            max_failed_trial_count=self._max_failed,
            metrics_collector_spec=MetricsCollectorSpec(collector=CollectorSpec(kind="StdOut")),
            resume_policy=self._resume_policy,
        )
        return Experiment(metadata=metadata, spec=spec)


def an_experiment() -> ExperimentBuilder:
    """A builder to begin with: random search of ``lr`` for the smallest ``loss``."""
    return ExperimentBuilder()


def a_running_trial(experiment: Experiment, name: str, assignment: TrialAssignment) -> Trial:
    """The trial that an assignment became, while it runs."""
    created = _condition(names.CREATED, "TrialCreated", "Trial is created")
    running = _condition(names.RUNNING, "TrialRunning", "Trial is running")
    metadata = ObjectMeta(
        name=name,
        namespace=experiment.metadata.namespace,
        uid=f"uid-of-{name}",
        creation_timestamp=CREATED_AT,
        labels=Strings(
            {**(assignment.labels or {}), names.LABEL_EXPERIMENT: experiment.metadata.name}
        ),
    )
    spec = TrialSpec(
        objective=experiment.spec.objective,
        parameter_assignments=assignment.parameter_assignments,
        labels=assignment.labels,
    )
    status = TrialStatus(start_time=CREATED_AT, conditions=(created, running))
    return Trial(metadata=metadata, spec=spec, status=status)


def a_succeeded_trial(running: Trial, value: str) -> Trial:
    """The same trial, succeeded, with one value of its objective metric."""
    objective = running.spec.objective or ObjectiveSpec()
    metric = Metric(name=objective.objective_metric_name, min=value, max=value, latest=value)
    created, was_running = running.status.conditions
    status = msgspec.structs.replace(
        running.status,
        completion_time=CREATED_AT,
        conditions=(
            created,
            msgspec.structs.replace(was_running, status="False"),
            _condition(names.SUCCEEDED, "TrialSucceeded", "Trial has succeeded"),
        ),
        observation=Observation(metrics=(metric,)),
    )
    return msgspec.structs.replace(running, status=status)


_LEARNING_RATE = ParameterSpec(
    name="lr",
    parameter_type=names.DOUBLE,
    feasible_space=FeasibleSpace(min="0.01", max="0.1", distribution="uniform"),
)


def _objective(spec: ObjectiveSpec) -> ObjectiveSpec:
    strategy = {names.MINIMIZE: names.MIN, names.MAXIMIZE: names.MAX}.get(spec.type, names.LATEST)
    strategies = tuple(NameValue(name=name, value=strategy) for name in spec.metric_names)
    return msgspec.structs.replace(spec, metric_strategies=strategies)


def _algorithm(name: str, settings: dict[str, str]) -> AlgorithmSpec:
    pairs = tuple(NameValue(name=key, value=value) for key, value in settings.items())
    return AlgorithmSpec(algorithm_name=name, algorithm_settings=pairs)


def _template(parameters: Sequence[str]) -> TrialTemplate:
    flags = [f"--{name}=${{trialParameters.{name}}}" for name in parameters]
    container = {"name": "main", "image": "any", "command": ["python", "train.py", *flags]}
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "spec": {"template": {"spec": {"containers": [container], "restartPolicy": "Never"}}},
    }
    return TrialTemplate(
        trial_spec=codec.to_raw(job),
        trial_parameters=tuple(TrialParameter(name=name, reference=name) for name in parameters),
        primary_container_name="main",
        success_condition='status.conditions.#(type=="Complete")#|#(status=="True")#',
        failure_condition='status.conditions.#(type=="Failed")#|#(status=="True")#',
    )


def _condition(type: str, reason: str, message: str) -> Condition:
    return Condition(
        type=type,
        status="True",
        reason=reason,
        message=message,
        last_update_time=CREATED_AT,
        last_transition_time=CREATED_AT,
    )
