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
    return GaussianProcess(fit(known, wave(known), GROUPS), known, wave(known)[:, None])


def normals(*shape: int) -> Floats:
    return np.random.default_rng(9).standard_normal(shape)


@pytest.mark.parametrize("fantasies", [1, 4])
def test_the_slopes_of_means_and_deviations_are_right(fantasies: int) -> None:
    believed = process(25).imagine(points(3, seed=5), normals(3, fantasies))
    here, by_means, by_deviations = points(4, seed=6), normals(4, fantasies), normals(4)

    def score(at: Floats) -> Floats:
        view = believed.at(at)
        return np.asarray((by_means * view.means).sum(1) + by_deviations * view.deviations)

    slopes = believed.at(here).slopes(by_means, by_deviations)
    for number, step in enumerate(np.eye(3) * 1e-5):
        found = (score(here + step) - score(here - step)) / 2e-5
        np.testing.assert_allclose(slopes[:, number], found, atol=1e-5)


@pytest.mark.parametrize("count", [1, 2, 30, 90, 200])
def test_it_knows_what_it_was_told(count: int) -> None:
    view = process(count).at(points(count))
    assert np.abs(view.means[:, 0] - wave(points(count))).max() < 0.1
    assert view.deviations.max() < 0.2
    assert process(count).best == view.means.min()


def test_it_predicts_a_smooth_function() -> None:
    unknown = points(100, seed=1)
    view = process(60).at(unknown)
    misses = np.abs(view.means[:, 0] - wave(unknown))
    assert misses.max() < 0.1
    assert (misses / view.deviations < 3).mean() > 0.9


def test_what_is_imagined_makes_it_surer_and_changes_no_mean_on_average() -> None:
    before, imagined, chances = process(20), points(3, seed=5), normals(3, 4)
    after = before.imagine(imagined, np.hstack([chances, -chances]))
    elsewhere = np.vstack([points(20, seed=6), imagined])
    old, new = before.at(elsewhere), after.at(elsewhere)
    np.testing.assert_allclose(new.means.mean(1), old.means[:, 0], atol=1e-4)
    assert (new.deviations <= old.deviations + 1e-9).all()
    assert (new.deviations[-3:] < old.deviations[-3:]).all()


def test_fantasies_differ_as_much_as_is_not_known() -> None:
    before, imagined = process(10), points(2, seed=5)
    found = before.imagine(imagined, normals(2, 4000)).at(imagined).means
    np.testing.assert_allclose(found.std(1), before.at(imagined).deviations, rtol=0.1)


def test_the_same_point_may_be_imagined_twice() -> None:
    twice = np.repeat(points(1, seed=5), 2, axis=0)
    found = process(10).imagine(twice, normals(2, 4)).at(twice).means
    np.testing.assert_allclose(found[0], found[1], atol=0.05)
