from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from katib.search.features import Features
from katib.search.history import Floats
from katib.search.space import SearchSpace
from katib.search.surrogate import SmoothSurrogate, learn, learn_scaled, telling
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


def told_apart(noise: float) -> tuple[Floats, Floats]:
    """A search that has come to the bottom of a bowl: its losses, and their scale."""
    features = Features(SearchSpace.of(search_spaces()["numbers"]))
    random = np.random.default_rng(0)
    near = 0.5 + 0.05 * random.standard_normal((80, features.parameters))
    units = np.vstack([random.random((20, features.parameters)), np.clip(near, 0.0, 1.0)])
    losses = ((units - 0.5) ** 2).sum(1) + noise * random.standard_normal(100)
    model, scaled = learn_scaled(partial(learn, "GP", features, units, seed=1), losses, losses[:20])
    assert isinstance(model, SmoothSurrogate)
    return losses, scaled


def test_without_noise_good_losses_are_set_apart() -> None:
    losses, scaled = told_apart(0.0)
    np.testing.assert_array_equal(scaled, warped(losses))


def test_noise_among_good_losses_stays_small_beside_what_bad_ones_lose() -> None:
    losses, scaled = told_apart(0.03)

    def share(scale: Floats) -> float:
        return float(scale[20:].std() / (scale[:20].mean() - scale[20:].mean()))

    assert share(scaled) == pytest.approx(share(losses), rel=0.3)
    assert share(warped(losses)) > 1.5 * share(scaled)


def test_a_scale_needs_no_usual_losses_and_no_differences() -> None:
    features = Features(SearchSpace.of(search_spaces()["numbers"]))
    units = np.random.default_rng(0).random((20, features.parameters))
    learner = partial(learn, "GP", features, units, seed=1)
    noise = np.random.default_rng(1).standard_normal(20)
    for losses in (noise, np.full(20, 3.0)):
        _, scaled = learn_scaled(learner, losses, losses[:0])
        assert np.isfinite(scaled).all()
