"""Parameters cut into cells, and the boxes of cells that the leaves of regression trees are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from katib.client.analysis.axes import Axis, Scale
from katib.client.trial_table import Floats
from katib.search.grove import Grove

#: So many cells at most has a parameter.
MOST_CELLS = 32


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """One parameter: what each trial has of it, and what trees see of it.

    Attributes:
        numbers: (n_trials,), the cell of each, from 0 on.
        shares: (n_cells,), how much of the parameter's range each is; together 1.
        is_ordered: whether trees split between neighbours; else they tell each word from all
            others.
    """

    numbers: NDArray[np.intp]
    shares: Floats
    is_ordered: bool

    @classmethod
    def of(cls, axis: Axis) -> Cells:
        """The cells of an axis, none of whose places is missing.

        Numbers have cells of equal width, and words one each; the rarest of very many words have
        one together.
        """
        if axis.scale is not Scale.WORDS:
            numbers = np.floor(axis.units * MOST_CELLS).clip(0, MOST_CELLS - 1).astype(np.intp)
            return cls(numbers, np.full(MOST_CELLS, 1 / MOST_CELLS), True)
        count = max(len(axis.words), 1)
        if axis.is_ordered and count > MOST_CELLS:
            numbers = (axis.places * MOST_CELLS // count).astype(np.intp)
            return cls(numbers, np.full(MOST_CELLS, 1 / MOST_CELLS), True)
        numbers, shares = axis.places.astype(np.intp), np.full(count, 1 / count)
        if count > MOST_CELLS:
            numbers = _without_rare(numbers, count)
            shares = np.full(MOST_CELLS, 1 / count)
            shares[-1] = (count - MOST_CELLS + 1) / count
        return cls(numbers, shares, axis.is_ordered)

    @property
    def features(self) -> Floats:
        """(n_trials, n_features): the cell's number, or for each word whether it is that."""
        if self.is_ordered:
            return self.numbers[:, None].astype(np.float64)
        return np.eye(len(self.shares))[self.numbers]

    @property
    def width(self) -> int:
        """How many features there are."""
        return 1 if self.is_ordered else len(self.shares)

    def within(self, low: Floats, high: Floats) -> Floats:
        """Which cells lie in boxes that are open below and closed above.

        Args:
            low: (n_boxes, n_features), and so is ``high``.
            high: the upper ends.

        Returns:
            (n_boxes, n_cells), 1 where a cell lies within and 0 elsewhere.
        """
        if self.is_ordered:
            places = np.arange(len(self.shares))
            return ((places > low) & (places <= high)).astype(np.float64)
        is_only, is_out = low >= 0, high < 1
        is_told = is_only.any(axis=1, keepdims=True)
        return np.where(is_told, is_only, ~is_out).astype(np.float64)


def _without_rare(numbers: NDArray[np.intp], count: int) -> NDArray[np.intp]:
    """The most frequent words keep a cell each, and the last cell is for all others."""
    by_frequency = np.argsort(-np.bincount(numbers, minlength=count), kind="stable")
    cells = np.full(count, MOST_CELLS - 1, dtype=np.intp)
    cells[by_frequency[: MOST_CELLS - 1]] = np.arange(MOST_CELLS - 1)
    return cells[numbers]


@dataclass(frozen=True, slots=True, eq=False)
class Boxes:
    """The leaves of trees.

    Attributes:
        trees: (n_leaves,), the tree of each, ascending.
        low: (n_leaves, n_features): a leaf's points lie above, and at or below ``high``.
        high: likewise.
        means: (n_leaves,), what is predicted there.
    """

    trees: NDArray[np.intp]
    low: Floats
    high: Floats
    means: Floats


def boxes_of(grove: Grove, features: int) -> Boxes:
    """The leaves of all trees of a grove.

    Args:
        grove: its children come after their parents.
        features: how many there are.
    """
    count = len(grove.means)
    trees = np.zeros(count, dtype=np.intp)
    low, high = np.full((count, features), -np.inf), np.full((count, features), np.inf)
    nodes = np.arange(grove.trees)
    trees[nodes] = nodes
    is_leaf = grove.children == np.arange(count)
    while len(nodes := nodes[~is_leaf[nodes]]):
        below = grove.children[nodes]
        for children in (below, below + 1):
            trees[children], low[children], high[children] = trees[nodes], low[nodes], high[nodes]
        high[below, grove.features[nodes]] = grove.places[nodes]
        low[below + 1, grove.features[nodes]] = grove.places[nodes]
        nodes = np.concatenate([below, below + 1])
    leaves = np.flatnonzero(is_leaf)
    leaves = leaves[np.argsort(trees[leaves], kind="stable")]
    return Boxes(trees[leaves], low[leaves], high[leaves], grove.means[leaves])


def split_features(boxes: Boxes, cells: Sequence[Cells]) -> list[tuple[Floats, Floats]]:
    """The lower and upper ends of the boxes, for each parameter on its own."""
    ends = np.cumsum([one.width for one in cells])[:-1]
    lows, highs = np.split(boxes.low, ends, axis=1), np.split(boxes.high, ends, axis=1)
    return list(zip(lows, highs, strict=True))
