"""Growing regression trees, all of a grove at once, a level at a time.

L. Breiman, J. Friedman, R. Olshen and C. Stone, "Classification and Regression Trees", 1984.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from katib.search.history import Floats

Indices = NDArray[np.intp]

#: A node whose losses vary no more than this is a leaf.
_LEAST_VARIANCE = 1e-20

#: What a split is worth at least, so that one that explains nothing yet is still made.
_LEAST_GAIN = 1e-100


@dataclass(frozen=True, slots=True)
class Growth:
    """How trees grow.

    Attributes:
        least: so many points at least are left on each side of a split.
        depth: so many splits at most lie between the root and a leaf.
        share: how likely a feature is looked at for a split; others are split where none of those
            can be.
        is_random: each feature is split at one random place, and not at the best one.
        doubt: a node's variance is that of its points and of so many more that are as its parent
            expects them. Few points that are equal do not prove that others are.
    """

    least: int = 1
    depth: int = 64
    share: float = 1.0
    is_random: bool = False
    doubt: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Grove:
    """Trees side by side; the first nodes are their roots.

    Attributes:
        trees: how many.
        features: (n_nodes,), what each node splits.
        places: (n_nodes,), where it does so.
        children: (n_nodes,), where points below go; those above go to the next node. A leaf is
            its own child.
        counts: (n_nodes,), how many points have come there.
        means: (n_nodes,), of their losses.
        variances: (n_nodes,), that are expected of losses there.
    """

    trees: int
    features: Indices
    places: Floats
    children: Indices
    counts: Floats
    means: Floats
    variances: Floats

    def leaves(self, points: Floats) -> Indices:
        """The leaf of each tree that each of (n_points, n_features) falls into.

        Returns:
            (n_trees, n_points), numbers of nodes.
        """
        nodes = np.repeat(np.arange(self.trees), len(points))
        left = np.arange(len(nodes))
        columns = left % len(points)
        while len(left):
            here = nodes[left]
            is_inner = self.children[here] != here
            left, here = left[is_inner], here[is_inner]
            is_above = points[columns[left], self.features[here]] > self.places[here]
            nodes[left] = self.children[here] + is_above
        return nodes.reshape(self.trees, len(points))


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """What has come to the nodes of a level: rows of points, node by node.

    Attributes:
        numbers: (n_rows,), the points.
        weights: (n_rows,), how often each counts.
        nodes: (n_rows,), the node of each, from 0 on, ascending.
    """

    numbers: Indices
    weights: Floats
    nodes: Indices

    def below(self, splits: _Splits, points: Floats) -> _Rows:
        """The rows of nodes that are split, at their children: two for each such node, in order."""
        is_split = splits.is_split[self.nodes]
        numbers, nodes = self.numbers[is_split], self.nodes[is_split]
        is_above = points[numbers, splits.features[nodes]] > splits.places[nodes]
        children = 2 * (np.cumsum(splits.is_split) - 1)[nodes] + is_above
        order = np.argsort(children, kind="stable")
        return _Rows(numbers[order], self.weights[is_split][order], children[order])


@dataclass(frozen=True, slots=True, eq=False)
class _Level:
    """The nodes of a level, with their points.

    Attributes:
        points: (n_rows, n_features).
        away: (n_rows,), losses less the mean of their node.
        weights: (n_rows,), how often each counts.
        nodes: (n_rows,), from 0 on, ascending.
        starts: (n_nodes,), the first row of each node.
        counts: (n_nodes,), of points.
        means: (n_nodes,), of losses.
        variances: (n_nodes,), of losses.
    """

    points: Floats
    away: Floats
    weights: Floats
    nodes: Indices
    starts: Indices
    counts: Floats
    means: Floats
    variances: Floats

    @classmethod
    def of(cls, rows: _Rows, points: Floats, losses: Floats) -> _Level:
        """With what the rows come to."""
        weights, nodes = rows.weights, rows.nodes
        starts = np.flatnonzero(np.diff(nodes, prepend=-1))
        counts = np.add.reduceat(weights, starts)
        means = np.add.reduceat(weights * losses[rows.numbers], starts) / counts
        away = losses[rows.numbers] - means[nodes]
        variances = np.add.reduceat(weights * away**2, starts) / counts
        return cls(points[rows.numbers], away, weights, nodes, starts, counts, means, variances)


@dataclass(frozen=True, slots=True, eq=False)
class _Splits:
    """The best split of each node of a level: (n_nodes,) each.

    Attributes:
        is_split: whether there is any.
        features: what is split.
        places: where; points beyond lie above.
    """

    is_split: NDArray[np.bool_]
    features: Indices
    places: Floats


def grow(
    points: Floats, losses: Floats, weights: Floats, growth: Growth, random: np.random.Generator
) -> Grove:
    """Trees that split points where their losses differ most.

    Args:
        points: (n_points, n_features).
        losses: (n_points,).
        weights: (n_trees, n_points), how often each tree has each point; each has some.
        growth: how they grow.
        random: where chance comes from.
    """
    trees, numbers = np.nonzero(weights)
    rows = _Rows(numbers, weights[trees, numbers], trees)
    inherited = np.zeros(0)
    count, columns = 0, []
    for depth in range(growth.depth + 1):
        level = _Level.of(rows, points, losses)
        variances = _expected(level, inherited, growth.doubt)
        splits = _split(level, growth, random, depth == growth.depth)
        nodes = len(level.counts)
        children = count + np.arange(nodes)
        count += nodes
        children[splits.is_split] = count + 2 * np.arange(splits.is_split.sum())
        columns.append(
            (splits.features, splits.places, children, level.counts, level.means, variances)
        )
        if not splits.is_split.any():
            break
        inherited = np.repeat(variances[splits.is_split], 2)
        rows = rows.below(splits, points)
    return Grove(len(weights), *(np.concatenate(parts) for parts in zip(*columns, strict=True)))


def _expected(level: _Level, inherited: Floats, doubt: float) -> Floats:
    """The variances of a level's nodes, with what their parents expected; roots have none."""
    if not len(inherited):
        return level.variances
    return (level.counts * level.variances + doubt * inherited) / (level.counts + doubt)


def _split(level: _Level, growth: Growth, random: np.random.Generator, is_last: bool) -> _Splits:
    is_open = (level.counts >= 2 * growth.least) & (level.variances > _LEAST_VARIANCE)
    if is_last or not is_open.any():
        count = len(level.counts)
        return _Splits(np.zeros(count, dtype=bool), np.zeros(count, dtype=np.intp), np.zeros(count))
    search = _split_anywhere if growth.is_random else _split_best
    gains, features, places = search(level, growth, random)
    return _Splits(is_open & (gains > 0.0), features, places)


def _split_anywhere(
    level: _Level, growth: Growth, random: np.random.Generator
) -> tuple[Floats, Indices, Floats]:
    """Each feature between its ends in the node (Geurts et al. 2006, table 1)."""
    low = np.minimum.reduceat(level.points, level.starts, axis=0)
    high = np.maximum.reduceat(level.points, level.starts, axis=0)
    places = _between(low, high, random)
    shares = np.where(level.points <= places[level.nodes], level.weights[:, None], 0.0)
    below = np.add.reduceat(shares, level.starts, axis=0)
    sums = np.add.reduceat(shares * level.away[:, None], level.starts, axis=0)
    gains = _gains(sums, below, level.counts[:, None] - below, growth.least)
    gains = np.where(low < high, gains, 0.0)
    features = _looked_at(gains, random, growth.share).argmax(1)
    nodes = np.arange(len(gains))
    return gains[nodes, features], features, places[nodes, features]


def _split_best(
    level: _Level, growth: Growth, random: np.random.Generator
) -> tuple[Floats, Indices, Floats]:
    """Each feature in every gap between its points.

    Where in the gap is chance: many trees together then pass from one point to the next little by
    little (Hutter et al. 2014, section 4.3.2).
    """
    ranks = np.argsort(np.argsort(level.points, axis=0, kind="stable"), axis=0, kind="stable")
    order = np.argsort(ranks + level.nodes[:, None] * len(ranks), axis=0)
    ranked = np.take_along_axis(level.points, order, axis=0)
    following = np.vstack([ranked[1:], ranked[-1:]])
    below = _running(level.weights[order], level)
    sums = _running((level.weights * level.away)[order], level)
    gains = _gains(sums, below, level.counts[level.nodes, None] - below, growth.least)
    is_last = np.diff(level.nodes, append=-1) != 0
    gains = np.where((following > ranked) & ~is_last[:, None], gains, 0.0)
    looked_at = _looked_at(np.maximum.reduceat(gains, level.starts, axis=0), random, growth.share)
    features = looked_at.argmax(1)
    mine = gains[np.arange(len(gains)), features[level.nodes]]
    best = np.maximum.reduceat(mine, level.starts)
    tops = np.flatnonzero(mine == best[level.nodes])
    rows = tops[np.diff(level.nodes[tops], prepend=-1) != 0]
    return best, features, _between(ranked[rows, features], following[rows, features], random)


def _running(values: Floats, level: _Level) -> Floats:
    """Sums of (n_rows, n_features) down to each row, anew in each node."""
    sums = np.cumsum(values, axis=0)
    before = np.vstack([np.zeros((1, sums.shape[1])), sums])[level.starts]
    return np.asarray(sums - before[level.nodes])


def _gains(sums: Floats, below: Floats, above: Floats, least: int) -> Floats:
    """How much of the squares two sides explain; a little at least where both have points enough.

    Args:
        sums: of what lies below, as distances to the mean of both sides.
        below: how many points lie there.
        above: how many lie on the other side.
        least: how many there must be.
    """
    is_possible = np.minimum(below, above) >= least
    both = np.where(is_possible, below * above, 1.0)
    return np.where(is_possible, sums**2 * (below + above) / both + _LEAST_GAIN, 0.0)


def _looked_at(gains: Floats, random: np.random.Generator, share: float) -> Floats:
    """The gains of (n_nodes, n_features), and next to nothing of those that are passed over."""
    is_passed = random.random(gains.shape) >= share
    return np.where(is_passed, gains * _LEAST_GAIN, gains)


def _between(low: Floats, high: Floats, random: np.random.Generator) -> Floats:
    """Anywhere from ``low`` on, but below ``high``, if that lies further up."""
    places = low + random.random(low.shape) * (high - low)
    return np.where(places < high, places, low)
