from __future__ import annotations

import math

import pytest

from katib.api.numbers import parse_number

NUMBERS = {
    "1": 1.0,
    "-0.5": -0.5,
    "+2": 2.0,
    ".5": 0.5,
    "5.": 5.0,
    "1e-3": 0.001,
    "1E3": 1000.0,
    "007": 7.0,
    "inf": math.inf,
    "-Inf": -math.inf,
    "+Infinity": math.inf,
    "1e-400": 0.0,
}


@pytest.mark.parametrize("text", NUMBERS)
def test_numbers(text: str) -> None:
    assert parse_number(text) == NUMBERS[text]


@pytest.mark.parametrize("text", ["nan", "NaN", "NAN"])
def test_not_a_number_is_a_number(text: str) -> None:
    found = parse_number(text)
    assert found is not None
    assert math.isnan(found)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " 1",
        "1 ",
        "\t1",
        "1\n",
        "1_000",
        "1e400",
        "-1e400",
        "1,5",
        "one",
        "unavailable",
        "1.2.3",
        "--1",
        "0.1%",
        "None",
        "true",
        "1e",
        "\u00a01",
    ],
)
def test_other_texts(text: str) -> None:
    assert parse_number(text) is None
