from __future__ import annotations

import re
from typing import Any

import pytest

import katib
from katib.client.tuning.called import TunedFunction
from katib.client.tuning.objective import CallingWay
from katib.client.tuning.parameters import SearchSpaceError, read_parameters


class Layer:
    """Something that a text says little about."""


def relu(x: float) -> float:
    return max(x, 0.0)


def test_what_is_searched_and_what_is_constant() -> None:
    given: dict[str, Any] = {
        "lr": katib.search.double(min=0.01, max=0.1),
        "layers": katib.search.int(min=1, max=5, step=2),
        "data": [1, 2],
    }
    space = read_parameters(given)
    assert space.names == ("lr", "layers")
    assert space.constants == {"data": [1, 2]}
    assert space.parameters[0] == {
        "name": "lr",
        "parameterType": "double",
        "feasibleSpace": {"min": "0.01", "max": "0.1"},
    }
    assert list(given) == ["lr", "layers", "data"]
    assert given["lr"].name is None


def test_a_manifest_is_searched_too() -> None:
    space = read_parameters({"x": {"parameterType": "int", "feasibleSpace": {"min": 1, "max": 2}}})
    assert space.names == ("x",)


def read(specification: object, *texts: str) -> list[object]:
    reader = read_parameters({"x": specification}).readers["x"]
    return [reader.read(text) for text in texts]


def test_numbers_arrive_as_numbers() -> None:
    assert read(katib.search.double(min=0, max=1), "0.5", "1") == [0.5, 1.0]
    assert read(katib.search.int(min=0, max=9), "3", "3.0") == [3, 3]
    (found,) = read(katib.search.discrete([1, 2.5]), "2.50")
    assert found == 2.5
    (whole,) = read(katib.search.discrete([1, 2.5]), "1")
    assert (whole, type(whole)) == (1, int)


def test_choices_arrive_as_the_very_objects() -> None:
    layer, other = Layer(), Layer()
    choices = [relu, layer, other, None, True, 1, "1", (2, 3)]
    space = read_parameters({"x": katib.search.categorical(choices)})
    texts = space.parameters[0]["feasibleSpace"]["list"]
    assert texts == ["relu", "Layer", "Layer-2", "None", "True", "1", "1-2", "(2, 3)"]
    assert [space.readers["x"].read(text) for text in texts] == choices
    with pytest.raises(LookupError, match="'gelu' is none of the choices relu, Layer"):
        space.readers["x"].read("gelu")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "parameters are empty, so there is nothing to search"),
        ({"x": 3}, "parameters are only constants (x=3), so there is nothing to search"),
        ({1: 2}, "a dictionary of names is expected"),
        ([1], "a dictionary of names is expected"),
    ],
)
def test_without_a_search_space_it_is_said_how_one_is_given(given: object, message: str) -> None:
    with pytest.raises(SearchSpaceError, match=re.escape(message)) as caught:
        read_parameters(given)
    assert "katib.search.double(min=-5, max=5)" in str(caught.value)


def test_what_is_returned_becomes_metrics() -> None:
    space = read_parameters({"x": katib.search.double(min=0, max=1)})
    answers: list[Any] = [0.5, {"loss": 1.0, "acc": 0.5}, None]

    def objective(x: float, scale: float) -> Any:
        assert (x, scale) == (0.25, 2)
        return answers.pop(0)

    way = CallingWay(takes_dict=False, takes_trial=False)
    called = TunedFunction(objective, way, space.readers, "loss", {"scale": 2})
    found = [called({"x": "0.25"}, None) for _ in range(3)]
    assert found == [{"loss": 0.5}, {"loss": 1.0, "acc": 0.5}, {}]
