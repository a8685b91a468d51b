"""Search spaces of architectures, for the tests of this folder."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from katib.api import names
from katib.api.experiment import (
    Experiment,
    FeasibleSpace,
    GraphConfig,
    NasConfig,
    Operation,
    ParameterSpec,
)
from katib.testing.builders import an_experiment


def a_parameter(
    name: str, type: str = names.CATEGORICAL, *values: str, **space: str
) -> ParameterSpec:
    feasible = FeasibleSpace(list=values, **space)
    return ParameterSpec(name=name, parameter_type=type, feasible_space=feasible)


def an_operation(type: str, *parameters: ParameterSpec) -> Operation:
    return Operation(operation_type=type, parameters=parameters)


CONVOLUTION = an_operation(
    "convolution",
    a_parameter("filter_size", names.CATEGORICAL, "3", "5"),
    a_parameter("stride", names.INT, min="1", max="2"),
)


def a_search(
    algorithm: str,
    operations: Sequence[Operation] = (CONVOLUTION,),
    graph: GraphConfig | None = None,
    **settings: str,
) -> Experiment:
    """An experiment that maximises; without a graph, of four layers."""
    shape = GraphConfig(num_layers=4, input_sizes=(32, 32, 8), output_sizes=(10,))
    config = NasConfig(graph_config=graph or shape, operations=tuple(operations))
    builder = an_experiment().with_objective("accuracy", names.MAXIMIZE)
    experiment = builder.with_algorithm(algorithm, **settings).build()
    spec = msgspec.structs.replace(experiment.spec, parameters=(), nas_config=config)
    return msgspec.structs.replace(experiment, spec=spec)
