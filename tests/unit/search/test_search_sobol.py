from __future__ import annotations

from collections import Counter

import pytest

from katib.api import names
from katib.errors import SettingsError
from katib.search.algorithms.sobol import SobolSearch
from katib.testing.builders import ExperimentBuilder, an_experiment
from katib.testing.refusals import words_of


def sobol(**settings: str) -> ExperimentBuilder:
    return an_experiment().with_algorithm("sobol", **settings)


def square(**settings: str) -> ExperimentBuilder:
    builder = sobol(**settings).with_parameter("x", min="0", max="1")
    return builder.with_parameter("y", min="0", max="1")


def points(search: SobolSearch, index: int, count: int) -> list[tuple[str, ...]]:
    return [
        tuple(pair.value for pair in assignment.parameter_assignments)
        for assignment in search.suggest(index, count).assignments
    ]


def test_the_sequence_begins_in_the_centre() -> None:
    found = points(SobolSearch(square().build(), 9), 0, 3)
    assert found == [("0.5", "0.5"), ("0.75", "0.25"), ("0.25", "0.75")]


def test_a_random_state_scrambles_it() -> None:
    scrambled = square(random_state="4").build()
    one, same, other = (SobolSearch(scrambled, seed) for seed in (4, 4, 5))
    assert points(one, 0, 8) == points(same, 0, 8)
    assert points(one, 0, 8) != points(other, 0, 8)
    assert points(one, 0, 1) != [("0.5", "0.5")]


@pytest.mark.parametrize("settings", [{}, {"random_state": "1"}])
def test_every_place_is_reached_directly(settings: dict[str, str]) -> None:
    experiment = square(**settings).build()
    whole = points(SobolSearch(experiment, 1), 0, 200)
    for index in (0, 1, 62, 63, 64, 130, 199):
        assert points(SobolSearch(experiment, 1), index, 1) == whole[index : index + 1]
    search = SobolSearch(experiment, 1)
    assert [points(search, index, 1)[0] for index in reversed(range(200))] == whole[::-1]


def test_scrambled_points_are_spread_more_evenly_than_chance() -> None:
    found = points(SobolSearch(square(random_state="1").build(), 1), 0, 256)
    cells = Counter((int(float(x) * 16), int(float(y) * 16)) for x, y in found)
    assert set(cells.values()) == {1}
    assert len(cells) == 256


def test_both_ends_of_an_int_come() -> None:
    experiment = sobol().with_parameter("n", names.INT, min="1", max="4").build()
    assert sorted(points(SobolSearch(experiment, 1), 0, 4)) == [("1",), ("2",), ("3",), ("4",)]


def test_distributions_shape_the_points() -> None:
    builder = sobol().with_parameter("lr", min="0.001", max="1", distribution="logUniform")
    found = [float(lr) for (lr,) in points(SobolSearch(builder.build(), 1), 0, 300)]
    for low in (0.001, 0.01, 0.1):
        assert 98 <= sum(low <= value < low * 10 for value in found) <= 102


def test_a_finite_space_is_gone_through_without_repeating_a_point() -> None:
    builder = sobol(random_state="3").with_parameter(
        "n", names.INT, min="-3", max="3", distribution="normal"
    )
    builder.with_parameter("c", names.CATEGORICAL, list=["a", "b", "c"])
    search = SobolSearch(builder.build(), 3)
    first = points(search, 0, 21)
    assert len(set(first)) == 21
    assert points(search, 21, 21) == first
    assert points(SobolSearch(builder.build(), 3), 15, 6) == first[15:]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"random_state": "-1"}, "random_state should be great or equal than zero"),
        ({"typo": "1"}, "unknown setting typo for algorithm sobol"),
    ],
)
def test_settings_that_sobol_refuses(settings: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        SobolSearch.validate(square(**settings).build())
    assert words_of(caught.value) == message


def test_more_parameters_than_the_sequence_has_dimensions_are_refused() -> None:
    builder = sobol()
    for number in range(21_202):
        builder.with_parameter(f"x{number}", min="0", max="1")
    with pytest.raises(SettingsError, match="sobol takes 21201 parameters at most"):
        SobolSearch.validate(builder.build())
