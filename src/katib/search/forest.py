"""Regression trees, and models made of many: random forests, extra trees, gradient boosting.

L. Breiman, "Random Forests", 2001; P. Geurts, D. Ernst and L. Wehenkel, "Extremely randomized
trees", 2006; J. H. Friedman, "Greedy Function Approximation: A Gradient Boosting Machine", 2001.
What a forest does not know is how far its trees disagree: F. Hutter, L. Xu, H. Hoos and K.
Leyton-Brown, "Algorithm Runtime Prediction: Methods & Evaluation", 2014, section 4.3.2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from katib.search.history import Floats

_TREES = 40
_STAGES = 30
_RATE = 0.2

#: The quantiles that gradient boosting predicts: one standard deviation below the median of a
#: normal distribution, the median, and one above it.
_QUANTILES = (0.16, 0.5, 0.84)

#: Standard deviations never fall to nothing: between known points, nobody knows.
_LEAST_DEVIATION = 0.01


@dataclass(frozen=True, slots=True)
class Growth:
    """How a tree grows.

    Attributes:
        least: so many points at least are left on each side of a split.
        depth: so many splits at most lie between the root and a leaf.
        is_random: each feature is split at one random place, and not at the best one.
    """

    least: int = 1
    depth: int = 64
    is_random: bool = False


class Tree:
    """Splits points where their losses differ most, and predicts the mean of those in a leaf.

    Args:
        points: (n_points, n_features).
        losses: (n_points,).
        growth: how it grows.
        random: where random splits are drawn from.
    """

    def __init__(
        self, points: Floats, losses: Floats, growth: Growth, random: np.random.Generator
    ) -> None:
        self._points, self._losses, self._growth, self._random = points, losses, growth, random
        self._features: list[int] = []
        self._places: list[float] = []
        self._children: list[tuple[int, int]] = []
        self.means: list[float] = []
        self._grow(np.arange(len(points)), 0)

    def leaves(self, points: Floats) -> NDArray[np.intp]:
        """The number of the leaf that each point falls into."""
        nodes = np.zeros(len(points), dtype=np.intp)
        features, places = np.array(self._features), np.array(self._places)
        children = np.array(self._children)
        rows = np.arange(len(points))
        while True:
            is_above = points[rows, features[nodes]] > places[nodes]
            following = children[nodes, is_above.astype(np.intp)]
            if np.array_equal(following, nodes):
                return nodes
            nodes = following

    def predict(self, points: Floats) -> Floats:
        """(n_points,)."""
        return np.array(self.means)[self.leaves(points)]

    def _grow(self, members: NDArray[np.intp], depth: int) -> int:
        node = len(self.means)
        self.means.append(float(self._losses[members].mean()))
        self._features.append(0)
        self._places.append(0.0)
        self._children.append((node, node))
        split = self._split(members) if depth < self._growth.depth else None
        if split is not None:
            feature, place = split
            is_above = self._points[members, feature] > place
            self._features[node], self._places[node] = feature, place
            low = self._grow(members[~is_above], depth + 1)
            high = self._grow(members[is_above], depth + 1)
            self._children[node] = low, high
        return node

    def _split(self, members: NDArray[np.intp]) -> tuple[int, float] | None:
        """The feature and the place whose two sides differ most in their losses."""
        losses = self._losses[members]
        if len(members) < 2 * self._growth.least or np.ptp(losses) == 0.0:
            return None
        points = self._points[members]
        order = np.argsort(points, axis=0, kind="stable")
        ranked = np.take_along_axis(points, order, axis=0)
        counts = np.arange(1, len(members))[:, None]
        below = np.cumsum(losses[order], axis=0)[:-1]
        above = losses.sum() - below
        gains = below**2 / counts + above**2 / (len(members) - counts)
        is_possible = ranked[1:] > ranked[:-1]
        is_possible[: self._growth.least - 1] = False
        is_possible[len(members) - self._growth.least :] = False
        if self._growth.is_random:
            is_possible &= self._drawn(ranked)
        if not is_possible.any():
            return None
        row, feature = np.unravel_index(
            np.argmax(np.where(is_possible, gains, -np.inf)), gains.shape
        )
        return int(feature), float((ranked[row, feature] + ranked[row + 1, feature]) / 2)

    def _drawn(self, ranked: Floats) -> NDArray[np.bool_]:
        """One gap of each feature: the one that a random place between its ends falls into."""
        first, last = ranked[0], ranked[-1]
        places = first + self._random.random(len(first)) * (last - first)
        return np.asarray((ranked[:-1] <= places) & (places < ranked[1:]))


@dataclass(frozen=True, slots=True, eq=False)
class Forest:
    """Many trees that each saw something else.

    Attributes:
        trees: any number of them.
    """

    trees: Sequence[Tree]

    def predict(self, points: Floats) -> tuple[Floats, Floats]:
        """Means and standard deviations of what the trees say: (n_points,) each."""
        said = np.stack([tree.predict(points) for tree in self.trees])
        return said.mean(0), np.maximum(said.std(0), _LEAST_DEVIATION)


@dataclass(frozen=True, slots=True, eq=False)
class Boosting:
    """Three sums of trees, each for a quantile of the loss.

    Attributes:
        sums: for each quantile the first value, and trees with the values of their nodes.
    """

    sums: Sequence[tuple[float, Sequence[tuple[Tree, Floats]]]]

    def predict(self, points: Floats) -> tuple[Floats, Floats]:
        """The median, and half of what lies between the outer quantiles: (n_points,) each."""
        low, middle, high = (
            first + sum((values[tree.leaves(points)] for tree, values in trees), np.zeros(1))
            for first, trees in self.sums
        )
        shape = np.zeros(len(points))
        return middle + shape, np.maximum((high - low) / 2 + shape, _LEAST_DEVIATION)


def random_forest(points: Floats, losses: Floats, random: np.random.Generator) -> Forest:
    """Each tree sees as many points as there are, drawn with repetition."""
    trees: list[Tree] = []
    for _ in range(_TREES):
        drawn = random.integers(len(points), size=len(points))
        trees.append(Tree(points[drawn], losses[drawn], Growth(), random))
    return Forest(trees)


def extra_trees(points: Floats, losses: Floats, random: np.random.Generator) -> Forest:
    """Each tree sees all points, and splits them at random places."""
    growth = Growth(is_random=True)
    return Forest([Tree(points, losses, growth, random) for _ in range(_TREES)])


def boosted_trees(points: Floats, losses: Floats, random: np.random.Generator) -> Boosting:
    """Each tree corrects those before it, in the direction that its quantile lies in.

    Friedman 2001, section 4.3, with the loss of quantiles.
    """
    growth = Growth(depth=3)
    sums: list[tuple[float, list[tuple[Tree, Floats]]]] = []
    for quantile in _QUANTILES:
        first = float(np.quantile(losses, quantile))
        present = np.full(len(losses), first)
        trees: list[tuple[Tree, Floats]] = []
        for _ in range(_STAGES):
            left = losses - present
            tree = Tree(points, np.where(left > 0, quantile, quantile - 1), growth, random)
            leaves = tree.leaves(points)
            values = np.zeros(len(tree.means))
            for leaf in np.unique(leaves):
                values[leaf] = _RATE * np.quantile(left[leaves == leaf], quantile)
            present += values[leaves]
            trees.append((tree, values))
        sums.append((first, trees))
    return Boosting(sums)


#: By the names that ``base_estimator`` has for them.
FORESTS: Mapping[str, Callable[[Floats, Floats, np.random.Generator], Forest | Boosting]] = {
    "RF": random_forest,
    "ET": extra_trees,
    "GBRT": boosted_trees,
}
