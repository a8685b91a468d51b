"""The operations that a layer may be: what is wrong with them, and every choice of parameters."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from katib.api import names
from katib.api.experiment import Experiment, ExperimentSpec, NasConfig, Operation, ParameterSpec
from katib.api.values import Value
from katib.errors import FieldError, SettingsError
from katib.search.space import SearchSpace

_MISSING = (
    "spec.nasConfig is missing; a neural architecture search needs its layers and operations in "
    "place of spec.parameters"
)

#: Operations that have no parameters by nature.
PARAMETERLESS = frozenset({"skip_connection"})

#: More operations than any network has use for; each costs the policy two rows of weights.
MOST_OPERATIONS = 10_000

Argument = str | int | float


@dataclass(frozen=True, slots=True)
class Choice:
    """One operation with a value for each of its parameters.

    Attributes:
        type: the operation, as the document names it.
        arguments: the values by name: numbers of numeric parameters, texts of categorical ones.
    """

    type: str
    arguments: Mapping[str, Argument]


def config_of(experiment: Experiment) -> NasConfig:
    """The search space of a neural architecture search.

    Raises:
        SettingsError: the experiment has none.
    """
    config = experiment.spec.nas_config
    if config is None:
        raise SettingsError(_MISSING)
    return config


def refusals(
    experiment: Experiment, find: Callable[[NasConfig], Iterable[str]]
) -> Iterator[FieldError]:
    """What ``find`` says against the search space of an experiment, or that it has none."""
    config = experiment.spec.nas_config
    for problem in (_MISSING,) if config is None else find(config):
        yield FieldError("spec.nasConfig", "Invalid value", problem)


def problems_of(config: NasConfig) -> Iterator[str]:
    """Everything that is wrong with the operations, in the words that Katib's users know."""
    problems = [*_problems_of_operations(config)]
    yield from problems
    count = 0 if problems else sum(space_of(one).size or 0 for one in config.operations)
    if count > MOST_OPERATIONS:
        yield (
            f"spec.nasConfig.operations and their parameters make {count} operations; "
            f"{MOST_OPERATIONS} are the most, use fewer values or larger steps"
        )


def _problems_of_operations(config: NasConfig) -> Iterator[str]:
    if not config.operations:
        yield "spec.nasConfig.operations is empty; name at least one operation"
    for index, operation in enumerate(config.operations):
        place = f"spec.nasConfig.operations[{index}]"
        if not operation.operation_type:
            yield f"Missing operationType in Operation:\n{found(place, operation)}"
        if not operation.parameters and operation.operation_type not in PARAMETERLESS:
            yield f"Missing ParameterConfigs in Operation:\n{found(place, operation)}"
        for number, parameter in enumerate(operation.parameters):
            yield from _problems_of_parameter(f"{place}.parameters[{number}]", parameter)


def found(place: str, value: Value) -> str:
    """Where something is, and what was found there."""
    return f"{place}: {msgspec.json.encode(value).decode()}"


def choices_of(config: NasConfig) -> tuple[Choice, ...]:
    """Every operation with every combination of its parameters' values, numbered from 0.

    Operations come in the document's order; within one, the last parameter changes fastest.

    Raises:
        SettingsError: a parameter has no legal values.
    """
    spaces = [space_of(operation) for operation in config.operations]
    return tuple(
        Choice(operation.operation_type, _arguments(operation, space, index))
        for operation, space in zip(config.operations, spaces, strict=True)
        for index in range(space.size or 0)
    )


def space_of(operation: Operation) -> SearchSpace:
    """The parameters of one operation, in the document's order.

    Raises:
        SettingsError: a parameter has no legal values; all such are named.
    """
    if not operation.parameters:
        return SearchSpace(())
    spec = ExperimentSpec(parameters=operation.parameters)
    return SearchSpace.of(Experiment(spec=spec))


def _problems_of_parameter(place: str, parameter: ParameterSpec) -> Iterator[str]:
    shown = found(place, parameter)
    if not parameter.name:
        yield f"Missing Name in ParameterConfig:\n{shown}"
    if not parameter.parameter_type:
        yield f"Missing ParameterType in ParameterConfig:\n{shown}"
        return
    problem = _problem_of_space(parameter)
    if problem:
        yield f"{problem}:\n{shown}"
        return
    reason = _step_problem(parameter)
    if reason:
        yield f"failed to validate ParameterConfig.feasibleSpace \n{shown}):\n{reason}"
        return
    try:
        space_of(Operation(parameters=(parameter,)))
    except SettingsError as error:
        yield f"{error}, at {shown}"


def _problem_of_space(parameter: ParameterSpec) -> str:
    space, kind = parameter.feasible_space, parameter.parameter_type
    if kind in (names.CATEGORICAL, names.DISCRETE):
        return "" if space.list else "Missing List in ParameterConfig.feasibleSpace"
    if not space.min and not space.max:
        return "Missing Max and Min in ParameterConfig.feasibleSpace"
    if kind == names.DOUBLE and not _may_be_step(space.step):
        return "Step parameter should be > 0 in ParameterConfig.feasibleSpace"
    return ""


def _may_be_step(text: str) -> bool:
    """Whether it is above 0, or no number at all, which is another problem."""
    try:
        return bool(text) and float(text) > 0
    except ValueError:
        return True


def _step_problem(parameter: ParameterSpec) -> str:
    if parameter.parameter_type != names.DOUBLE:
        return ""
    try:
        float(parameter.feasible_space.step)
    except ValueError as error:
        return str(error)
    return ""


def _arguments(operation: Operation, space: SearchSpace, index: int) -> Mapping[str, Argument]:
    point: Sequence[tuple[ParameterSpec, str]] = [
        (spec, pair.value)
        for spec, pair in zip(operation.parameters, space.point(index), strict=True)
    ]
    return {spec.name: _READERS[spec.parameter_type](text) for spec, text in point}


def _number(text: str) -> Argument:
    """A discrete value: the number it spells, and the text itself where it spells none."""
    try:
        return int(text)
    except ValueError:
        pass
    try:
        number = float(text)
    except ValueError:
        return text
    return number if math.isfinite(number) else text


_READERS: Mapping[str, Callable[[str], Argument]] = {
    names.INT: int,
    names.DOUBLE: float,
    names.DISCRETE: _number,
    names.CATEGORICAL: str,
}
