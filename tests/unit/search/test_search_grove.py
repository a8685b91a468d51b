from __future__ import annotations

import numpy as np
import pytest

from katib.search.grove import Growth, grow
from katib.search.history import Floats

BEST, ANYWHERE = Growth(), Growth(is_random=True)


def points(count: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).random((count, 3))


def cliff(at: Floats) -> Floats:
    return np.where(at[:, 1] > 0.6, 2.0, 0.0) + at[:, 0] * 0.1


def random() -> np.random.Generator:
    return np.random.default_rng(1)


def every(count: int, trees: int = 1) -> Floats:
    return np.ones((trees, count))


def test_a_tree_splits_where_the_losses_jump() -> None:
    known = points(80)
    tree = grow(known, cliff(known), every(80), Growth(depth=1), random())
    leaves = tree.leaves(np.array([[0.5, 0.5, 0.5], [0.5, 0.7, 0.5]]))
    assert tree.means[leaves[0]] == pytest.approx((0.05, 2.05), abs=0.03)
    assert tree.features[0] == 1
    assert tree.counts[leaves[0]].sum() == 80


@pytest.mark.parametrize("is_random", [False, True])
def test_a_leaf_has_as_many_points_as_it_must(is_random: bool) -> None:
    known = points(50)
    growth = Growth(least=4, is_random=is_random)
    tree = grow(known, cliff(known), every(50), growth, random())
    _, counts = np.unique(tree.leaves(known), return_counts=True)
    assert counts.min() >= 4
    assert len(counts) > 3


@pytest.mark.parametrize("growth", [BEST, ANYWHERE, Growth(is_random=True, share=0.5)])
def test_full_grown_trees_know_every_point(growth: Growth) -> None:
    known = points(60)
    trees = grow(known, cliff(known), every(60, 3), growth, random())
    for leaves in trees.leaves(known):
        np.testing.assert_allclose(trees.means[leaves], cliff(known), atol=1e-9)


@pytest.mark.parametrize("growth", [BEST, ANYWHERE])
def test_a_tree_sees_only_its_points_and_as_often_as_it_has_them(growth: Growth) -> None:
    known, losses = np.array([[0.1], [0.2], [0.9]]), np.array([0.0, 6.0, 1.0])
    weights = np.array([[1.0, 2.0, 0.0], [0.0, 1.0, 3.0]])
    trees = grow(known, losses, weights, growth, random())
    assert trees.means[:2].tolist() == [4.0, 2.25]
    assert trees.counts[:2].tolist() == [3.0, 4.0]
    assert trees.means[trees.leaves(known)[0]].tolist()[:2] == [0.0, 6.0]


@pytest.mark.parametrize("growth", [BEST, ANYWHERE])
def test_points_that_cannot_be_told_apart_share_a_leaf(growth: Growth) -> None:
    known = np.full((6, 2), 0.5)
    trees = grow(known, np.arange(6.0), every(6, 2), growth, random())
    assert len(trees.means) == 2
    assert trees.variances == pytest.approx(np.arange(6.0).var())


@pytest.mark.parametrize("growth", [BEST, ANYWHERE])
def test_equal_losses_need_no_splits(growth: Growth) -> None:
    assert len(grow(points(30), np.ones(30), every(30, 4), growth, random()).means) == 4


def test_splits_that_explain_nothing_yet_are_made() -> None:
    """Either feature alone says nothing about the losses."""
    known = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    losses = np.array([0.0, 1.0, 1.0, 0.0])
    tree = grow(known, losses, every(4), BEST, random())
    assert tree.means[tree.leaves(known)[0]].tolist() == losses.tolist()


def test_doubt_gives_a_leaf_some_of_the_variance_around_it() -> None:
    known = points(40)
    sure, unsure = (
        grow(known, cliff(known), every(40), Growth(doubt=doubt), random()) for doubt in (0.0, 1.0)
    )
    leaves = unsure.leaves(known)[0]
    assert sure.variances[leaves].max() < 1e-12
    assert unsure.variances[leaves].min() > 1e-9
    assert unsure.variances[leaves].max() < unsure.variances[0]


def test_an_ordered_split_is_the_best_there_is() -> None:
    """Against a search through all of them."""
    known, losses = points(25), np.random.default_rng(5).normal(size=25)

    def rest(feature: int, place: float) -> float:
        is_above = known[:, feature] > place
        return float(sum(losses[side].var() * side.sum() for side in (is_above, ~is_above)))

    tree = grow(known, losses, every(25), Growth(depth=1), random())
    found = rest(int(tree.features[0]), float(tree.places[0]))
    places = [(f, p) for f in range(3) for p in np.sort(known[:, f])[:-1]]
    assert found == pytest.approx(min(rest(f, float(p)) for f, p in places))
