"""Regression trees, and models made of many: random forests, extra trees, gradient boosting.

L. Breiman, "Random Forests", 2001; P. Geurts, D. Ernst and L. Wehenkel, "Extremely randomized
trees", 2006; J. H. Friedman, "Greedy Function Approximation: A Gradient Boosting Machine", 2001.
What a forest does not know is how far its trees disagree, and what their leaves leave open: F.
Hutter, L. Xu, H. Hoos and K. Leyton-Brown, "Algorithm Runtime Prediction: Methods & Evaluation",
2014, section 4.3.2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from katib.search.grove import Grove, Growth, grow
from katib.search.history import Floats

_TREES = 40
_STAGES = 30
_RATE = 0.2

#: Of doubtful trees, each sees so many of the best points and of the others at most, and looks at
#: so many of the features for a split (Hutter et al. 2011, section 4.1).
_MOST_BEST = _MOST_OTHERS = 500
_SHARE = 5 / 6

#: The quantiles that gradient boosting predicts: one standard deviation below the median of a
#: normal distribution, the median, and one above it.
_QUANTILES = (0.16, 0.5, 0.84)

#: Standard deviations never fall to nothing: between known points, nobody knows.
_LEAST_DEVIATION = 0.01
_LEAST_DOUBT = 1e-4


@dataclass(frozen=True, slots=True, eq=False)
class Forest:
    """Many trees that each saw something else.

    Attributes:
        grove: the trees.
        least: the smallest standard deviation.
    """

    grove: Grove
    least: float = _LEAST_DEVIATION

    def predict(self, points: Floats) -> tuple[Floats, Floats]:
        """Means and standard deviations, by the law of total variance: (n_points,) each."""
        leaves = self.grove.leaves(points)
        said = self.grove.means[leaves]
        variances = self.grove.variances[leaves].mean(0) + said.var(0)
        return said.mean(0), np.maximum(np.sqrt(variances), self.least)


@dataclass(frozen=True, slots=True, eq=False)
class Boosting:
    """Three sums of trees, each for a quantile of the loss.

    Attributes:
        sums: for each quantile the first value, and trees with the values of their nodes.
    """

    sums: Sequence[tuple[float, Sequence[tuple[Grove, Floats]]]]

    def predict(self, points: Floats) -> tuple[Floats, Floats]:
        """The median, and half of what lies between the outer quantiles: (n_points,) each."""
        low, middle, high = (
            first + sum((values[tree.leaves(points)[0]] for tree, values in trees), np.zeros(1))
            for first, trees in self.sums
        )
        shape = np.zeros(len(points))
        return middle + shape, np.maximum((high - low) / 2 + shape, _LEAST_DEVIATION)


def random_forest(points: Floats, losses: Floats, random: np.random.Generator) -> Forest:
    """Each tree sees as many points as there are, drawn with repetition."""
    count = len(points)
    weights = random.multinomial(count, np.full(count, 1 / count), _TREES).astype(np.float64)
    return Forest(grow(points, losses, weights, Growth(), random))


def extra_trees(points: Floats, losses: Floats, random: np.random.Generator) -> Forest:
    """Each tree sees all points, and splits them at random places."""
    weights = np.ones((_TREES, len(points)))
    return Forest(grow(points, losses, weights, Growth(is_random=True), random))


def boosted_trees(points: Floats, losses: Floats, random: np.random.Generator) -> Boosting:
    """Each tree corrects those before it, in the direction that its quantile lies in.

    Friedman 2001, section 4.3, with the loss of quantiles.
    """
    growth, weights = Growth(depth=3), np.ones((1, len(points)))
    sums: list[tuple[float, list[tuple[Grove, Floats]]]] = []
    for quantile in _QUANTILES:
        first = float(np.quantile(losses, quantile))
        present = np.full(len(losses), first)
        trees: list[tuple[Grove, Floats]] = []
        for _ in range(_STAGES):
            left = losses - present
            slopes = np.where(left > 0, quantile, quantile - 1)
            tree = grow(points, slopes, weights, growth, random)
            leaves = tree.leaves(points)[0]
            values = np.zeros(len(tree.means))
            for leaf in np.unique(leaves):
                values[leaf] = _RATE * np.quantile(left[leaves == leaf], quantile)
            present += values[leaves]
            trees.append((tree, values))
        sums.append((first, trees))
    return Boosting(sums)


def doubtful_trees(
    points: Floats, losses: Floats, random: np.random.Generator, count: int
) -> Forest:
    """Extra trees whose leaves are never quite sure.

    Each looks at some of the features for each split, and sees the best points and, of very many
    others, some.

    Args:
        points: (n_points, n_features).
        losses: (n_points,).
        random: where chance comes from.
        count: how many trees.
    """
    weights = np.ones((count, len(points)))
    others = np.argsort(losses, kind="stable")[_MOST_BEST:]
    for tree in weights:
        tree[random.permutation(others)[_MOST_OTHERS:]] = 0.0
    growth = Growth(is_random=True, share=_SHARE, doubt=1.0)
    return Forest(grow(points, losses, weights, growth, random), _LEAST_DOUBT)


#: By the names that ``base_estimator`` has for them.
FORESTS: Mapping[str, Callable[[Floats, Floats, np.random.Generator], Forest | Boosting]] = {
    "RF": random_forest,
    "ET": extra_trees,
    "GBRT": boosted_trees,
}
