from __future__ import annotations

import numpy as np
import pytest

from katib.search.forest import FORESTS, Growth, Tree
from katib.search.history import Floats


def points(count: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).random((count, 3))


def cliff(at: Floats) -> Floats:
    return np.where(at[:, 1] > 0.6, 2.0, 0.0) + at[:, 0] * 0.1


def random() -> np.random.Generator:
    return np.random.default_rng(1)


def test_a_tree_splits_where_the_losses_jump() -> None:
    known = points(80)
    tree = Tree(known, cliff(known), Growth(depth=1), random())
    low, high = tree.predict(np.array([[0.5, 0.5, 0.5], [0.5, 0.7, 0.5]]))
    assert (low, high) == pytest.approx((0.05, 2.05), abs=0.03)


def test_a_leaf_has_as_many_points_as_it_must() -> None:
    known = points(50)
    tree = Tree(known, cliff(known), Growth(least=4), random())
    _, counts = np.unique(tree.leaves(known), return_counts=True)
    assert counts.min() >= 4
    assert len(counts) > 3


@pytest.mark.parametrize("kind", FORESTS)
def test_trees_learn_a_function_that_jumps(kind: str) -> None:
    known, unknown = points(120), points(200, seed=1)
    means, deviations = FORESTS[kind](known, cliff(known), random()).predict(unknown)
    assert np.abs(means - cliff(unknown)).mean() < 0.15
    assert (deviations > 0).all()


@pytest.mark.parametrize("kind", FORESTS)
def test_the_same_chance_grows_the_same_trees(kind: str) -> None:
    known, unknown = points(40), points(20, seed=1)
    one, other = (FORESTS[kind](known, cliff(known), random()).predict(unknown) for _ in range(2))
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("kind", FORESTS)
def test_where_losses_are_mixed_the_trees_are_less_sure(kind: str) -> None:
    known = points(200)
    noise = np.random.default_rng(2).normal(0, 1, 200) * (known[:, 0] > 0.5)
    unknown = points(200, seed=1)
    _, deviations = FORESTS[kind](known, noise, random()).predict(unknown)
    mixed, plain = deviations[unknown[:, 0] > 0.55], deviations[unknown[:, 0] < 0.45]
    assert mixed.mean() > 2 * plain.mean()


@pytest.mark.parametrize("kind", FORESTS)
@pytest.mark.parametrize("count", [1, 2, 5])
def test_few_points_are_enough(kind: str, count: int) -> None:
    known = points(count)
    means, _ = FORESTS[kind](known, cliff(known), random()).predict(points(3, seed=1))
    assert np.isfinite(means).all()
