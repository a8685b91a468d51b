from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import pytest

from katib.search.forest import FORESTS, Boosting, Forest, doubtful_trees
from katib.search.history import Floats

KINDS: Mapping[str, Callable[[Floats, Floats, np.random.Generator], Forest | Boosting]] = {
    **FORESTS,
    "doubtful": partial(doubtful_trees, count=20),
}


def points(count: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).random((count, 3))


def cliff(at: Floats) -> Floats:
    return np.where(at[:, 1] > 0.6, 2.0, 0.0) + at[:, 0] * 0.1


def random() -> np.random.Generator:
    return np.random.default_rng(1)


@pytest.mark.parametrize("kind", KINDS)
def test_trees_learn_a_function_that_jumps(kind: str) -> None:
    known, unknown = points(120), points(200, seed=1)
    means, deviations = KINDS[kind](known, cliff(known), random()).predict(unknown)
    assert np.abs(means - cliff(unknown)).mean() < 0.15
    assert (deviations > 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_chance_grows_the_same_trees(kind: str) -> None:
    known, unknown = points(40), points(20, seed=1)
    one, other = (KINDS[kind](known, cliff(known), random()).predict(unknown) for _ in range(2))
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("kind", KINDS)
def test_where_losses_are_mixed_the_trees_are_less_sure(kind: str) -> None:
    known = points(200)
    noise = np.random.default_rng(2).normal(0, 1, 200) * (known[:, 0] > 0.5)
    unknown = points(200, seed=1)
    _, deviations = KINDS[kind](known, noise, random()).predict(unknown)
    mixed, plain = deviations[unknown[:, 0] > 0.55], deviations[unknown[:, 0] < 0.45]
    assert mixed.mean() > 2 * plain.mean()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [1, 2, 5])
def test_few_points_are_enough(kind: str, count: int) -> None:
    known = points(count)
    means, _ = KINDS[kind](known, cliff(known), random()).predict(points(3, seed=1))
    assert np.isfinite(means).all()


def test_doubtful_trees_are_less_sure_between_the_points_than_at_them() -> None:
    known = points(40)
    forest = doubtful_trees(known, cliff(known), random(), 20)
    _, there = forest.predict(known)
    _, elsewhere = forest.predict(points(200, seed=1))
    assert elsewhere.mean() > 1.5 * there.mean()


def test_equal_losses_prove_nothing_where_others_differ() -> None:
    """A leaf of one point has a variance: that of the points around it, in part."""
    known = points(60)
    losses = np.random.default_rng(3).normal(0, 1, 60)
    _, deviations = doubtful_trees(known, losses, random(), 5).predict(known)
    assert deviations.min() > 0.1


def test_of_very_many_points_each_tree_sees_the_best_and_some_others() -> None:
    known = points(5000)
    forest = doubtful_trees(known, cliff(known), random(), 3)
    assert forest.grove.counts[:3].tolist() == [1000.0] * 3
    means, _ = forest.predict(known)
    assert np.abs(means - cliff(known)).mean() < 0.05
