"""Which parameters matter: functional analysis of variance.

F. Hutter, H. Hoos and K. Leyton-Brown, "An Efficient Approach for Assessing Hyperparameter
Importance", 2014. A random forest predicts the objective over all of the search space. Each of its
trees is constant on boxes, so that what a tree predicts on average, when some parameters are fixed,
is a sum over its leaves (section 3), and how much of its variance these parameters explain is exact
(section 4). Continuous parameters are cut into cells first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from katib.api import names
from katib.client.analysis.axes import axis_of
from katib.client.analysis.cells import Boxes, Cells, boxes_of, split_features
from katib.client.trial_table import Floats, TrialTable
from katib.search.grove import Growth, grow

_TREES = 48

#: More trials than this make no difference that could be seen, and take their time.
_MOST_TRIALS = 1500

#: Each split looks at some of the features, as in section 4.3.2 of F. Hutter et al., "Algorithm
#: Runtime Prediction: Methods & Evaluation", 2014; but a leaf has two trials at least, so that
#: noise looks less like knowledge.
_GROWTH = Growth(least=2, share=5 / 6)

#: Of so many parameters, the most important, pairs are looked at.
_MOST_PAIRED = 8

#: A tree that predicts next to the same everywhere explains nothing.
_LEAST_VARIANCE = 1e-20


@dataclass(frozen=True, slots=True)
class Share:
    """Of the objective's variance.

    Attributes:
        mean: over the trees, from 0 to 1.
        deviation: between the trees: how far the number can be trusted.
    """

    mean: float
    deviation: float


@dataclass(frozen=True, slots=True)
class Importances:
    """How much of the objective's variance over the search space parameters explain.

    Attributes:
        parameters: each alone, the most important first. All are 0 when the objective never
            differs, or fewer than four trials have a value.
        pairs: each two of the most important beyond what they explain alone, the strongest first.
        trials: how many trials were looked at.
    """

    parameters: Mapping[str, Share]
    pairs: Mapping[tuple[str, str], Share]
    trials: int

    @property
    def rest(self) -> float:
        """What single parameters do not explain: their working together, from 0 to 1."""
        alone = sum(share.mean for share in self.parameters.values())
        return max(0.0, 1.0 - alone) if alone else 0.0


def importances(table: TrialTable, seed: int = 0) -> Importances:
    """The importances of all parameters that the document searches.

    Trials that failed, were stopped early, or have no finite value say nothing here.

    Args:
        table: the trials.
        seed: of the forest; the same trials and seed give the same answer.
    """
    random = np.random.default_rng(seed)
    axes = [axis_of(column) for column in table.parameters.values()]
    is_good = np.isfinite(table.losses)
    is_good &= np.array([status == names.SUCCEEDED for status in table.statuses], dtype=np.bool_)
    for axis in axes:
        is_good &= np.isfinite(axis.places)
    rows = np.flatnonzero(is_good)
    if len(rows) > _MOST_TRIALS:
        rows = np.sort(random.choice(rows, _MOST_TRIALS, replace=False))
    losses = table.losses[rows]
    parameters = list(table.parameters)
    if len(rows) < 2 or not parameters or losses.min() == losses.max():
        nothing = {name: Share(0.0, 0.0) for name in parameters}
        return Importances(nothing, {}, len(rows))
    cells = [Cells.of(axis.at(rows)) for axis in axes]
    alone, together = _shares(cells, losses, random)
    order = np.argsort(-alone.mean(0), kind="stable")
    return Importances(
        {parameters[number]: _share(alone[:, number]) for number in order},
        {
            (parameters[one], parameters[other]): _share(shares)
            for (one, other), shares in sorted(together.items(), key=lambda pair: -pair[1].mean())
        },
        len(rows),
    )


def _share(shares: Floats) -> Share:
    return Share(float(shares.mean()), float(shares.std()))


def _shares(
    cells: Sequence[Cells], losses: Floats, random: np.random.Generator
) -> tuple[Floats, dict[tuple[int, int], Floats]]:
    """The shares of each parameter alone, and of pairs, by tree.

    Returns:
        (n_trees, n_parameters); and (n_trees,) for pairs of numbers of parameters.
    """
    points = np.hstack([one.features for one in cells])
    count = len(points)
    # The scale is of no importance, and squares of very large numbers are none.
    scaled = (losses - losses.mean()) / max(np.abs(losses - losses.mean()).max(), 1e-300)
    weights = random.multinomial(count, np.full(count, 1 / count), _TREES).astype(np.float64)
    boxes = boxes_of(grow(points, scaled, weights, _GROWTH, random), points.shape[1])
    trees = [tree for tree in _trees(boxes, cells) if tree.variance > _LEAST_VARIANCE]
    if not trees:
        return np.zeros((1, len(cells))), {}
    alone = np.array([[tree.share(n) for n in range(len(cells))] for tree in trees])
    paired = np.sort(np.argsort(-alone.mean(0), kind="stable")[:_MOST_PAIRED])
    together = {
        (int(one), int(other)): np.array([tree.share_of_pair(one, other) for tree in trees])
        for one, other in combinations(paired, 2)
    }
    return alone, together


def _trees(boxes: Boxes, cells: Sequence[Cells]) -> list[_Tree]:
    ends = split_features(boxes, cells)
    within = [one.within(low, high) for one, (low, high) in zip(cells, ends, strict=True)]
    starts = np.flatnonzero(np.diff(boxes.trees)) + 1
    parts = [np.split(one, starts) for one in within]
    return [
        _Tree(means, masks, [one.shares for one in cells])
        for means, *masks in zip(np.split(boxes.means, starts), *parts, strict=True)
    ]


class _Tree:
    """One tree, as its leaves.

    Args:
        means: (n_leaves,), what is predicted.
        within: for each parameter (n_leaves, n_cells), which cells a leaf has.
        shares: for each parameter (n_cells,), how much of its range they are.
    """

    def __init__(self, means: Floats, within: Sequence[Floats], shares: Sequence[Floats]) -> None:
        self._within, self._shares = within, shares
        self._widths = [mask @ share for mask, share in zip(within, shares, strict=True)]
        volumes = np.prod(self._widths, axis=0)
        mean = float(volumes @ means)
        # From here on predictions are distances to the mean: f of the empty set is 0.
        self._parts = volumes * (means - mean)
        self.variance = float(volumes @ (means - mean) ** 2)
        self._alone: dict[int, float] = {}

    def share(self, number: int) -> float:
        """The share of the variance that a parameter explains alone: V_U / V, U of one."""
        if number not in self._alone:
            # The marginal: the parameter is fixed, and so not averaged over.
            marginal = (self._parts / self._widths[number]) @ self._within[number]
            self._alone[number] = float(self._shares[number] @ marginal**2) / self.variance
        return self._alone[number]

    def share_of_pair(self, one: int, other: int) -> float:
        """What two explain together beyond what each does alone: V_U / V, U of two."""
        parts = self._parts / self._widths[one] / self._widths[other]
        marginal = (self._within[one] * parts[:, None]).T @ self._within[other]
        both = float(self._shares[one] @ marginal**2 @ self._shares[other]) / self.variance
        return max(0.0, both - self.share(one) - self.share(other))
