from __future__ import annotations

import pytest

from katib.api import names
from katib.errors import SettingsError
from katib.search.algorithms.grid import GridSearch
from katib.testing.builders import ExperimentBuilder, an_experiment
from katib.testing.refusals import words_of


def grid(**settings: str) -> ExperimentBuilder:
    return an_experiment().with_algorithm("grid", **settings)


def values(search: GridSearch, index: int, count: int) -> list[tuple[str, ...]]:
    return [
        tuple(pair.value for pair in assignment.parameter_assignments)
        for assignment in search.suggest(index, count).assignments
    ]


def test_a_range_of_tenths_has_every_tenth() -> None:
    builder = grid().with_parameter("lr", min="0", max="0.3", step="0.1").with_trials(4)
    GridSearch.validate(builder.build())
    found = values(GridSearch(builder.build(), 1), 0, 4)
    assert sorted(found) == [("0.0",), ("0.1",), ("0.2",), ("0.3",)]


def test_every_point_comes_once_whatever_the_types() -> None:
    builder = grid().with_parameter("lr", min="1", max="2", step="0.3", distribution="logNormal")
    builder.with_parameter("n", names.INT, min="-1", max="1", distribution="normal")
    builder.with_parameter("d", names.DISCRETE, list=["8", "16.0"])
    builder.with_parameter("c", names.CATEGORICAL, list=["x", "true", "y"])
    GridSearch.validate(builder.build())
    found = values(GridSearch(builder.build(), 5), 0, 4 * 3 * 2 * 3)
    assert len(set(found)) == len(found) == 72
    assert {point[0] for point in found} == {"1.0", "1.3", "1.6", "1.9"}


def test_batches_are_parts_of_one_order_that_the_seed_makes() -> None:
    experiment = grid().with_parameter("n", names.INT, min="1", max="50").build()
    whole = values(GridSearch(experiment, 1), 0, 50)
    assert values(GridSearch(experiment, 1), 0, 20) + values(GridSearch(experiment, 1), 20, 30) == (
        whole
    )
    assert values(GridSearch(experiment, 2), 0, 50) != whole
    assert whole != sorted(whole, key=lambda point: int(point[0]))


@pytest.mark.parametrize(
    ("index", "count", "given", "is_over"),
    [(0, 3, 3, False), (0, 4, 4, False), (4, 1, 1, True), (3, 5, 2, True), (5, 1, 0, True)],
)
def test_the_last_point_is_the_end(index: int, count: int, given: int, is_over: bool) -> None:
    experiment = grid().with_parameter("n", names.INT, min="1", max="5").build()
    reply = GridSearch(experiment, 1).suggest(index, count)
    assert (len(reply.assignments), reply.is_exhausted) == (given, is_over)


def test_a_space_of_very_many_points_is_no_burden() -> None:
    builder = grid()
    for number in range(30):
        builder.with_parameter(f"n{number}", names.INT, min="0", max="999")
    GridSearch.validate(builder.build())
    found = values(GridSearch(builder.build(), 1), 10**60, 20)
    assert len(set(found)) == 20


NO_STEP = "step is nil; For discrete search space, all parameters must include step"

REFUSED: dict[str, tuple[ExperimentBuilder, str]] = {
    "a double without a step": (
        grid().with_parameter("lr", min="0", max="1"),
        f"failed to validate parameters(lr): Param lr {NO_STEP}",
    ),
    "every double without a step": (
        grid().with_parameter("a", min="0", max="1").with_parameter("b", min="0", max="1"),
        f"failed to validate parameters(a, b): Param a {NO_STEP}; Param b {NO_STEP}",
    ),
    "more trials than points": (
        grid()
        .with_parameter("a", names.INT, min="1", max="5")
        .with_parameter("b", names.INT, min="1", max="5")
        .with_trials(26),
        "Max Trial Count: 26 > all possible search combinations: 25",
    ),
    "a setting that it has not": (
        grid(typo="1").with_parameter("a", names.INT, min="1", max="5").with_trials(5),
        "unknown setting typo for algorithm grid",
    ),
    "a negative seed": (
        grid(random_state="-1").with_parameter("a", names.INT, min="1", max="5").with_trials(5),
        "random_state should be great or equal than zero",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_grid_search_refuses(case: str) -> None:
    builder, message = REFUSED[case]
    with pytest.raises(SettingsError) as caught:
        GridSearch.validate(builder.build())
    assert words_of(caught.value) == message


@pytest.mark.parametrize("trials", [5, 1, None])
def test_as_many_trials_as_points_are_accepted(trials: int | None) -> None:
    builder = grid(random_state="0").with_parameter("n", names.INT, min="1", max="5")
    GridSearch.validate(builder.with_trials(trials).build())
