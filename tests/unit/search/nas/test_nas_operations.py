from __future__ import annotations

import pytest
from architecture_spaces import a_parameter, an_operation

from katib.api import names
from katib.api.experiment import Experiment, NasConfig, Operation, ParameterSpec
from katib.errors import SettingsError
from katib.search.nas.operations import Argument, choices_of, config_of, problems_of

WIDTH = a_parameter("width", names.INT, min="1", max="2")


def arguments(*operations: Operation) -> list[tuple[str, dict[str, Argument]]]:
    choices = choices_of(NasConfig(operations=operations))
    return [(choice.type, dict(choice.arguments)) for choice in choices]


def test_operations_come_in_order_and_the_last_parameter_changes_fastest() -> None:
    convolution = an_operation(
        "convolution", a_parameter("size", names.CATEGORICAL, "5", "3"), WIDTH
    )
    assert arguments(convolution, an_operation("skip_connection")) == [
        ("convolution", {"size": "5", "width": 1}),
        ("convolution", {"size": "5", "width": 2}),
        ("convolution", {"size": "3", "width": 1}),
        ("convolution", {"size": "3", "width": 2}),
        ("skip_connection", {}),
    ]


VALUES = {
    "an int without a step has every whole number": (
        a_parameter("p", names.INT, min="2", max="4"),
        [2, 3, 4],
    ),
    "an int with a step does not go beyond its end": (
        a_parameter("p", names.INT, min="1", max="6", step="2"),
        [1, 3, 5],
    ),
    "a double is exact and does not go beyond its end": (
        a_parameter("p", names.DOUBLE, min="0.1", max="0.35", step="0.1"),
        [0.1, 0.2, 0.3],
    ),
    "a discrete parameter has numbers": (
        a_parameter("p", names.DISCRETE, "8", "2.5"),
        [2.5, 8],
    ),
    "a discrete parameter of words has words": (
        a_parameter("p", names.DISCRETE, "b", "a"),
        ["b", "a"],
    ),
    "what is no finite number stays a word": (
        a_parameter("p", names.DISCRETE, "inf"),
        ["inf"],
    ),
    "a categorical parameter has texts, in the order of the list": (
        a_parameter("p", names.CATEGORICAL, "7", "3"),
        ["7", "3"],
    ),
}


@pytest.mark.parametrize(("parameter", "wanted"), VALUES.values(), ids=VALUES)
def test_the_values_of_a_parameter(parameter: ParameterSpec, wanted: list[Argument]) -> None:
    found = [choice[1]["p"] for choice in arguments(an_operation("any", parameter))]
    assert found == wanted
    assert [type(value) for value in found] == [type(value) for value in wanted]


PLACE = "spec.nasConfig.operations[0].parameters[0]: {"

PROBLEMS = {
    "no operations": ([], ["spec.nasConfig.operations is empty"]),
    "an operation without a type": (
        [an_operation("", WIDTH)],
        ["Missing operationType in Operation:\nspec.nasConfig.operations[0]: {"],
    ),
    "an operation without parameters": (
        [an_operation("convolution")],
        [
            "Missing ParameterConfigs in Operation:\nspec.nasConfig.operations[0]: "
            '{"operationType":"convolution"'
        ],
    ),
    "a parameter without a name": (
        [an_operation("any", a_parameter("", names.INT, min="1", max="2"))],
        [f"Missing Name in ParameterConfig:\n{PLACE}"],
    ),
    "a parameter without a type": (
        [an_operation("any", a_parameter("p", "", min="1", max="2"))],
        [f"Missing ParameterType in ParameterConfig:\n{PLACE}"],
    ),
    "a parameter of a type that nobody knows": (
        [an_operation("any", a_parameter("p", "text", min="1", max="2"))],
        ['parameter "p": parameterType "text" cannot be searched'],
    ),
    "a categorical parameter without a list": (
        [an_operation("any", a_parameter("p"))],
        [f"Missing List in ParameterConfig.feasibleSpace:\n{PLACE}"],
    ),
    "a discrete parameter without a list": (
        [an_operation("any", a_parameter("p", names.DISCRETE))],
        [f"Missing List in ParameterConfig.feasibleSpace:\n{PLACE}"],
    ),
    "an int without bounds": (
        [an_operation("any", a_parameter("p", names.INT))],
        [f"Missing Max and Min in ParameterConfig.feasibleSpace:\n{PLACE}"],
    ),
    "an int with one bound": (
        [an_operation("any", a_parameter("p", names.INT, min="1"))],
        ['parameter "p": feasibleSpace.max "" is not a number'],
    ),
    "an int whose bounds are the wrong way round": (
        [an_operation("any", a_parameter("p", names.INT, min="2", max="1"))],
        ['parameter "p": feasibleSpace.min 2 is above feasibleSpace.max 1'],
    ),
    "a double without a step": (
        [an_operation("any", a_parameter("p", names.DOUBLE, min="1", max="2"))],
        [f"Step parameter should be > 0 in ParameterConfig.feasibleSpace:\n{PLACE}"],
    ),
    "a double with a step of 0": (
        [an_operation("any", a_parameter("p", names.DOUBLE, min="1", max="2", step="0"))],
        [f"Step parameter should be > 0 in ParameterConfig.feasibleSpace:\n{PLACE}"],
    ),
    "a double with a step that is a word": (
        [an_operation("any", a_parameter("p", names.DOUBLE, min="1", max="2", step="x"))],
        [f"failed to validate ParameterConfig.feasibleSpace \n{PLACE}"],
    ),
    "more than one thing": (
        [an_operation("", WIDTH), an_operation("any")],
        ["Missing operationType in Operation:", "Missing ParameterConfigs in Operation:"],
    ),
    "more operations than anybody can choose from": (
        [an_operation("any", a_parameter("p", names.INT, min="1", max="10001"))],
        ["spec.nasConfig.operations and their parameters make 10001 operations; 10000 are"],
    ),
}


@pytest.mark.parametrize(("operations", "messages"), PROBLEMS.values(), ids=PROBLEMS)
def test_operations_that_are_refused(operations: list[Operation], messages: list[str]) -> None:
    found = list(problems_of(NasConfig(operations=tuple(operations))))
    assert len(found) == len(messages)
    assert [text[: len(wanted)] for text, wanted in zip(found, messages, strict=True)] == messages


def test_a_skip_connection_needs_no_parameters() -> None:
    config = NasConfig(operations=(an_operation("skip_connection"), an_operation("any", WIDTH)))
    assert list(problems_of(config)) == []


def test_an_experiment_without_architectures_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"spec\.nasConfig is missing"):
        config_of(Experiment())
