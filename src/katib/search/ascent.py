"""Finding the points that an acquisition function scores highest."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.stats import qmc

from katib.search.acquisition import Acquisition
from katib.search.features import Features
from katib.search.history import Floats
from katib.search.surrogate import SmoothSurrogate, TreeSurrogate

#: How many points are looked at over all of the space, and how many near the best known ones.
_EVERYWHERE = 1024
_NEARBY = 512

#: How far from the best ones those lie, as shares of the parameters' ranges.
_DISTANCES = (0.2, 0.05, 0.01, 0.002)

#: So many points are climbed from at once: of the first so many, those that lie apart.
_CLIMBERS = 12
_FIRST = 256
_APART = 0.05
_CLIMB_STEPS = 30

#: Of where those come to, so many are followed to the end.
_FINISHERS = 2
_FINISH_STEPS = 20
_CLIMB_ROUNDS = 3


class Ascent:
    """The search for the highest score of one acquisition function.

    Args:
        features: the parameters.
        surrogate: what is believed.
        acquisition: what is scored.
    """

    def __init__(
        self,
        features: Features,
        surrogate: SmoothSurrogate | TreeSurrogate,
        acquisition: Acquisition,
    ) -> None:
        self._features, self._surrogate, self._acquisition = features, surrogate, acquisition

    def scores(self, units: Floats) -> Floats:
        """Of (n_points, n_parameters): (n_points,)."""
        return self._acquisition.score(*self._surrogate.predict(units))[0]

    def ranked(self, units: Floats) -> Floats:
        """The same points, those with the highest scores first."""
        return np.asarray(units[np.argsort(-self.scores(units), kind="stable")])

    def climbed(self, ranked: Floats) -> Floats:
        """The first of these points, moved to where the score is highest near them; and the rest.

        Again with the highest first. Only a smooth model shows the way.
        """
        if not isinstance(self._surrogate, SmoothSurrogate):
            return ranked
        starts = ranked[apart(ranked[:_FIRST], _CLIMBERS)]
        # While the sum of the scores grows, some of them may fall.
        slid = np.vstack([self._slide(starts, self._surrogate, _CLIMB_STEPS), starts])
        highest = self.ranked(slid)[:_FINISHERS]
        tops = [self._climb(one, self._surrogate) for one in highest]
        # A place between values may score higher than the value that it is moved to in the end.
        return np.vstack([self.ranked(np.vstack([*tops, highest])), ranked])

    def _climb(self, point: Floats, surrogate: SmoothSurrogate) -> Floats:
        """By steps along the parameters that have them, and along the others, in turns."""
        for _ in range(_CLIMB_ROUNDS):
            stepped = self._step(point)
            slid: Floats = self._slide(stepped[None], surrogate, _FINISH_STEPS)[0]
            if np.array_equal(stepped, point):
                return slid
            point = slid
        return point

    def _slide(self, points: Floats, surrogate: SmoothSurrogate, steps: int) -> Floats:
        """Along the free parameters, all points at once: the sum of their scores grows.

        And then to the next places that values stand at.
        """
        free = list(self._features.free)
        if not free:
            return points
        columns = [self._features.column(number) for number in free]
        moved = points.copy()

        def fall(places: Floats) -> tuple[float, Floats]:
            moved[:, free] = places.reshape(len(points), -1)
            view = surrogate.at(moved)
            scores, by_mean, by_deviation = self._acquisition.score(view.means, view.deviations)
            return -float(scores.sum()), -view.slopes(by_mean, by_deviation)[:, columns].ravel()

        found = minimize(
            fall,
            points[:, free].ravel(),
            jac=True,
            method="L-BFGS-B",
            bounds=[(0.0, 1.0)] * (len(points) * len(free)),
            options={"maxiter": steps},
        )
        moved[:, free] = found.x.reshape(len(points), -1)
        return self._features.rounded(moved)

    def _step(self, point: Floats) -> Floats:
        """To better neighbours, as long as there are any.

        To the best of them, or to what all better ones have changed, whichever scores higher.
        """
        score = float(self.scores(point[None])[0])
        while True:
            neighbours = self._neighbours(point)
            if not len(neighbours):
                return point
            scores = self.scores(neighbours)
            ranking = np.argsort(scores, kind="stable")
            better = ranking[scores[ranking] > score]
            if not len(better):
                return point
            both = np.stack([neighbours[better[-1]], _merged(point, neighbours[better])])
            scores = self.scores(both)
            point, score = both[int(np.argmax(scores))], float(scores.max())

    def _neighbours(self, point: Floats) -> Floats:
        """The points with another value of one parameter: any word, or one some steps away."""
        found: list[Floats] = []
        for number, places in self._features.places.items():
            here = int(self._features.index(number, point[number : number + 1])[0])
            reach = 1 if self._features.is_ordered(number) else len(places)
            steps = {1, 2, 4, 16} if reach == 1 else range(1, reach)
            others = {here + step for step in steps} | {here - step for step in steps}
            for other in sorted(others):
                if 0 <= other < len(places):
                    moved = point.copy()
                    moved[number] = places[other]
                    found.append(moved)
        return np.stack(found) if found else np.empty((0, len(point)))


def _merged(point: Floats, others: Floats) -> Floats:
    """With whatever the others have changed; where several have, with the change of the last."""
    merged = point.copy()
    for other in others:
        is_changed = other != point
        merged[is_changed] = other[is_changed]
    return merged


def apart(points: Floats, count: int) -> NDArray[np.intp]:
    """The numbers of the first points that are not near one taken before, so many at most.

    Args:
        points: (n_points, n_parameters), one at least.
        count: how many, at least 1.
    """
    left = np.arange(len(points))
    taken: list[np.intp] = []
    while len(left) and len(taken) < count:
        taken.append(left[0])
        left = left[np.abs(points[left] - points[left[0]]).max(1) > _APART]
    return np.array(taken, dtype=np.intp)


def drawn(features: Features, best: Floats, random: np.random.Generator) -> Floats:
    """Points to look at: evenly over the space, and near the best known ones.

    Args:
        features: the parameters.
        best: (n_best, n_parameters), unit cube, one at least.
        random: where chance comes from.
    """
    count = best.shape[1]
    even = qmc.Sobol(count, scramble=True, seed=random).random(_EVERYWHERE)
    centres = best[random.integers(len(best), size=_NEARBY)]
    distances = np.array(_DISTANCES)[random.integers(len(_DISTANCES), size=(_NEARBY, 1))]
    moved = np.clip(centres + distances * random.standard_normal((_NEARBY, count)), 0.0, 1.0)
    # A word has no neighbours: now and then it is any other.
    words = [number for number in range(count) if not features.is_ordered(number)]
    anywhere = random.random((_NEARBY, count))
    is_changed = random.random((_NEARBY, count)) < min(0.5, 2 / count)
    near = np.where(is_changed, moved, centres)
    near[:, words] = np.where(is_changed, anywhere, centres)[:, words]
    return features.rounded(np.vstack([even, near]))
