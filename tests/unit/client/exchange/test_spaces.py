from __future__ import annotations

from collections.abc import Sequence

import pytest

from katib.api.values import Manifest
from katib.client.exchange.spaces import find_misfit, infer_parameter, normal_text, tell_parameter

# what → texts; type, feasible space
SPACES: dict[str, tuple[Sequence[str], str, Manifest]] = {
    "Whole numbers": (["3", "1", "12"], "int", {"min": "1", "max": "12"}),
    "Numbers": (["0.5", "2", "1e-3"], "double", {"min": "0.001", "max": "2.0"}),
    "Texts": (["a", "b", "a"], "categorical", {"list": ["a", "b"]}),
    "A text among numbers": (["1", "two"], "categorical", {"list": ["1", "two"]}),
    "A number that never changed": (["0.5", "0.5"], "categorical", {"list": ["0.5"]}),
    "What is not finite is no number": (["1", "nan"], "categorical", {"list": ["1", "nan"]}),
}


@pytest.mark.parametrize("case", SPACES)
def test_a_search_space_is_found_from_values(case: str) -> None:
    texts, type, space = SPACES[case]
    assert infer_parameter("p", texts) == {
        "name": "p",
        "parameterType": type,
        "feasibleSpace": space,
    }


def a_parameter(type: str, **space: object) -> Manifest:
    return {"name": "p", "parameterType": type, "feasibleSpace": space}


INT = a_parameter("int", min="1", max="9")
DOUBLE = a_parameter("double", min="0.1", max="1")
DISCRETE = a_parameter("discrete", list=["1", "2.5"])
CHOICE = a_parameter("categorical", list=["a", "b"])

# what → parameter, text; what is wrong
FITS: dict[str, tuple[Manifest, str, str]] = {
    "A number within": (DOUBLE, "0.1", ""),
    "A number above": (DOUBLE, "1.5", "found '1.5'; a number from 0.1 to 1 is expected"),
    "No number": (DOUBLE, "x", "found 'x'; a number is expected"),
    "No finite number": (DOUBLE, "inf", "found 'inf'; a number is expected"),
    "A whole number": (INT, "9", ""),
    "A part of a number": (INT, "2.5", "found '2.5'; a whole number is expected"),
    "One of a list": (CHOICE, "b", ""),
    "None of a list": (CHOICE, "c", "found 'c'; one of a, b is expected"),
}


@pytest.mark.parametrize("case", FITS)
def test_whether_a_search_space_has_a_value(case: str) -> None:
    parameter, text, problem = FITS[case]
    assert find_misfit(parameter, text) == problem


@pytest.mark.parametrize(
    ("parameter", "text", "normal"),
    [
        (INT, "4.0", "4"),
        (INT, "4.5", "4.5"),
        (DOUBLE, "1", "1.0"),
        (DOUBLE, "1e-1", "0.1"),
        (DISCRETE, "1.0", "1"),
        (DISCRETE, "2.50", "2.5"),
        (DISCRETE, "7", "7"),
        (CHOICE, "a", "a"),
    ],
)
def test_values_are_written_as_algorithms_write_them(
    parameter: Manifest, text: str, normal: str
) -> None:
    assert normal_text(parameter, text) == normal


def test_a_parameter_is_told_in_a_line() -> None:
    log = a_parameter("double", min="0.1", max="1", distribution="logUniform", step="")
    assert tell_parameter(log) == "p: double, 0.1 to 1, distribution logUniform"
    assert tell_parameter(CHOICE) == "p: categorical, a, b"
