"""Experiments as messages and back: search space, objective, algorithm, settings."""

from __future__ import annotations

from collections.abc import Iterable

from katib.api import names
from katib.api.experiment import (
    AlgorithmSpec,
    Experiment,
    ExperimentSpec,
    FeasibleSpace,
    GraphConfig,
    NasConfig,
    ObjectiveSpec,
    Operation,
    ParameterSpec,
)
from katib.api.values import NameValue, ObjectMeta
from katib.rpc.generated import api_pb2 as pb

_OBJECTIVE_TYPES = {names.MINIMIZE: pb.MINIMIZE, names.MAXIMIZE: pb.MAXIMIZE}
_PARAMETER_TYPES = {
    names.DOUBLE: pb.DOUBLE,
    names.INT: pb.INT,
    names.DISCRETE: pb.DISCRETE,
    names.CATEGORICAL: pb.CATEGORICAL,
}
_DISTRIBUTIONS = {
    "uniform": pb.UNIFORM,
    "logUniform": pb.LOG_UNIFORM,
    "normal": pb.NORMAL,
    "logNormal": pb.LOG_NORMAL,
}
_OBJECTIVE_NAMES = {number: name for name, number in _OBJECTIVE_TYPES.items()}
_PARAMETER_NAMES = {number: name for name, number in _PARAMETER_TYPES.items()}
_DISTRIBUTION_NAMES = {number: name for name, number in _DISTRIBUTIONS.items()}


def write_experiment(experiment: Experiment) -> pb.Experiment:
    """The message of an experiment: its name without the namespace, and what is searched."""
    spec = experiment.spec
    return pb.Experiment(
        name=experiment.metadata.name,
        spec=pb.ExperimentSpec(
            parameter_specs=pb.ExperimentSpec.ParameterSpecs(
                parameters=map(write_parameter, spec.parameters)
            ),
            objective=None if spec.objective is None else write_objective(spec.objective),
            algorithm=None if spec.algorithm is None else write_algorithm(spec.algorithm),
            early_stopping=write_early_stopping(spec.early_stopping),
            parallel_trial_count=spec.parallel_trial_count or 0,
            max_trial_count=spec.max_trial_count or 0,
            nas_config=None if spec.nas_config is None else _write_nas(spec.nas_config),
        ),
    )


def read_experiment(message: pb.Experiment) -> Experiment:
    """The experiment that a message describes.

    What the contract has no field for stays empty: namespace, ``uid``, template, strategies. A goal
    or a count of 0 means that there is none.
    """
    spec = message.spec
    return Experiment(
        metadata=ObjectMeta(name=message.name),
        spec=ExperimentSpec(
            parameters=tuple(map(read_parameter, spec.parameter_specs.parameters)),
            objective=read_objective(spec.objective) if spec.HasField("objective") else None,
            algorithm=read_algorithm(spec.algorithm) if spec.HasField("algorithm") else None,
            early_stopping=(
                read_algorithm(spec.early_stopping) if spec.HasField("early_stopping") else None
            ),
            parallel_trial_count=spec.parallel_trial_count or None,
            max_trial_count=spec.max_trial_count or None,
            nas_config=_read_nas(spec.nas_config) if spec.HasField("nas_config") else None,
        ),
    )


def write_parameter(parameter: ParameterSpec) -> pb.ParameterSpec:
    """The message of a parameter; bounds are copied as they were written."""
    space = parameter.feasible_space
    return pb.ParameterSpec(
        name=parameter.name,
        parameter_type=_PARAMETER_TYPES.get(parameter.parameter_type, pb.UNKNOWN_TYPE),
        feasible_space=pb.FeasibleSpace(
            max=space.max,
            min=space.min,
            list=space.list,
            step=space.step,
            distribution=_DISTRIBUTIONS.get(space.distribution, pb.DISTRIBUTION_UNSPECIFIED),
        ),
    )


def read_parameter(message: pb.ParameterSpec) -> ParameterSpec:
    """The parameter that a message describes; a type that nobody knows is ``unknown``."""
    space = message.feasible_space
    return ParameterSpec(
        name=message.name,
        parameter_type=_PARAMETER_NAMES.get(message.parameter_type, names.UNKNOWN),
        feasible_space=FeasibleSpace(
            max=space.max,
            min=space.min,
            list=tuple(space.list),
            step=space.step,
            distribution=_DISTRIBUTION_NAMES.get(space.distribution, ""),
        ),
    )


def write_objective(objective: ObjectiveSpec) -> pb.ObjectiveSpec:
    """The message of an objective. Strategies are not sent: they pick the values of trials."""
    return pb.ObjectiveSpec(
        type=_OBJECTIVE_TYPES.get(objective.type, pb.UNKNOWN),
        goal=objective.goal or 0.0,
        objective_metric_name=objective.objective_metric_name,
        additional_metric_names=objective.additional_metric_names,
    )


def read_objective(message: pb.ObjectiveSpec) -> ObjectiveSpec:
    """The objective that a message describes.

    Every metric gets the strategy ``latest``: who sent the message has already picked the values.
    """
    return ObjectiveSpec(
        type=_OBJECTIVE_NAMES.get(message.type, ""),
        goal=message.goal or None,
        objective_metric_name=message.objective_metric_name,
        additional_metric_names=tuple(message.additional_metric_names),
        metric_strategies=tuple(
            NameValue(name=name, value=names.LATEST)
            for name in (message.objective_metric_name, *message.additional_metric_names)
        ),
    )


def write_algorithm(algorithm: AlgorithmSpec) -> pb.AlgorithmSpec:
    """The message of a search algorithm and its settings."""
    return pb.AlgorithmSpec(
        algorithm_name=algorithm.algorithm_name,
        algorithm_settings=write_settings(algorithm.algorithm_settings),
    )


def write_settings(settings: Iterable[NameValue]) -> list[pb.AlgorithmSetting]:
    """The messages of an algorithm's settings, in order."""
    return [pb.AlgorithmSetting(name=one.name, value=one.value) for one in settings]


def write_early_stopping(algorithm: AlgorithmSpec | None) -> pb.EarlyStoppingSpec | None:
    """The message of an early stopping algorithm and its settings; ``None`` when there is none."""
    if algorithm is None:
        return None
    return pb.EarlyStoppingSpec(
        algorithm_name=algorithm.algorithm_name,
        algorithm_settings=[
            pb.EarlyStoppingSetting(name=one.name, value=one.value)
            for one in algorithm.algorithm_settings
        ],
    )


def read_algorithm(message: pb.AlgorithmSpec | pb.EarlyStoppingSpec) -> AlgorithmSpec:
    """The algorithm, of either kind, and the settings that a message names."""
    return AlgorithmSpec(
        algorithm_name=message.algorithm_name,
        algorithm_settings=tuple(
            NameValue(name=one.name, value=one.value) for one in message.algorithm_settings
        ),
    )


def _write_nas(config: NasConfig) -> pb.NasConfig:
    graph = config.graph_config
    return pb.NasConfig(
        graph_config=pb.GraphConfig(
            num_layers=graph.num_layers or 0,
            input_sizes=graph.input_sizes,
            output_sizes=graph.output_sizes,
        ),
        operations=pb.NasConfig.Operations(
            operation=[
                pb.Operation(
                    operation_type=operation.operation_type,
                    parameter_specs=pb.Operation.ParameterSpecs(
                        parameters=map(write_parameter, operation.parameters)
                    ),
                )
                for operation in config.operations
            ]
        ),
    )


def _read_nas(message: pb.NasConfig) -> NasConfig:
    graph = message.graph_config
    return NasConfig(
        graph_config=GraphConfig(
            num_layers=graph.num_layers or None,
            input_sizes=tuple(graph.input_sizes),
            output_sizes=tuple(graph.output_sizes),
        ),
        operations=tuple(
            Operation(
                operation_type=one.operation_type,
                parameters=tuple(map(read_parameter, one.parameter_specs.parameters)),
            )
            for one in message.operations.operation
        ),
    )
