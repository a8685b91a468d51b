"""Local search: from the best known points to the neighbours that score highest, step by step.

F. Hutter, H. Hoos and K. Leyton-Brown, "Sequential Model-Based Optimization for General Algorithm
Configuration", 2011, section 4.3. Half of the steps are differences of two good points, as in R.
Storn and K. Price, "Differential Evolution", 1997: they become as small and as slanted as the
region of good points is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from katib.search.features import Features
from katib.search.history import Floats

#: So many points are drawn over all of the space; from the best of them and the best known ones
#: it is set out.
_EVERYWHERE = 600
_STARTS_DRAWN, _STARTS_KNOWN = 4, 8

#: How many neighbours of each are looked at before each step, and how many steps there are.
_NEIGHBOURS = 32
_STEPS = 8

#: How long steps are that are not differences, as shares of the parameters' ranges.
_LENGTHS = (0.2, 0.05, 0.0125, 0.003)

#: How likely a parameter takes part in a step along a difference, and how much of it is gone.
_PART, _FURTHEST = 0.8, 1.2

#: Of what was seen, so many of the best are told.
_TOLD = 200


@dataclass(frozen=True, slots=True, eq=False)
class Neighbourhood:
    """Points near others.

    Attributes:
        features: the parameters.
        good: (n_good, n_parameters), unit cube: what is known to be good, one at least.
        random: where chance comes from.
    """

    features: Features
    good: Floats
    random: np.random.Generator

    def around(self, points: Floats) -> Floats:
        """Neighbours of each of (n_points, n_parameters).

        Returns:
            (n_points, n_neighbours, n_parameters), at places that values stand at.
        """
        count, parameters = points.shape
        centres = np.repeat(points, _NEIGHBOURS, axis=0)
        shape = centres.shape
        lengths = self.random.choice(_LENGTHS, size=(shape[0], 1))
        moves = lengths * self.random.standard_normal(shape)
        is_slanted = self.random.random((shape[0], 1)) < 0.5
        moves = np.where(is_slanted, self._differences(shape[0]), moves)
        odds = np.where(is_slanted, _PART, 1 / parameters)
        is_moved = self.random.random(shape) < odds
        is_moved[np.arange(shape[0]), self.random.integers(parameters, size=shape[0])] = True
        moved = np.where(is_moved, self._moved(centres, moves), centres)
        return self.features.rounded(moved).reshape(count, _NEIGHBOURS, parameters)

    def _differences(self, count: int) -> Floats:
        ends = self.good[self.random.integers(len(self.good), size=(2, count))]
        return np.asarray(self.random.random((count, 1)) * _FURTHEST * (ends[0] - ends[1]))

    def _moved(self, centres: Floats, moves: Floats) -> Floats:
        """Beyond an end it goes back; words become any other, values with steps the next at least.

        No parameter stays where it is.
        """
        moved = np.abs(centres + moves)
        moved = np.clip(np.where(moved > 1, 2 - moved, moved), 0.0, 1.0)
        for number, places in self.features.places.items():
            here = self.features.index(number, centres[:, number])
            if self.features.is_ordered(number):
                there = self.features.index(number, moved[:, number])
                step = np.where(moves[:, number] < 0, -1, 1)
                there = np.where(there == here, here + step, there)
            else:
                there = here + self.random.integers(1, max(len(places), 2), size=len(here))
            moved[:, number] = places[there % len(places)]
        return moved


def ascended(
    score: Callable[[Floats], Floats], known: Floats, neighbourhood: Neighbourhood
) -> Floats:
    """The points that score highest, of those seen everywhere and on the ways up.

    Args:
        score: (n_points, n_parameters), unit cube, to (n_points,).
        known: (n_points, n_parameters), the trials' points, the best first.
        neighbourhood: where the ways lead.

    Returns:
        (n_points, n_parameters), the highest first; among equal ones chance decides.
    """
    random, features = neighbourhood.random, neighbourhood.features
    everywhere = features.rounded(random.random((_EVERYWHERE, known.shape[1])))
    scores = score(everywhere)
    drawn = everywhere[np.argsort(-scores, kind="stable")[:_STARTS_DRAWN]]
    points = np.vstack([known[:_STARTS_KNOWN], drawn])
    heights, rows = score(points), np.arange(len(points))
    seen, found = [everywhere], [scores]
    for _ in range(_STEPS):
        near = neighbourhood.around(points)
        flat = near.reshape(-1, known.shape[1])
        scores = score(flat)
        seen.append(flat)
        found.append(scores)
        tops = scores.reshape(len(points), -1).argmax(1)
        is_higher = scores.reshape(len(points), -1)[rows, tops] > heights
        points = np.where(is_higher[:, None], near[rows, tops], points)
        heights = np.where(is_higher, scores.reshape(len(points), -1)[rows, tops], heights)
    return ordered(np.vstack(seen), np.concatenate(found), random)[:_TOLD]


def ordered(points: Floats, scores: Floats, random: np.random.Generator) -> Floats:
    """The points by their scores, the highest first; among equal ones chance decides."""
    return np.asarray(points[np.lexsort((random.random(len(scores)), -scores))])
