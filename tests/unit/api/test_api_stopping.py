from __future__ import annotations

import math

import pytest

from katib.api.stopping import read_numbers, read_steps, write_numbers, write_steps


def test_numbers_come_back_as_they_were() -> None:
    numbers = (0.1, -math.inf, 1e-300, 3, 2 / 3)
    assert write_numbers(numbers) == "0.1,-inf,1e-300,3,0.6666666666666666"
    assert read_numbers(write_numbers(numbers)) == numbers


@pytest.mark.parametrize("value", ["", "1,", ",1", "1, 2", "1,much", "1;2", "1e999"])
def test_a_value_that_is_not_all_numbers_has_none(value: str) -> None:
    assert read_numbers(value) == ()


def test_steps_come_back_as_they_were() -> None:
    thresholds = {12: 0.25, 4: -math.inf, 5: 1e-9}
    assert write_steps(thresholds) == "4:-inf,5:1e-09,12:0.25"
    assert read_steps(write_steps(thresholds)) == thresholds


@pytest.mark.parametrize("value", ["", "1", "1:", ":1", "1:2,", "-1:2", "1.5:2", "1:nan", "²:1"])
def test_a_value_that_is_not_all_steps_has_none(value: str) -> None:
    assert read_steps(value) == {}
