from __future__ import annotations

from itertools import pairwise

import pytest

from katib.api import names
from katib.api.experiment import Experiment
from katib.api.values import NameValue
from katib.errors import SettingsError
from katib.search.parameter import Parameter
from katib.search.space import SearchSpace
from katib.testing.builders import Space, an_experiment


def parameter(type: str, space: Space) -> Parameter:
    (found,) = SearchSpace.of(experiment(type, space)).parameters
    return found


def experiment(type: str, space: Space) -> Experiment:
    return an_experiment().with_parameter("p", type, **space).build()


GRIDS: dict[str, tuple[str, Space, list[str]]] = {
    "a double step without binary noise": (
        names.DOUBLE,
        {"min": "0", "max": "0.3", "step": "0.1"},
        ["0.0", "0.1", "0.2", "0.3"],
    ),
    "steps are counted from the minimum": (
        names.INT,
        {"min": "1", "max": "6", "step": "2"},
        ["1", "3", "5"],
    ),
    "a step that does not meet the maximum": (
        names.DOUBLE,
        {"min": "5", "max": "10", "step": "0.8"},
        ["5.0", "5.8", "6.6", "7.4", "8.2", "9.0", "9.8"],
    ),
    "an int has step 1": (names.INT, {"min": "-1", "max": "1"}, ["-1", "0", "1"]),
    "an int written as a double": (names.INT, {"min": "1.0", "max": "2e0"}, ["1", "2"]),
    "one point": (names.INT, {"min": "7", "max": "7", "distribution": "normal"}, ["7"]),
    "a step wider than the range": (
        names.DOUBLE,
        {"min": "1", "max": "2", "step": "5", "distribution": "logUniform"},
        ["1.0"],
    ),
    "small exponents as Python prints them": (
        names.DOUBLE,
        {"min": "1e-5", "max": "3e-5", "step": "1e-5"},
        ["1e-05", "2e-05", "3e-05"],
    ),
    "a categorical list as it stands": (
        names.CATEGORICAL,
        {"list": ["true", "0.10", "a b"]},
        ["true", "0.10", "a b"],
    ),
    "a discrete list by number, as it was written": (
        names.DISCRETE,
        {"list": ["1e2", "8", "16.0", "-1"]},
        ["-1", "8", "16.0", "1e2"],
    ),
    "a discrete list of words as listed": (
        names.DISCRETE,
        {"list": ["many", "few"]},
        ["many", "few"],
    ),
}


@pytest.mark.parametrize("case", GRIDS)
def test_the_values_of_a_finite_parameter(case: str) -> None:
    type, space, values = GRIDS[case]
    found = parameter(type, space)
    assert found.size == len(values)
    assert [found.value(index) for index in range(len(values))] == values


@pytest.mark.parametrize("case", GRIDS)
def test_every_value_lies_in_the_middle_of_its_place(case: str) -> None:
    type, space, values = GRIDS[case]
    found = parameter(type, space)
    units = [found.unit(value) for value in values]
    assert units == sorted(units)
    assert [found.value_at(unit) for unit in units] == values
    assert found.value_at(0.0) == values[0]
    assert found.value_at(1.0) == values[-1]


@pytest.mark.parametrize("distribution", ["uniform", "logUniform", "normal", "logNormal"])
def test_a_real_range_is_filled_to_its_ends_and_not_beyond(distribution: str) -> None:
    found = parameter(names.DOUBLE, {"min": "0.1", "max": "0.7", "distribution": distribution})
    assert found.size is None
    with pytest.raises(TypeError, match="no step"):
        found.value(0)
    numbers = [float(found.value_at(step / 1000)) for step in range(1001)]
    assert numbers == sorted(numbers)
    assert numbers[0] == pytest.approx(0.1)
    assert numbers[-1] == pytest.approx(0.7)
    assert min(numbers) >= 0.1
    assert max(numbers) <= 0.7
    for step in (1, 250, 500, 900):
        assert found.unit(found.value_at(step / 1000)) == pytest.approx(step / 1000)


def test_where_the_middle_of_each_distribution_lies() -> None:
    middles = {
        name: float(
            parameter(names.DOUBLE, {"min": "0.01", "max": "100", "distribution": name}).value_at(
                0.5
            )
        )
        for name in ("uniform", "unknown", "normal", "logUniform", "logNormal")
    }
    assert middles == pytest.approx(
        {"uniform": 50.005, "unknown": 50.005, "normal": 50.005, "logUniform": 1, "logNormal": 1}
    )


def test_a_normal_has_three_deviations_to_each_side() -> None:
    found = parameter(names.DOUBLE, {"min": "-3", "max": "3", "distribution": "normal"})
    within_one = found.unit("1") - found.unit("-1")
    assert within_one == pytest.approx(0.6827 / 0.9973, abs=1e-4)


@pytest.mark.parametrize("type", [names.INT, names.DOUBLE])
def test_the_ends_of_a_uniform_grid_get_a_full_share(type: str) -> None:
    found = parameter(type, {"min": "1", "max": "4", "step": "1"})
    drawn = [float(found.value_at((step + 0.5) / 1000)) for step in range(1000)]
    assert [drawn.count(number) for number in (1, 2, 3, 4)] == [250] * 4


@pytest.mark.parametrize("case", GRIDS)
def test_the_shares_of_a_finite_parameter_fill_the_unit_interval(case: str) -> None:
    type, space, values = GRIDS[case]
    found = parameter(type, space)
    shares = [found.share(value) for value in values]
    assert shares[0][0] == pytest.approx(0)
    assert shares[-1][1] == pytest.approx(1)
    for (_, end), (start, _) in pairwise(shares):
        assert end == pytest.approx(start)


NEAREST: dict[str, tuple[str, Space, dict[float, str]]] = {
    "a real number is itself, within its range": (
        names.DOUBLE,
        {"min": "0.1", "max": "7", "distribution": "logUniform"},
        {3.3: "3.3", 0.0: "0.1", 9.0: "7.0"},
    ),
    "an int is rounded": (
        names.INT,
        {"min": "1", "max": "9"},
        {3.4: "3", 3.5: "4", -5: "1", 99: "9"},
    ),
    "a step is met": (
        names.DOUBLE,
        {"min": "0.1", "max": "0.5", "step": "0.2"},
        {0.25: "0.3", 0.9: "0.5"},
    ),
    "a discrete number as it was written": (
        names.DISCRETE,
        {"list": ["1e2", "8", "16.0"]},
        {11: "8", 13: "16.0", 12: "8", 1000: "1e2"},
    ),
}


@pytest.mark.parametrize("case", NEAREST)
def test_the_value_nearest_to_a_number(case: str) -> None:
    type, space, wanted = NEAREST[case]
    found = parameter(type, space)
    assert {number: found.nearest(number) for number in wanted} == wanted


def test_words_are_near_to_no_number() -> None:
    with pytest.raises(ValueError, match="could not convert"):
        parameter(names.CATEGORICAL, {"list": ["adam", "1"]}).nearest(1)


def test_a_range_of_one_number_is_one_point() -> None:
    found = parameter(names.DOUBLE, {"min": "0.5", "max": "0.5", "distribution": "logUniform"})
    assert found.size == 1
    assert (found.value(0), found.value_at(0), found.value_at(1)) == ("0.5",) * 3
    assert found.unit("0.5") == pytest.approx(0.5)


def test_numbers_and_discrete_numbers_have_an_order_and_words_have_none() -> None:
    kinds: list[tuple[str, Space]] = [
        (names.DOUBLE, {"min": "0", "max": "1"}),
        (names.INT, {"min": "0", "max": "1"}),
        (names.DISCRETE, {"list": ["2", "1"]}),
        (names.DISCRETE, {"list": ["many", "few"]}),
        (names.CATEGORICAL, {"list": ["1", "2"]}),
    ]
    ordered = [parameter(type, space).is_ordered for type, space in kinds]
    assert ordered == [True, True, True, False, False]


def test_very_large_ints_keep_every_digit() -> None:
    found = parameter(names.INT, {"min": "0", "max": str(10**40)})
    assert found.size == 10**40 + 1
    assert found.value(10**40) == str(10**40)


REFUSED: dict[str, tuple[str, Space, str]] = {
    "no number": (names.DOUBLE, {"min": "x", "max": "1"}, 'feasibleSpace.min "x" is not a number'),
    "nothing": (names.INT, {"min": "1"}, 'feasibleSpace.max "" is not a number'),
    "infinity": (names.DOUBLE, {"min": "0", "max": "inf"}, "feasibleSpace.max inf is not finite"),
    "more than a double holds": (names.DOUBLE, {"min": "0", "max": "1e999"}, "is not finite"),
    "half an int": (names.INT, {"min": "0.5", "max": "2"}, "not a whole number"),
    "half a step": (names.INT, {"min": "0", "max": "2", "step": "0.5"}, "step 0.5 is not a whole"),
    "the wrong way round": (names.INT, {"min": "3", "max": "2"}, "min 3 is above"),
    "no step": (names.DOUBLE, {"min": "0", "max": "2", "step": "0"}, "step 0 is not above 0"),
    "the logarithm of zero": (
        names.DOUBLE,
        {"min": "0", "max": "2", "distribution": "logNormal"},
        "distribution logNormal needs feasibleSpace.min above 0, not 0",
    ),
    "an empty list": (names.CATEGORICAL, {}, "feasibleSpace.list is empty"),
    "an unknown type": (names.UNKNOWN, {}, 'parameterType "unknown" cannot be searched'),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_space_without_legal_values_is_refused(case: str) -> None:
    type, space, message = REFUSED[case]
    with pytest.raises(SettingsError) as caught:
        SearchSpace.of(experiment(type, space))
    assert 'parameter "p": ' in str(caught.value)
    assert message in str(caught.value)


def test_all_that_is_wrong_is_said_at_once() -> None:
    wrong = an_experiment().with_parameter("a", min="x", max="1").with_parameter("b", min="1")
    with pytest.raises(SettingsError, match=r'"a".*; .*"b"'):
        SearchSpace.of(wrong.build())


def test_an_experiment_without_parameters_has_no_search_space() -> None:
    with pytest.raises(SettingsError, match=r"spec\.parameters is empty"):
        SearchSpace.of(Experiment())


def test_the_size_of_a_space_is_the_product() -> None:
    builder = an_experiment().with_parameter("a", names.INT, min="1", max="3")
    builder.with_parameter("b", names.CATEGORICAL, list=["x", "y"])
    assert SearchSpace.of(builder.build()).size == 6
    assert SearchSpace.of(builder.with_parameter("c", min="0", max="1").build()).size is None


def test_a_point_names_every_parameter_in_order() -> None:
    builder = an_experiment().with_parameter("b", names.INT, min="1", max="3")
    space = SearchSpace.of(builder.with_parameter("a", names.CATEGORICAL, list=["x"]).build())
    assert space.assignments_at([0.99, 0.0]) == (
        NameValue(name="b", value="3"),
        NameValue(name="a", value="x"),
    )
    with pytest.raises(ValueError, match="shorter"):
        space.assignments_at([0.5])


def test_every_point_of_a_finite_space_has_an_index() -> None:
    builder = an_experiment().with_parameter("a", names.INT, min="1", max="2")
    space = SearchSpace.of(
        builder.with_parameter("b", names.CATEGORICAL, list=["x", "y", "z"]).build()
    )
    points = [[pair.value for pair in space.point(index)] for index in range(6)]
    assert points == [["1", "x"], ["1", "y"], ["1", "z"], ["2", "x"], ["2", "y"], ["2", "z"]]


def test_a_point_lies_where_it_was_drawn() -> None:
    builder = an_experiment().with_parameter("n", names.INT, min="1", max="4")
    builder.with_parameter("lr", min="0.001", max="1", distribution="logUniform")
    space = SearchSpace.of(builder.with_parameter("o", names.CATEGORICAL, list=["x", "y"]).build())
    units = [0.625, 0.3, 0.75]
    found = space.units_of(tuple(reversed(space.assignments_at(units))))
    assert found == pytest.approx(units)


@pytest.mark.parametrize(
    ("assignments", "message"),
    [
        ([NameValue(name="a", value="x")], '"b" has no value'),
        ([NameValue(name="a", value="z"), NameValue(name="b", value="1")], "not in"),
        ([NameValue(name="a", value="x"), NameValue(name="b", value="one")], "could not convert"),
    ],
)
def test_a_point_of_another_space_has_no_place(assignments: list[NameValue], message: str) -> None:
    builder = an_experiment().with_parameter("a", names.CATEGORICAL, list=["x"])
    space = SearchSpace.of(builder.with_parameter("b", min="0", max="2").build())
    with pytest.raises(ValueError, match=message):
        space.units_of(assignments)
