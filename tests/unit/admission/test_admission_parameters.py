"""The rules of the search space, row by row: exactly these errors, in this order."""

from __future__ import annotations

from typing import Any

import pytest
from admission_manifests import GONE, Case, check, edited, list_errors

INVALID, REQUIRED = "Invalid value", "Required value"
FIRST, FIRST_PATH = "spec.parameters.0", "spec.parameters[0]"
SPACE, SPACE_PATH = f"{FIRST}.feasibleSpace", f"{FIRST_PATH}.feasibleSpace"


def _case(sentence: str, changes: dict[str, Any], *errors: tuple[str, str, str]) -> Case:
    return Case(sentence, changes, errors)


def _space(sentence: str, kind: str, space: dict[str, Any], *errors: tuple[str, str, str]) -> Case:
    return _case(sentence, {f"{FIRST}.parameterType": kind, SPACE: space}, *errors)


def _bounds(sentence: str, kind: str, space: dict[str, Any], *texts: tuple[str, str]) -> Case:
    errors = [(f"{SPACE_PATH}.{name}", INVALID, text) for name, text in texts]
    return _space(sentence, kind, space, *errors)


NO_SPACE = (SPACE_PATH, REQUIRED, "feasibleSpace must be specified")
BOTH = "feasibleSpace.max or feasibleSpace.min must be specified for parameterType: "
NO_RANGE = "feasibleSpace .max, .min and .step is not supported for parameterType: "
NO_LIST = "feasibleSpace.list is not supported for parameterType: "
INTEGER = "must be an integer for parameterType: int"
FINITE = "must be a finite number for parameterType: double"

SPACES = [
    _case(
        "an experiment with neither parameters nor nasConfig is refused at `spec`",
        {"spec.parameters": GONE},
        ("spec", REQUIRED, "spec.parameters or spec.nasConfig must be specified"),
    ),
    _case(
        "an empty list of parameters is none",
        {"spec.parameters": []},
        ("spec", REQUIRED, "spec.parameters or spec.nasConfig must be specified"),
    ),
    _case(
        "an experiment with both parameters and nasConfig is refused at `spec`",
        {"spec.nasConfig": {"operations": []}},
        ("spec", INVALID, "only one of spec.parameters and spec.nasConfig can be specified"),
    ),
    _case(
        "an empty list of parameters beside a nasConfig is accepted",
        {"spec.parameters": [], "spec.nasConfig": {}},
    ),
    _case(
        "two parameters of one name are refused at the second, though Katib takes it",
        {
            "spec.parameters.1.name": "lr",
            "spec.trialTemplate.trialParameters.1.reference": "${trialSpec.Name}",
        },
        ("spec.parameters[1].name", INVALID, "spec.parameters[0] has the same name"),
    ),
    _case(
        "a parameter without a name is refused",
        {f"{FIRST}.name": ""},
        (f"{FIRST_PATH}.name", REQUIRED, "must be specified"),
    ),
    _case(
        "the parameter type `invalid-type` is refused at `parameterType`",
        {f"{FIRST}.parameterType": "invalid-type"},
        (f"{FIRST_PATH}.parameterType", INVALID, "parameterType: invalid-type is not supported"),
    ),
    _case(
        "a parameter without a type is refused",
        {f"{FIRST}.parameterType": GONE},
        (f"{FIRST_PATH}.parameterType", INVALID, "is not supported"),
    ),
    _case("the parameter type `unknown` is accepted", {f"{FIRST}.parameterType": "unknown"}),
    _case(
        "every parameter of the list is checked, not only the first",
        {"spec.parameters.1.parameterType": "x", "spec.parameters.1.feasibleSpace": {}},
        ("spec.parameters[1].parameterType", INVALID, "parameterType: x is not supported"),
        ("spec.parameters[1].feasibleSpace", REQUIRED, "feasibleSpace must be specified"),
    ),
    _case(
        "the distribution `invalid-distribution` is refused at `feasibleSpace.distribution`",
        {f"{SPACE}.distribution": "invalid-distribution"},
        (
            f"{SPACE_PATH}.distribution",
            INVALID,
            "distribution: invalid-distribution is not supported",
        ),
    ),
    *(
        _case(sentence, {f"{SPACE}.distribution": name})
        for sentence, name in {
            "the distribution `uniform` is accepted": "uniform",
            "the distribution `logUniform` is accepted": "logUniform",
            "the distribution `normal` is accepted": "normal",
            "the distribution `logNormal` is accepted": "logNormal",
            "the distribution `unknown` is accepted": "unknown",
        }.items()
    ),
    _space("an int parameter without feasible space is refused", "int", {}, NO_SPACE),
    _space("a double parameter without feasible space is refused", "double", {}, NO_SPACE),
    _space(
        "a categorical parameter without feasible space is refused", "categorical", {}, NO_SPACE
    ),
    _space("a discrete parameter without feasible space is refused", "discrete", {}, NO_SPACE),
    _space(
        "a categorical parameter with an empty list is refused, though Katib takes it",
        "categorical",
        {"list": []},
        NO_SPACE,
    ),
    _space(
        "a feasible space with nothing but a distribution is refused",
        "double",
        {"distribution": "normal"},
        NO_SPACE,
    ),
    _space(
        "an int parameter with a list is refused at `feasibleSpace.list`",
        "int",
        {"list": ["1"], "min": "1", "max": "2"},
        (f"{SPACE_PATH}.list", INVALID, NO_LIST + "int"),
    ),
    _space(
        "a double parameter with a list is refused at `feasibleSpace.list`",
        "double",
        {"list": ["1"], "min": "1", "max": "2"},
        (f"{SPACE_PATH}.list", INVALID, NO_LIST + "double"),
    ),
    _space(
        "an int parameter with only a step is refused at `feasibleSpace.max`",
        "int",
        {"step": "1"},
        (f"{SPACE_PATH}.max", REQUIRED, BOTH + "int"),
    ),
    _space(
        "a double parameter with only a min is refused at `feasibleSpace.max`",
        "double",
        {"min": "1"},
        (f"{SPACE_PATH}.max", REQUIRED, BOTH + "double"),
    ),
    _space(
        "a double parameter with only a max is refused at `feasibleSpace.max`",
        "double",
        {"max": "1"},
        (f"{SPACE_PATH}.max", REQUIRED, BOTH + "double"),
    ),
    _space(
        "a categorical parameter with a max is refused at `feasibleSpace`",
        "categorical",
        {"max": "1", "list": ["a"]},
        (SPACE_PATH, INVALID, NO_RANGE + "categorical"),
    ),
    _space(
        "a categorical parameter with a min is refused at `feasibleSpace`",
        "categorical",
        {"min": "1", "list": ["a"]},
        (SPACE_PATH, INVALID, NO_RANGE + "categorical"),
    ),
    _space(
        "a categorical parameter with a step is refused at `feasibleSpace`",
        "categorical",
        {"step": "1", "list": ["a"]},
        (SPACE_PATH, INVALID, NO_RANGE + "categorical"),
    ),
    _space(
        "a discrete parameter with a max is refused at `feasibleSpace`",
        "discrete",
        {"max": "1"},
        (SPACE_PATH, INVALID, NO_RANGE + "discrete"),
    ),
    _space(
        "a categorical list may repeat an item and hold an empty one",
        "categorical",
        {"list": ["a", "a", ""]},
    ),
    _space("a discrete list of numbers is accepted", "discrete", {"list": ["1", "-2.5e3", "1"]}),
    _bounds(
        "an item of a discrete list that is no finite number is refused, though Katib takes it",
        "discrete",
        {"list": ["1", "two", "inf"]},
        ("list[1]", "must be a number"),
        ("list[2]", "must be a number"),
    ),
    _bounds(
        "an int parameter whose max, min or step is no integer is refused",
        "int",
        {"min": "0.5", "max": "ten", "step": "1.0"},
        ("max", INTEGER),
        ("min", INTEGER),
        ("step", INTEGER),
    ),
    _bounds(
        "a double parameter whose max, min or step is no finite number is refused",
        "double",
        {"min": "nan", "max": "1e999", "step": "0,1"},
        ("max", FINITE),
        ("min", FINITE),
        ("step", FINITE),
    ),
    _bounds(
        "bounds of a double may be written as `1e-5`, `.5` and `1E-2`",
        "double",
        {"min": "1e-5", "max": ".5", "step": "1E-2"},
    ),
    _bounds("a min equal to the max is accepted", "double", {"min": "1", "max": "1"}),
    _bounds(
        "a min greater than the max is refused at `feasibleSpace.min`, though Katib takes it",
        "double",
        {"min": "0.3", "max": "0.03"},
        ("min", "must not be greater than feasibleSpace.max, 0.03"),
    ),
    _bounds(
        "a step of 0 is refused",
        "int",
        {"min": "1", "max": "2", "step": "0"},
        ("step", "must be greater than 0"),
    ),
    _bounds(
        "a negative step is refused",
        "double",
        {"min": "1", "max": "2", "step": "-0.1"},
        ("step", "must be greater than 0"),
    ),
    _bounds(
        "the distribution `logUniform` needs a min above 0",
        "double",
        {"min": "0", "max": "1", "distribution": "logUniform"},
        ("min", "must be greater than 0 for distribution: logUniform"),
    ),
    _bounds(
        "the distribution `logNormal` needs a min above 0",
        "double",
        {"min": "0", "max": "1", "distribution": "logNormal"},
        ("min", "must be greater than 0 for distribution: logNormal"),
    ),
    _bounds(
        "the distribution `normal` may have a negative min",
        "double",
        {"min": "-1", "max": "1", "distribution": "normal"},
    ),
]


def _operations(
    sentence: str, parameters: list[dict[str, Any]], *errors: tuple[str, str, str]
) -> Case:
    """An architecture search whose second operation has these parameters."""
    graph = {"numLayers": 8, "inputSizes": [32, 32, 3], "outputSizes": [10]}
    operations = [
        {"operationType": "reduction", "parameters": []},
        {"operationType": "convolution", "parameters": parameters},
    ]
    changes = {
        "spec.parameters": GONE,
        "spec.nasConfig": {"graphConfig": graph, "operations": operations},
    }
    place = "spec.nasConfig.operations[1].parameters"
    found = [(f"{place}{path}", problem, text) for path, problem, text in errors]
    return _case(sentence, changes, *found)


def _operation(kind: str, space: dict[str, Any], name: str = "p") -> dict[str, Any]:
    return {"name": name, "parameterType": kind, "feasibleSpace": space}


NAS = [
    _operations(
        "an architecture search with equal input sizes and sound operations is accepted",
        [
            _operation("categorical", {"list": ["3", "5"]}, "filter_size"),
            _operation("int", {"min": "1", "max": "2", "step": "1"}, "stride"),
        ],
    ),
    _operations(
        "an operation parameter of type `invalid-type` is refused at its place in the nasConfig",
        [_operation("invalid-type", {"list": ["3"]})],
        ("[0].parameterType", INVALID, "parameterType: invalid-type is not supported"),
    ),
    _operations(
        "an operation parameter with the distribution `invalid-distribution` is refused",
        [_operation("int", {"min": "1", "max": "2", "distribution": "invalid-distribution"})],
        ("[0].feasibleSpace.distribution", INVALID, "invalid-distribution is not supported"),
    ),
    _operations(
        "an operation parameter without feasible space is refused",
        [_operation("categorical", {"list": ["a"]}), _operation("int", {}, "q")],
        ("[1].feasibleSpace", REQUIRED, "feasibleSpace must be specified"),
    ),
    _operations(
        "an int parameter of an operation with a list is refused",
        [_operation("int", {"list": ["1"], "min": "1", "max": "2"})],
        ("[0].feasibleSpace.list", INVALID, NO_LIST + "int"),
    ),
    _operations(
        "an int parameter of an operation without max is refused",
        [_operation("int", {"min": "1"})],
        ("[0].feasibleSpace.max", REQUIRED, BOTH + "int"),
    ),
    _operations(
        "a categorical parameter of an operation with a max is refused",
        [_operation("categorical", {"list": ["1"], "max": "1"})],
        ("[0].feasibleSpace", INVALID, NO_RANGE + "categorical"),
    ),
    _operations(
        "two parameters of one operation must not share a name",
        [_operation("categorical", {"list": ["1"]}), _operation("categorical", {"list": ["1"]})],
        ("[1].name", INVALID, "spec.nasConfig.operations[1].parameters[0] has the same name"),
    ),
    _operations(
        "a parameter of an operation without a name is refused",
        [_operation("categorical", {"list": ["1"]}, "")],
        ("[0].name", REQUIRED, "must be specified"),
    ),
]


@pytest.mark.parametrize("case", [*SPACES, *NAS], ids=str)
def test_search_space_rules(case: Case) -> None:
    check(list_errors(edited(case.changes)), case.errors)


@pytest.mark.rule("equally named parameters of different operations do not disturb each other")
def test_operations_have_names_of_their_own() -> None:
    operation = {"operationType": "x", "parameters": [_operation("categorical", {"list": ["1"]})]}
    changes = {"spec.parameters": GONE, "spec.nasConfig.operations": [operation, operation]}
    assert list_errors(edited(changes)) == ()
