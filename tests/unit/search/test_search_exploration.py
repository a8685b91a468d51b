from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest

from katib.api import names
from katib.search.exploration import Exploration, perturb
from katib.search.space import SearchSpace
from katib.testing.algorithm_contract import assert_legal, search_spaces
from katib.testing.builders import ExperimentBuilder, an_experiment


def a_double(**space: str) -> ExperimentBuilder:
    return an_experiment().with_parameter("p", min="0.1", max="1", **{"step": "", **space})


def an_int(low: str, high: str, step: str = "") -> ExperimentBuilder:
    return an_experiment().with_parameter("p", names.INT, min=low, max=high, step=step)


def a_list(type: str, *values: str) -> ExperimentBuilder:
    return an_experiment().with_parameter("p", type, list=values)


# value, factor, what comes out
PERTURBED: dict[str, tuple[ExperimentBuilder, str, float, str]] = {
    "a number is multiplied": (a_double(), "0.5", 1.2, "0.6"),
    "a number stays below its maximum": (a_double(), "0.9", 1.2, "1.0"),
    "a number stays above its minimum": (a_double(), "0.11", 0.8, "0.1"),
    "a number that grows endless stays below its maximum": (a_double(), "0.5", 1e308, "1.0"),
    "a number with steps comes to the nearest one": (a_double(step="0.1"), "0.7", 1.2, "0.8"),
    "a step is gone at least": (a_double(step="0.3"), "0.4", 1.2, "0.7"),
    "a step is gone down at least": (a_double(step="0.3"), "0.4", 0.8, "0.1"),
    "the last step is not passed": (a_double(step="0.4"), "0.9", 1.2, "0.9"),
    "a whole number is multiplied": (an_int("1", "100"), "50", 1.2, "60"),
    "a small whole number grows": (an_int("1", "100"), "1", 1.2, "2"),
    "a small whole number shrinks": (an_int("1", "100"), "2", 0.8, "1"),
    "a whole number at its minimum stays whole": (an_int("1", "100"), "1", 0.8, "1"),
    "a whole number at its maximum stays whole": (an_int("1", "100"), "100", 1.2, "100"),
    "a whole number with steps": (an_int("0", "96", "32"), "32", 1.2, "64"),
    "nothing grows": (an_int("-9", "9"), "0", 1.2, "1"),
    "nothing shrinks": (an_int("-9", "9"), "0", 0.8, "-1"),
    "below nothing, growing leads down": (an_int("-9", "9"), "-1", 1.2, "-2"),
    "the next of a list": (a_list(names.CATEGORICAL, "b", "a", "c"), "b", 1.2, "a"),
    "the one before in a list": (a_list(names.CATEGORICAL, "b", "a", "c"), "a", 0.8, "b"),
    "after the last comes the first": (a_list(names.CATEGORICAL, "b", "a", "c"), "c", 2, "b"),
    "before the first comes the last": (a_list(names.CATEGORICAL, "b", "a"), "b", 0.5, "a"),
    "a list of one": (a_list(names.CATEGORICAL, "b"), "b", 1.2, "b"),
    "discrete numbers are neighbours by size": (
        a_list(names.DISCRETE, "32", "8", "16"),
        "8",
        1.2,
        "16",
    ),
}


@pytest.mark.parametrize("case", PERTURBED)
def test_what_a_factor_does_to_a_value(case: str) -> None:
    builder, value, factor, expected = PERTURBED[case]
    (parameter,) = SearchSpace.of(builder.build()).parameters
    assert perturb(parameter, value, factor) == expected


@pytest.mark.parametrize("space", ["all types", "numbers", "steps"])
@pytest.mark.parametrize("probability", [None, 0.5])
def test_values_are_legal_after_a_hundred_generations(
    space: str, probability: float | None
) -> None:
    experiment, random = search_spaces()[space], Random(3)
    exploration = Exploration(SearchSpace.of(experiment), (0.8, 1.2), probability)
    point = exploration.draw(random)
    seen: list[set[str]] = [set() for _ in point]
    for _ in range(100):
        point = exploration.explore(point, random)
        for spec, pair, values in zip(experiment.spec.parameters, point, seen, strict=True):
            assert pair.name == spec.name
            assert_legal(spec, pair.value)
            values.add(pair.value)
    assert all(len(values) > 1 for values in seen)


def explored(probability: float | None, factors: Sequence[float] = (0.5,)) -> set[str]:
    space = SearchSpace.of(an_int("0", "1000000").build())
    exploration, random = Exploration(space, factors, probability), Random(1)
    start = exploration.draw(random)
    return {exploration.explore(start, random)[0].value for _ in range(50)} - {start[0].value}


def test_a_value_is_multiplied_by_one_of_the_factors() -> None:
    assert len(explored(None)) == 1
    assert len(explored(None, (0.5, 2, 0.25))) == 3


def test_resampling_keeps_or_draws_anew() -> None:
    assert explored(0) == set()
    assert len(explored(1)) == 50
    assert 10 < len(explored(0.5)) < 40
