from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from katib.search.history import Floats
from katib.search.warping import measured, sharpened, standardised, warped

Scale = Callable[[Floats], Floats]


def sharp(losses: Floats) -> Floats:
    return sharpened(losses, np.linspace(0.0, 1.0, len(losses))[:, None])


LOSSES: dict[str, list[float]] = {
    "ordinary": [3.0, 1.0, 2.0, 5.0, 4.0],
    "diverged trainings": [0.3, 0.2, 0.4, 0.25, 1e10, 1e30, 1.7e308],
    "the largest numbers": [1.7e308, -1.7e308, 0.0, 1e308],
    "the smallest numbers": [1e-300, 2e-300, 5e-300],
    "far from zero": [1e6 + 1, 1e6 + 2, 1e6 + 7],
    "most of them equal": [1.0, 1.0, 1.0, 1.0, 0.5],
}


@pytest.mark.parametrize("scale", [warped, sharp])
@pytest.mark.parametrize("case", LOSSES)
def test_the_order_stays_and_the_scale_is_one(case: str, scale: Scale) -> None:
    losses = np.array(LOSSES[case])
    found = scale(losses)
    assert np.isfinite(found).all()
    assert (found.mean(), found.std()) == pytest.approx((0.0, 1.0), abs=1e-9)
    ranking = np.argsort(losses, kind="stable")
    assert (np.diff(found[ranking]) >= 0).all()
    assert np.argmin(found) == np.argmin(losses)


def spread(losses: Floats) -> float:
    return float(np.ptp(warped(losses)[:10]))


def test_an_outlier_does_not_drown_the_others() -> None:
    good = np.linspace(0.1, 0.2, 10)
    assert spread(np.append(good, [1e9, 1e12])) > 0.2 * spread(good)


def test_near_the_median_the_scale_is_linear() -> None:
    found = warped(np.linspace(5.0, 6.0, 11))
    np.testing.assert_allclose(np.diff(found), found[1] - found[0])


def test_near_the_smallest_differences_become_large() -> None:
    found = sharp(np.linspace(5.0, 6.0, 101))
    assert found[1] - found[0] > 20 * (found[100] - found[99])


def test_but_not_where_neighbours_differ_as_much() -> None:
    losses = np.random.default_rng(0).permutation(np.linspace(5.0, 6.0, 101))
    found = np.sort(sharp(losses))
    assert found[1] - found[0] < 10 * (found[100] - found[99])


def test_the_usual_losses_are_the_measure_of_all() -> None:
    usual = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    few = measured(np.append(usual, [0.5, 1e12]), usual)
    many = measured(np.append(usual, [0.5, 1e12, *np.full(50, 0.5)]), usual)
    np.testing.assert_array_equal(few, many[:7])
    assert few[:6] == pytest.approx([(loss - 3) / 1.48 for loss in (1, 2, 3, 4, 5, 0.5)])
    assert 3.0 < few[6] < 10.0


def test_standardised_losses_keep_their_shape() -> None:
    found = standardised(np.array([3.0, 5.0, 11.0]))
    assert found.mean() == pytest.approx(0.0)
    assert found.std() == pytest.approx(1.0)
    assert (found[2] - found[1]) / (found[1] - found[0]) == pytest.approx(3.0)
    assert standardised(np.full(3, 0.1)).tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("case", LOSSES)
@pytest.mark.parametrize("usual", [[], [2.0], [1.0, 1.0], [0.0, 1e-300, 1e308]])
def test_whatever_is_usual_the_order_stays(case: str, usual: list[float]) -> None:
    losses = np.array(LOSSES[case])
    found = measured(losses, np.array(usual))
    assert np.isfinite(found).all()
    assert (np.diff(found[np.argsort(losses, kind="stable")]) >= 0).all()


@pytest.mark.parametrize("scale", [warped, sharp])
@pytest.mark.parametrize("losses", [[2.0], [2.0, 2.0, 2.0], [0.0, 0.0]])
def test_equal_losses_are_all_the_same(losses: list[float], scale: Scale) -> None:
    assert scale(np.array(losses)).tolist() == [0.0] * len(losses)


def test_a_long_tail_of_bad_losses_is_brought_in_and_good_ones_are_set_apart() -> None:
    losses = np.exp(np.random.default_rng(0).normal(0, 2, 200))
    found = warped(losses)
    assert abs(((found - found.mean()) ** 3).mean()) < 0.5
    straight = (losses - losses.mean()) / losses.std()
    best = np.argsort(losses)[:20]
    assert np.ptp(found[best]) > 10 * np.ptp(straight[best])


def test_a_long_tail_of_good_losses_is_not_brought_in() -> None:
    losses = -np.exp(np.random.default_rng(0).normal(0, 0.5, 200))
    drawn = np.sort(warped(losses))
    assert drawn[1] - drawn[0] > np.median(np.diff(drawn))
    assert warped(losses).min() < -2


def test_the_scale_does_not_change_with_units() -> None:
    losses = np.random.default_rng(0).gamma(1, size=50)
    np.testing.assert_allclose(warped(losses), warped(3e7 * losses + 11), atol=1e-6)
