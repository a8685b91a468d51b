from __future__ import annotations

import numpy as np
import pytest

from katib.search.gaussian_process import GaussianProcess
from katib.search.history import Floats
from katib.search.likelihood import Groups, fit

GROUPS = Groups(np.array([0, 1, 1]), np.array([0], dtype=np.intp))


def points(count: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).random((count, 3))


def wave(at: Floats) -> Floats:
    return np.asarray(np.sin(6 * at[:, 0]) + at[:, 1] * 0.1)


def process(count: int) -> GaussianProcess:
    known = points(count)
    return GaussianProcess(fit(known, wave(known), GROUPS), known, wave(known))


def normals(*shape: int) -> Floats:
    return np.random.default_rng(9).standard_normal(shape)


def test_the_slopes_of_means_and_deviations_are_right() -> None:
    believed = process(25).believe(points(3, seed=5))
    here, by_means, by_deviations = points(4, seed=6), normals(4), normals(4)

    def score(at: Floats) -> Floats:
        view = believed.at(at)
        return np.asarray(by_means * view.means + by_deviations * view.deviations)

    slopes = believed.at(here).slopes(by_means, by_deviations)
    for number, step in enumerate(np.eye(3) * 1e-5):
        found = (score(here + step) - score(here - step)) / 2e-5
        np.testing.assert_allclose(slopes[:, number], found, atol=1e-5)


@pytest.mark.parametrize("count", [1, 2, 30, 90, 200])
def test_it_knows_what_it_was_told(count: int) -> None:
    view = process(count).at(points(count))
    assert np.abs(view.means - wave(points(count))).max() < 0.1
    assert view.deviations.max() < 0.2
    assert process(count).best == pytest.approx(view.means.min(), abs=1e-6)


def test_it_predicts_a_smooth_function() -> None:
    unknown = points(100, seed=1)
    view = process(60).at(unknown)
    misses = np.abs(view.means - wave(unknown))
    assert misses.max() < 0.1
    assert (misses / view.deviations < 3).mean() > 0.9


def test_what_is_believed_makes_it_surer_and_changes_no_mean() -> None:
    before, believed = process(20), points(3, seed=5)
    elsewhere = np.vstack([points(20, seed=6), believed])
    old, new = before.at(elsewhere), before.believe(believed).at(elsewhere)
    np.testing.assert_allclose(new.means, old.means, atol=1e-4)
    assert (new.deviations <= old.deviations + 1e-9).all()
    assert (new.deviations[-3:] < old.deviations[-3:]).all()


def test_the_same_point_may_be_believed_twice() -> None:
    twice = np.repeat(points(1, seed=5), 2, axis=0)
    before = process(10)
    np.testing.assert_allclose(
        before.believe(twice).at(twice).means, before.at(twice).means, atol=1e-4
    )
