"""What is believed about the losses of an experiment's points, learnt from some of its trials."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from katib.search.features import Features
from katib.search.forest import FORESTS, Boosting, Forest
from katib.search.gaussian_process import GaussianProcess, View
from katib.search.history import Floats
from katib.search.likelihood import Groups, fit
from katib.search.warping import measured, standardised, warped

#: A model is learnt from so many trials at most: the best, and others far from each other. How far
#: they are is looked at for so many at most.
_MOST_TRIALS = 400
_MOST_BEST = 200
_MOST_COMPARED = 4000

#: From so many trials on, and for so many parameters, the scale of each is learnt, too.
_LEAST_BENT = 30
_MOST_BENT = 20

#: From this share of the variance of losses on, there is noise.
_NOISY = 0.05

Grower = Callable[[Floats, Floats, np.random.Generator], Forest | Boosting]


class Surrogate(Protocol):
    """Predicts losses on the scale that it was given them on. Points are on the unit cube."""

    @property
    def best(self) -> float:
        """The smallest loss that is expected at a known point."""
        ...

    def predict(self, units: Floats) -> tuple[Floats, Floats]:
        """Means and standard deviations at (n_points, n_parameters): (n_points,) each."""
        ...

    def believe(self, units: Floats) -> Self:
        """As if trials at these points had ended, too, and had come to what is expected."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class SmoothSurrogate:
    """A Gaussian process.

    Attributes:
        features: what it sees of points.
        process: over those features.
    """

    features: Features
    process: GaussianProcess

    @property
    def best(self) -> float:
        """At a trial that has ended, or is believed to have."""
        return self.process.best

    def at(self, units: Floats) -> View:
        """What the process believes, with its slopes."""
        return self.process.at(self.features.encode(units))

    def predict(self, units: Floats) -> tuple[Floats, Floats]:
        """By the process."""
        view = self.at(units)
        return view.means, view.deviations

    def believe(self, units: Floats) -> SmoothSurrogate:
        """Nothing is learnt anew; it is only surer there."""
        return SmoothSurrogate(self.features, self.process.believe(self.features.encode(units)))


@dataclass(frozen=True, slots=True, eq=False)
class TreeSurrogate:
    """Trees of one kind.

    Attributes:
        features: what they see of points.
        grower: makes trees of points on the features and their losses.
        seed: where their chances come from.
        points: (n_points, n_features), what they are learnt from.
        losses: (n_points,).
        forest: them.
    """

    features: Features
    grower: Grower
    seed: int
    points: Floats
    losses: Floats
    forest: Forest | Boosting

    @classmethod
    def fit(
        cls, features: Features, grower: Grower, seed: int, points: Floats, losses: Floats
    ) -> TreeSurrogate:
        """Trees learnt from points on the features, and their losses."""
        forest = grower(points, losses, np.random.default_rng(seed))
        return cls(features, grower, seed, points, losses, forest)

    @property
    def best(self) -> float:
        """At a trial that has ended, or is believed to have."""
        return float(self.forest.predict(self.points)[0].min())

    def predict(self, units: Floats) -> tuple[Floats, Floats]:
        """By the trees."""
        return self.forest.predict(self.features.encode(units))

    def believe(self, units: Floats) -> TreeSurrogate:
        """Learnt anew, with what is expected there as what was found."""
        means, _ = self.predict(units)
        points = np.vstack([self.points, self.features.encode(units)])
        losses = np.append(self.losses, means)
        return self.fit(self.features, self.grower, self.seed, points, losses)


def learn(
    kind: str, features: Features, units: Floats, losses: Floats, seed: int
) -> SmoothSurrogate | TreeSurrogate:
    """A model of that kind.

    Args:
        kind: ``GP``, ``RF``, ``ET`` or ``GBRT``.
        features: what it sees of points.
        units: (n_trials, n_parameters), unit cube.
        losses: (n_trials,), with a mean of about 0 and a variance of about 1.
        seed: where chance comes from, if there is any.
    """
    some = comparable(losses)
    points, losses = features.encode(units[some]), losses[some]
    some = telling(points, losses)
    points, losses = points[some], losses[some]
    if kind == "GP":
        kernel = fit(points, losses, _groups(features, len(points)))
        return SmoothSurrogate(features, GaussianProcess(kernel, points, losses))
    drawn = Random(f"{seed}:trees").getrandbits(63)
    return TreeSurrogate.fit(features, FORESTS[kind], drawn, points, losses)


def learn_scaled(
    learner: Callable[[Floats], SmoothSurrogate | TreeSurrogate], losses: Floats, usual: Floats
) -> tuple[SmoothSurrogate | TreeSurrogate, Floats]:
    """A model of losses of any size, and those losses on the scale that it is learnt on.

    A scale that sets good losses apart makes their noise large beside all other differences, and
    the more so the more of them there are. A process that finds noise there is learnt anew, on the
    scale of the usual losses, which stays as it is.

    Args:
        learner: learns from losses with a mean of 0 and a variance of 1.
        losses: (n_trials,), finite.
        usual: (n_usual,), losses of points that were chosen for no loss; any number.
    """
    scaled = warped(losses)
    model = learner(scaled)
    if isinstance(model, SmoothSurrogate) and model.process.noise > _NOISY:
        scaled = standardised(measured(losses, usual))
        model = learner(scaled)
    return model, scaled


def _groups(features: Features, trials: int) -> Groups:
    """A length for each parameter, and with enough trials a bending for each with an order."""
    ordered = [number for number in range(features.parameters) if features.is_ordered(number)]
    is_bent = trials >= max(_LEAST_BENT, 2 * len(ordered)) and len(ordered) <= _MOST_BENT
    return Groups(features.groups, np.array(ordered if is_bent else [], dtype=np.intp))


def comparable(losses: Floats) -> NDArray[np.intp]:
    """The numbers of trials that are few enough to compare, in order; all, if that is how many.

    The best ones, and others evenly from the best to the worst.
    """
    if len(losses) <= _MOST_COMPARED:
        return np.arange(len(losses))
    ranking = np.argsort(losses, kind="stable")
    best, others = ranking[:_MOST_BEST], ranking[_MOST_BEST:]
    places = np.linspace(0, len(others) - 1, _MOST_COMPARED - _MOST_BEST).astype(int)
    return np.sort(np.concatenate([best, others[places]]))


def telling(points: Floats, losses: Floats) -> NDArray[np.intp]:
    """The numbers of the trials that say most, in their order; all, if they are few enough.

    The best ones; then, one by one, that which is the furthest from all those taken before.
    """
    if len(points) <= _MOST_TRIALS:
        return np.arange(len(points))
    taken = list(np.argsort(losses, kind="stable")[:_MOST_BEST])
    squares = (points**2).sum(1)
    nearest = squares + (points[taken] ** 2).sum(1)[:, None] - 2 * points[taken] @ points.T
    distances = nearest.min(0)
    distances[taken] = -np.inf
    while len(taken) < _MOST_TRIALS:
        furthest = int(np.argmax(distances))
        taken.append(np.intp(furthest))
        distances = np.minimum(distances, ((points - points[furthest]) ** 2).sum(1))
        distances[furthest] = -np.inf
    return np.sort(np.array(taken))
