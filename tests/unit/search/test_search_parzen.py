from __future__ import annotations

import numpy as np
import pytest

from katib.api import names
from katib.search.history import Floats
from katib.search.parzen import NumberAxis, ParzenEstimator, Smoothing, WordAxis, axes_of, ranked
from katib.search.space import SearchSpace
from katib.testing.builders import an_experiment

MIXED = SearchSpace.of(
    an_experiment()
    .with_parameter("x", min="0", max="1")
    .with_parameter("n", names.INT, min="1", max="9", distribution="logUniform")
    .with_parameter("c", names.CATEGORICAL, list=["a", "b", "c"])
    .build()
)
AXES = axes_of(MIXED)
POINTS = np.array(
    [MIXED.units_of(MIXED.assignments_at(row)) for row in ((0.1, 0.2, 0.1), (0.8, 0.9, 0.9))]
)


def estimator(points: Floats = POINTS, is_joint: bool = True) -> ParzenEstimator:
    return ParzenEstimator(AXES, points, np.ones(len(points)), Smoothing(is_joint, 1.0))


def everywhere() -> Floats:
    """Every value of the finite parameters, on a fine comb of the real one."""
    reals = (np.arange(400) + 0.5) / 400
    integers = [MIXED.parameters[1].unit(str(value)) for value in range(1, 10)]
    words = [1 / 6, 1 / 2, 5 / 6]
    return np.array([(x, n, c) for x in reals for n in integers for c in words])


@pytest.mark.parametrize("is_joint", [True, False])
@pytest.mark.parametrize("points", [POINTS, POINTS[:0]], ids=["two points", "none"])
def test_the_probabilities_of_all_points_sum_to_one(points: Floats, is_joint: bool) -> None:
    masses = np.exp(estimator(points, is_joint).log_mass(everywhere()))
    assert masses.sum() / 400 == pytest.approx(1, rel=1e-3)


def test_only_a_joint_estimator_knows_which_values_were_good_together() -> None:
    together = np.array([[0.1, POINTS[0, 1], 1 / 6], [0.1, POINTS[0, 1], 5 / 6]])
    joint = estimator().log_mass(together)
    assert joint[0] > joint[1] + 0.5
    independent = estimator(is_joint=False).log_mass(together)
    assert independent[0] == pytest.approx(independent[1])


@pytest.mark.parametrize("is_joint", [True, False])
def test_draws_are_as_frequent_as_they_are_likely(is_joint: bool) -> None:
    mixture = estimator(is_joint=is_joint)
    places = everywhere()
    masses = np.exp(mixture.log_mass(places)) / 400
    drawn = mixture.draw(20_000, np.random.default_rng(1))
    for column, limit in ((0, 0.3), (1, 0.5), (2, 0.4)):
        wanted = masses[places[:, column] < limit].sum()
        assert (drawn[:, column] < limit).mean() == pytest.approx(wanted, abs=0.02)


def test_draws_lie_in_the_middle_of_a_value() -> None:
    drawn = estimator().draw(200, np.random.default_rng(2))
    for row in drawn:
        assert MIXED.units_of(MIXED.assignments_at(row.tolist())) == pytest.approx(row)


def test_the_best_points_are_near_good_ones_and_far_from_bad_ones() -> None:
    good, bad = estimator(POINTS[:1]), estimator(POINTS[1:])
    asked = np.stack([POINTS[1], (POINTS[0] + POINTS[1]) / 2, POINTS[0]])
    assert ranked(asked, good, bad).tolist() == asked[::-1].tolist()


WIDTHS: dict[str, tuple[list[float], int, float]] = {
    "a lone point is as wide as half of what the prior leaves open": ([0.4], 4, 24**-0.5),
    "over one parameter, the prior counts for two": ([0.4], 1, 18**-0.5),
    "points far apart are wide": ([0.1, 0.9], 4, (0.4033333 / 3) ** 0.5 * 2**-0.125),
    "points close together are narrow": ([0.5] * 99, 4, 1200**-0.5 * 99**-0.125),
}


def width(centres: list[float], weights: list[float], parameters: int, narrowing: float) -> float:
    how = Smoothing(parameters > 1, 1.0, narrowing)
    return NumberAxis(None).width(np.array(centres), np.array(weights), parameters, how)


@pytest.mark.parametrize("case", WIDTHS)
def test_the_width_of_kernels(case: str) -> None:
    centres, parameters, wanted = WIDTHS[case]
    assert width(centres, [1.0] * len(centres), parameters, 1.0) == pytest.approx(wanted)


def test_kernels_can_be_made_narrower() -> None:
    centres = [0.1, 0.3, 0.9]
    whole, half = (width(centres, [1.0] * 3, 2, narrowing) for narrowing in (1.0, 0.5))
    assert half == pytest.approx(whole / 2)


def test_points_that_count_more_are_spread_less_by_those_that_count_little() -> None:
    centres = [0.1, 0.12, 0.9]
    assert width(centres, [1.4, 1.4, 0.2], 1, 1.0) < 0.7 * width(centres, [1.0] * 3, 1, 1.0)


def test_many_points_narrow_their_kernels_to_a_hundredth_and_no_further() -> None:
    assert width([0.25] * 20_000, [1.0] * 20_000, 1, 1.0) == 0.01


def test_points_that_count_more_are_drawn_more_often() -> None:
    points = np.array([[0.1], [0.9]])
    axes = axes_of(SearchSpace.of(an_experiment().with_parameter("x", min="0", max="1").build()))
    how = Smoothing(True, 0.01, 0.1)
    drawn = ParzenEstimator(axes, points, np.array([1.8, 0.2]), how).draw(
        400, np.random.default_rng(1)
    )
    assert (drawn < 0.5).mean() == pytest.approx(0.9, abs=0.05)


def test_a_word_that_was_never_seen_stays_possible() -> None:
    axis = WordAxis(4)
    seen = np.full(255, 0.125)
    width = axis.width(seen, np.ones(255), 1, Smoothing(False, 1.0))
    masses = np.exp(axis.log_mass(np.array([0.125, 0.875]), seen, width))
    assert masses[0, 0] == pytest.approx(17 / 20)
    assert masses[1, 0] == pytest.approx(1 / 20)


def test_more_values_than_can_be_counted_are_a_range() -> None:
    experiment = an_experiment().with_parameter("n", names.INT, min="1", max="1000000").build()
    (axis,) = axes_of(SearchSpace.of(experiment))
    assert isinstance(axis, NumberAxis)
    assert axis.edges is None
