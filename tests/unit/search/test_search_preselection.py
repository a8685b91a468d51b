from __future__ import annotations

import numpy as np
import pytest

from katib.search.history import Floats
from katib.search.preselection import Metric, Preselection


def cloud(count: int, parameters: int) -> Floats:
    return np.random.default_rng(1).random((count, parameters))


def bowl(points: Floats) -> Floats:
    return np.asarray(((points[:, :2] - [0.3, 0.6]) ** 2).sum(axis=1))


def correlation(found: Floats, wanted: Floats) -> float:
    return float(np.corrcoef(found.argsort().argsort(), wanted.argsort().argsort())[0, 1])


@pytest.mark.parametrize("stretch", ["as it is", "exp"])
def test_it_knows_the_order_of_points_that_it_has_not_seen(stretch: str) -> None:
    """Only ranks count, so that losses of very different size are as good."""
    points, asked = cloud(60, 2), np.random.default_rng(2).random((40, 2))
    losses = bowl(points) if stretch == "as it is" else np.exp(500 * bowl(points))
    model = Preselection(points, losses, [True, True], np.array([0.5, 0.5]))
    assert correlation(model.scores(asked), bowl(asked)) > 0.95


def test_noise_is_averaged() -> None:
    points, asked = cloud(100, 2), np.random.default_rng(2).random((40, 2))
    losses = bowl(points) + np.random.default_rng(3).normal(size=100) * 0.1
    model = Preselection(points, losses, [True, True], np.array([0.5, 0.5]))
    assert correlation(model.scores(asked), bowl(asked)) > 0.8


def test_words_are_known_by_their_own_results() -> None:
    points = cloud(60, 3)
    points[:, 2] = (np.floor(points[:, 2] * 3) + 0.5) / 3
    losses = bowl(points) + (points[:, 2] != 0.5)
    model = Preselection(points, losses, [True, True, False], np.array([0.5, 0.5]))
    asked = np.array([[0.3, 0.6, place] for place in (1 / 6, 0.5, 5 / 6)])
    assert model.scores(asked).argmin() == 1


def test_trials_far_away_are_passed_over() -> None:
    near = 0.2 + 0.001 * cloud(100, 2)
    far = 0.9 + 0.01 * cloud(100, 2)
    centre = np.array([0.2, 0.2])
    losses = near[:, 0]
    alone = Preselection(near, losses, [True, True], centre)
    crowded = Preselection(np.vstack([far, near]), np.append(far[:, 1], losses), [True] * 2, centre)
    asked = 0.2 + 0.001 * np.random.default_rng(5).random((10, 2))
    assert crowded.scores(asked) == pytest.approx(alone.scores(asked), abs=1e-9)


def test_the_reach_follows_the_trials_however_near_they_are() -> None:
    points, asked = cloud(60, 2), np.random.default_rng(2).random((40, 2))
    whole = Preselection(points, bowl(points), [True, True], np.array([0.5, 0.5]))
    tiny = Preselection(points * 1e-6, bowl(points), [True, True], np.array([0.5, 0.5]) * 1e-6)
    assert tiny.scores(asked * 1e-6) == pytest.approx(whole.scores(asked), abs=1e-6)


@pytest.mark.parametrize(
    "points", [np.full((7, 2), 0.5), cloud(1, 2), cloud(7, 2)], ids=["one place", "one", "many"]
)
def test_without_differences_all_points_are_as_good(points: Floats) -> None:
    model = Preselection(points, np.ones(len(points)), [True, True], np.array([0.5, 0.5]))
    assert model.scores(cloud(5, 2)) == pytest.approx(np.zeros(5))


def test_distances_are_those_per_parameter() -> None:
    metric = Metric(np.array([True, False, True, False]), np.array([0.1, 1.0]))
    one, other = np.array([[0.0, 0.5, 0.0, 0.5]]), np.array([[0.2, 0.5, 1.0, 0.1]])
    apart, words = metric.squares(one, other)
    assert apart.item() == pytest.approx((4 + 1) / 2)
    assert words.item() == 0.5
