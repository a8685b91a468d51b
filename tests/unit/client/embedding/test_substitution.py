from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from typing import Any

import numpy
import pytest

from katib.client.embedding.substitution import Searched, argument_of, options_of


class Specification:
    """What says what is searched, as a client of Kubernetes has it."""

    openapi_types: Mapping[str, str] = {
        "feasible_space": "V1beta1FeasibleSpace",
        "name": "str",
        "parameter_type": "str",
    }
    attribute_map: Mapping[str, str] = {
        "feasible_space": "feasibleSpace",
        "name": "name",
        "parameter_type": "parameterType",
    }

    def __init__(self, parameter_type: str, **feasible_space: object) -> None:
        self.parameter_type, self.feasible_space = parameter_type, feasible_space
        self.name: str | None = None


A_NUMBER = {"min": "0.1", "max": "0.2"}


def test_what_is_searched_becomes_a_parameter_and_a_placeholder() -> None:
    given = {"lr": Specification("double", **A_NUMBER), "epochs": 3}
    searched = Searched()
    assert argument_of(given, searched) == "{'lr': '${trialParameters.lr}', 'epochs': 3}"
    assert searched.parameters == [
        {"name": "lr", "parameterType": "double", "feasibleSpace": A_NUMBER}
    ]
    assert searched.trial_parameters == [{"name": "lr", "reference": "lr"}]


def test_nobody_s_dict_is_changed() -> None:
    specification = Specification("double", **A_NUMBER)
    given: dict[str, object] = {"lr": specification, "momentum": specification}
    for _ in range(2):
        searched = Searched()
        argument_of(given, searched)
        assert [one["name"] for one in searched.parameters] == ["lr", "momentum"]
    assert given == {"lr": specification, "momentum": specification}
    assert specification.name is None


CONSTANTS: dict[str, tuple[object, str]] = {
    "a number": (1e-5, "1e-05"),
    "nothing": (None, "None"),
    "a text with quotes": ("it's $HOME", '"it\'s $HOME"'),
    "a nest": ({"a": [1, (2.5, True)], "b": {b"x"}}, "{'a': [1, (2.5, True)], 'b': {b'x'}}"),
    "no number": (float("nan"), "float('nan')"),
    "infinity": (float("-inf"), "float('-inf')"),
    "a number of NumPy": (numpy.float64(0.5), "0.5"),
}


@pytest.mark.parametrize("case", CONSTANTS)
def test_a_constant_is_written_as_python_does(case: str) -> None:
    value, expected = CONSTANTS[case]
    assert argument_of({"constant": value}, Searched()) == f"{{'constant': {expected}}}"


@pytest.mark.parametrize("value", [object(), Fraction(1, 2), [object()], numpy.zeros(2), print])
def test_a_constant_that_cannot_be_written_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"parameters\['constant'\]: found \w+, which cannot be"):
        argument_of({"constant": value}, Searched())


CHOICES: dict[str, tuple[list[str], str]] = {
    "plain": (["relu", "two words", 'a "quote"', "50 %", "ä"], "'"),
    "a quote": (["it's", "plain"], 'r"'),
    "a backslash": (["C:\\new"], "r'"),
    "both quotes": (["it's", 'a "quote"'], "r'''"),
    "a quote at the end": (["it's", 'a "quote" inside', "end'"], 'r"""'),
    "lines": (["one\ntwo"], "r'''"),
}


@pytest.mark.parametrize("case", CHOICES)
def test_a_choice_arrives_as_it_is(case: str) -> None:
    choices, begin = CHOICES[case]
    text = argument_of({"kind": Specification("categorical", list=choices)}, Searched())
    assert text.startswith(f"{{'kind': {begin}$")
    for choice in choices:
        filled = text.replace("${trialParameters.kind}", choice)
        assert ast.literal_eval(filled) == {"kind": choice}


REFUSED: dict[str, tuple[str, str]] = {
    "a backslash at the end": ("C:\\", "no text of Python can hold"),
    "a pair of dollars": ("a$$b", "of which Kubernetes would make another text"),
    "a variable": ("$(HOME)", "of which Kubernetes would make another text"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_choice_that_would_not_arrive_is_refused(case: str) -> None:
    choice, problem = REFUSED[case]
    with pytest.raises(ValueError, match=r"^parameters\['kind'\]") as refused:
        argument_of({"kind": Specification("categorical", list=[choice])}, Searched())
    assert problem in str(refused.value)


class Strategy(Enum):
    STEPS = "steps"


@dataclass
class Options:
    learning_rate: Any = 0.1
    modules: Any = None
    loader: Any = None


def test_options_are_json_with_placeholders() -> None:
    rate = Specification("double", **A_NUMBER)
    options = Options(learning_rate=rate, modules={"b", "a"}, loader=Fraction)
    searched = Searched()
    text = options_of(options, searched)
    assert json.loads(text) == {
        "learning_rate": "${trialParameters.learning_rate}",
        "modules": ["a", "b"],
        "loader": "Fraction",
    }
    assert [one["name"] for one in searched.parameters] == ["learning_rate"]
    assert options.learning_rate is rate


def test_options_say_themselves_what_they_are() -> None:
    class Told:
        def to_dict(self) -> Mapping[str, object]:
            return {"r": Specification("int", min="8", max="32"), "bias": "none"}

    expected = '{"r": "${trialParameters.r}", "bias": "none"}'
    assert options_of(Told(), Searched()) == expected
    assert options_of(Told().to_dict(), Searched()) == expected


def test_options_that_are_no_json_are_refused() -> None:
    with pytest.raises(ValueError, match="Options cannot be sent to trials: Strategy is no part"):
        options_of(Options(loader=Strategy.STEPS), Searched())
