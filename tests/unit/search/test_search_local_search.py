from __future__ import annotations

import numpy as np

from katib.api import names
from katib.search.features import Features
from katib.search.history import Floats
from katib.search.local_search import Neighbourhood, ascended, ordered
from katib.search.space import SearchSpace
from katib.testing.builders import an_experiment


def features() -> Features:
    """Of a number, an int with few values and a word, in this order."""
    builder = an_experiment().with_parameter("x", min="0", max="1")
    builder = builder.with_parameter("n", names.INT, min="1", max="9")
    builder = builder.with_parameter("c", names.CATEGORICAL, list=["a", "b", "d"])
    return Features(SearchSpace.of(builder.build()))


def random(seed: int = 4) -> np.random.Generator:
    return np.random.default_rng(seed)


def known(count: int, seed: int = 1) -> Floats:
    return features().rounded(random(seed).random((count, 3)))


def test_neighbours_are_values_of_the_space_and_hardly_ever_the_point_itself() -> None:
    points = known(6)
    near = Neighbourhood(features(), points, random()).around(points)
    assert near.shape[0::2] == points.shape
    flat = near.reshape(-1, 3)
    assert ((flat >= 0) & (flat <= 1)).all()
    np.testing.assert_array_equal(features().rounded(flat), flat)
    assert (near != points[:, None]).any(2).mean() > 0.9


def test_any_parameter_can_be_the_only_one_that_changes() -> None:
    points = known(1)
    drawn = (Neighbourhood(features(), known(8), random(seed)).around(points) for seed in range(20))
    changed = np.concatenate([near[0] for near in drawn]) != points
    alone = changed[changed.sum(1) == 1]
    assert alone.any(0).all()


def test_steps_along_differences_shrink_as_good_points_draw_together() -> None:
    centre = np.array([[0.5, 0.5, 0.5]])

    def long_steps(spread: float) -> float:
        good = np.clip(centre + spread * random(2).standard_normal((10, 3)), 0, 1)
        near = Neighbourhood(features(), good, random(3)).around(np.repeat(centre, 30, axis=0))
        return float(np.quantile(np.abs(near[..., 0] - 0.5), 0.95))

    assert long_steps(0.01) < long_steps(0.3)


def test_local_search_finds_what_lies_between_the_points_it_sets_out_from() -> None:
    target = features().rounded(np.array([[0.7312, 0.2, 0.5]]))[0]

    def score(points: Floats) -> Floats:
        return np.asarray(-np.abs(points - target).sum(1))

    points = known(12)
    points = points[np.argsort(-score(points))]
    found = ascended(score, points, Neighbourhood(features(), points[:4], random()))
    np.testing.assert_array_equal(features().rounded(found), found)
    assert (np.diff(score(found)) <= 0).all()
    assert score(found)[0] > score(points)[0]
    np.testing.assert_array_equal(found[0, 1:], target[1:])
    assert abs(found[0, 0] - target[0]) < 0.02


def test_local_search_is_the_same_for_the_same_chance() -> None:
    def found() -> Floats:
        return ascended(
            lambda points: points[:, 0], known(5), Neighbourhood(features(), known(5), random())
        )

    np.testing.assert_array_equal(found(), found())


def test_of_equal_scores_chance_decides() -> None:
    points = np.arange(6.0).reshape(6, 1) / 6
    scores = np.array([0.0, 1.0, 1.0, 1.0, 1.0, 0.5])
    orders = {tuple(ordered(points, scores, random(seed))[:, 0]) for seed in range(10)}
    assert len(orders) > 3
    assert {order[-2:] for order in orders} == {(points[5, 0], points[0, 0])}
