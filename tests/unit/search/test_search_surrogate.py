from __future__ import annotations

import numpy as np
import pytest

from katib.search.features import Features
from katib.search.space import SearchSpace
from katib.search.surrogate import learn, telling
from katib.search.warping import warped
from katib.testing.algorithm_contract import search_spaces


def test_of_few_trials_all_are_learnt_from() -> None:
    points = np.random.default_rng(0).random((400, 3))
    assert telling(points, points[:, 0]).tolist() == list(range(400))


def test_of_many_trials_the_best_and_the_most_distant_are_learnt_from() -> None:
    points = np.random.default_rng(0).random((2000, 2)) * 0.1
    points[7] = [1.0, 1.0]
    losses = points[:, 0]
    some = telling(points, losses)
    assert len(set(some.tolist())) == 400
    assert set(np.argsort(losses)[:200].tolist()) <= set(some.tolist())
    assert 7 in some
    left = np.setdiff1d(np.arange(2000), some)
    gaps = np.linalg.norm(points[left, None] - points[None, some], axis=2).min(1)
    assert gaps.max() < 0.01


@pytest.mark.parametrize("kind", ["GP", "RF", "ET", "GBRT"])
def test_what_is_believed_is_known(kind: str) -> None:
    features = Features(SearchSpace.of(search_spaces()["all types"]))
    units = features.rounded(np.random.default_rng(0).random((40, features.parameters)))
    model = learn(kind, features, units, warped(units[:, 0] + units[:, 4]), seed=1)
    believed = features.rounded(np.random.default_rng(1).random((1, features.parameters)))
    before, after = model.predict(believed), model.believe(believed).predict(believed)
    assert after[0][0] == pytest.approx(before[0][0], abs=0.5)
    assert after[1][0] <= before[1][0] + 0.05
    assert model.best <= model.predict(units)[0].min() + 1e-9


def test_a_million_equal_points_are_no_trouble() -> None:
    features = Features(SearchSpace.of(search_spaces()["numbers"]))
    units = np.full((1_000_000, features.parameters), 0.5)
    model = learn("GP", features, units, np.zeros(len(units)), seed=1)
    means, deviations = model.predict(np.array([[0.5, 0.5], [0.0, 1.0]]))
    assert np.abs(means).max() < 0.1
    assert deviations[0] < deviations[1]
