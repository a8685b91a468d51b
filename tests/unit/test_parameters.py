from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from katib import parameters
from katib.api import names
from katib.api.experiment import ParameterSpec
from katib.api.values import NameValue

Typed = int | float | str


def declared(**types: str) -> list[ParameterSpec]:
    return [ParameterSpec(name=name, parameter_type=type) for name, type in types.items()]


def assigned(values: dict[str, str]) -> list[NameValue]:
    return [NameValue(name=name, value=value) for name, value in values.items()]


VARIABLES: dict[str, tuple[Sequence[str], dict[str, str], dict[str, str]]] = {
    "a name is written in capitals": (["lr"], {"lr": "0.1"}, {"KATIB_PARAMETER_LR": "0.1"}),
    "signs become underscores": (
        ["batch-size.2"],
        {"batch-size.2": "32"},
        {"KATIB_PARAMETER_BATCH_SIZE_2": "32"},
    ),
    "letters beyond A to Z become underscores": (
        ["größe"],
        {"größe": "1"},
        {"KATIB_PARAMETER_GR_SSE": "1"},
    ),
    "a value stays as it is written": (
        ["lr"],
        {"lr": "1e-03"},
        {"KATIB_PARAMETER_LR": "1e-03"},
    ),
    "names that would be one variable have none": (
        ["lr-1", "lr_1", "LR.1", "momentum"],
        {"lr-1": "1", "lr_1": "2", "LR.1": "3", "momentum": "4"},
        {"KATIB_PARAMETER_MOMENTUM": "4"},
    ),
    "and have none in a trial that knows only one of them": (["lr-1", "lr_1"], {"lr-1": "1"}, {}),
    "a parameter that is not declared has its variable": (
        [],
        {"architecture": "[[1]]"},
        {"KATIB_PARAMETER_ARCHITECTURE": "[[1]]"},
    ),
    "a parameter without a value has none": (["lr"], {}, {}),
}


@pytest.mark.parametrize("case", VARIABLES)
def test_the_variables_of_a_trial(case: str) -> None:
    known, values, expected = VARIABLES[case]
    specs = declared(**dict.fromkeys(known, names.DOUBLE))
    assert parameters.environment(specs, assigned(values)) == expected


TYPES: dict[str, tuple[str, str, Typed]] = {
    "an int is one": (names.INT, "32", 32),
    "a negative int": (names.INT, "-3", -3),
    "an int with a fraction of nothing": (names.INT, "3.0", 3),
    "an int with an exponent": (names.INT, "1e3", 1000),
    "an int that is none keeps what it has": (names.INT, "2.5", 2.5),
    "an int that is no number is a text": (names.INT, "many", "many"),
    "an int larger than any register": (names.INT, "9" * 30, int("9" * 30)),
    "an int too long to be read is a text": (names.INT, "9" * 5000, "9" * 5000),
    "a double is one": (names.DOUBLE, "0.25", 0.25),
    "a double without a fraction is still one": (names.DOUBLE, "1", 1.0),
    "a double with an exponent": (names.DOUBLE, "1e-3", 0.001),
    "a double that JSON cannot hold is a text": (names.DOUBLE, "nan", "nan"),
    "a double without end is a text": (names.DOUBLE, "-inf", "-inf"),
    "a double beyond all doubles is a text": (names.DOUBLE, "1e999", "1e999"),
    "a discrete whole number": (names.DISCRETE, "16", 16),
    "a discrete fraction": (names.DISCRETE, "0.5", 0.5),
    "a discrete text": (names.DISCRETE, "large", "large"),
    "digits with underscores are a text": (names.DISCRETE, "1_000", "1_000"),
    "a category is a text, even of digits": (names.CATEGORICAL, "1", "1"),
    "an unknown type is a text": (names.UNKNOWN, "1", "1"),
    "no type at all is a text": ("", "1", "1"),
}


@pytest.mark.parametrize("case", TYPES)
def test_a_value_has_the_type_of_its_parameter(case: str) -> None:
    type, text, expected = TYPES[case]
    (found,) = parameters.typed(declared(x=type), assigned({"x": text})).values()
    assert (found, found.__class__) == (expected, expected.__class__)


def test_the_texts_of_an_architecture_search_stay_texts() -> None:
    values = {"architecture": "[[3], [0, 1]]", "nn_config": '{"num_layers": 1}'}
    assert parameters.typed([], assigned(values)) == values


def test_the_file_holds_one_object_in_ascii() -> None:
    specs = declared(lr=names.DOUBLE, depth=names.INT, kind=names.CATEGORICAL)
    content = parameters.render_json(
        specs, assigned({"lr": "0.10", "depth": "3", "kind": "größer \ud800"})
    )
    assert content.isascii()
    assert content.endswith(b"}\n")
    assert json.loads(content) == {"lr": 0.1, "depth": 3, "kind": "größer \ud800"}


def test_parameters_that_have_no_variable_are_in_the_file() -> None:
    content = parameters.render_json([], assigned({"lr-1": "1", "lr_1": "2"}))
    assert json.loads(content) == {"lr-1": "1", "lr_1": "2"}
