from __future__ import annotations

import numpy as np
import pytest

from katib.api import names
from katib.search.history import Floats
from katib.search.parzen import NumberAxis, ParzenEstimator, WordAxis, axes_of, ranked
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
    return ParzenEstimator(AXES, points, is_joint, 1.0)


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


WIDTHS: dict[str, tuple[list[float], int | None, list[float]]] = {
    "a lone point is as wide as its distance to the prior, and at least a third": (
        [0.4],
        None,
        [1 / 3],
    ),
    "of two neighbours the farther one counts": ([0.05, 0.9], None, [0.45, 0.4]),
    "over several parameters all kernels have one width": ([0.2, 0.8], 4, [0.25, 0.25]),
    "no points have no widths": ([], None, []),
}


@pytest.mark.parametrize("case", WIDTHS)
def test_the_width_of_kernels(case: str) -> None:
    centres, parameters, widths = WIDTHS[case]
    found = NumberAxis(None).widths(np.array(centres), parameters, 1.0)
    assert found.tolist() == pytest.approx(widths)


def test_many_points_narrow_their_kernels_to_a_hundredth_and_no_further() -> None:
    crowd = np.full(1000, 0.25)
    assert NumberAxis(None).widths(crowd, None, 1.0)[1] == pytest.approx(0.01)
    joint = NumberAxis(None).widths(crowd, 2, 1.0)
    assert joint[0] == pytest.approx(0.2 * 1000 ** (-1 / 6))


def test_a_word_that_was_never_seen_stays_possible() -> None:
    axis = WordAxis(4)
    seen = np.full(255, 0.125)
    masses = np.exp(axis.log_mass(np.array([0.125, 0.875]), seen, axis.widths(seen, None, 1.0)))
    assert masses[0, 0] == pytest.approx(17 / 20)
    assert masses[1, 0] == pytest.approx(1 / 20)


def test_more_values_than_can_be_counted_are_a_range() -> None:
    experiment = an_experiment().with_parameter("n", names.INT, min="1", max="1000000").build()
    (axis,) = axes_of(SearchSpace.of(experiment))
    assert isinstance(axis, NumberAxis)
    assert axis.edges is None
