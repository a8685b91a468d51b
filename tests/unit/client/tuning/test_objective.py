from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import pytest

from katib.client.tuning.objective import ObjectiveError, find_calling_way, name_of


class Model:
    def fit(self, x: float, *, y: float = 0.0) -> float:
        return x + y

    def __call__(self, parameters: dict[str, float]) -> float:
        return parameters["x"]


def plain(x: float, y: float = 2.0) -> float:
    return x * y


def of_dict(parameters: dict[str, float]) -> float:
    return parameters["x"]


def with_trial(parameters: dict[str, float], trial: object) -> tuple[float, object]:
    return parameters["x"], trial


def anything(**values: float) -> float:
    return sum(values.values())


@functools.wraps(plain)
def decorated(*values: float, **named: float) -> float:
    return plain(*values, **named)


WAYS: dict[str, tuple[Callable[..., Any], Any]] = {
    "by keyword": (plain, 6.0),
    "one dictionary": (of_dict, 3.0),
    "a dictionary and the trial": (with_trial, (3.0, "handle")),
    "the trial by keyword": (lambda x, trial: (x, trial), (3.0, "handle")),
    "any keywords": (anything, 3.0),
    "a lambda": (lambda p: p["x"] + 1, 4.0),
    "a bound method": (Model().fit, 3.0),
    "an object that is called": (Model(), 3.0),
    "a partial": (functools.partial(plain, y=5.0), 15.0),
    "a decorated function": (decorated, 6.0),
}


@pytest.mark.parametrize("case", WAYS)
def test_a_function_is_called_as_it_wants_to_be(case: str) -> None:
    function, expected = WAYS[case]
    way = find_calling_way(function, ["x"])
    assert way.call(function, {"x": 3.0}, "handle") == expected


def test_a_searched_parameter_of_that_name_is_no_handle() -> None:
    way = find_calling_way(lambda trial: trial, ["trial"])
    assert way.call(lambda trial: trial, {"trial": 1}, "handle") == 1


def test_what_tells_no_signature_is_called_by_keyword() -> None:
    assert not find_calling_way(max, ["x", "y"]).takes_dict


REFUSED: dict[str, tuple[object, list[str], str]] = {
    "no function": (3, ["x"], "the objective is 3, which cannot be called"),
    "a misspelt parameter": (
        lambda learning_rate, x: 0, ["lerning_rate", "x"],
        'has no parameter "lerning_rate", did you mean "learning_rate"',
    ),
    "one without a value": (lambda x, y: 0, ["x"], 'its parameter "y" gets no value'),
    "one that is only given by position": (math.pow, ["x", "y"], '"x" gets no value'),
    "too few": (lambda: 0, ["x"], 'it has no parameter "x"'),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_called_is_refused(case: str) -> None:
    function, names, message = REFUSED[case]
    with pytest.raises(ObjectiveError, match=message):
        find_calling_way(function, names)


async def waits(x: float) -> float:
    return x


def yields(x: float) -> Any:
    yield x


@pytest.mark.parametrize(
    ("function", "message"), [(waits, "async function"), (yields, "generator")]
)
def test_what_returns_before_it_has_done_anything_is_refused(
    function: Callable[..., Any], message: str
) -> None:
    with pytest.raises(ObjectiveError, match=message):
        find_calling_way(function, ["x"])


def test_functions_have_names() -> None:
    names = [
        name_of(one) for one in (plain, Model().fit, Model(), functools.partial(plain), decorated)
    ]
    assert names == ["plain", "fit", "Model", "plain", "plain"]
