"""Where new configurations promise most, by what trials with the same resource have shown.

S. Falkner, A. Klein and F. Hutter, "BOHB: Robust and Efficient Hyperparameter Optimization at
Scale", 2018, section 3.2 and algorithm 2; the mathematics is in :mod:`katib.search.parzen`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

import numpy as np

from katib.search.configurations import Units
from katib.search.history import Floats, Outcome, PastTrial
from katib.search.parzen import Axis, ParzenEstimator, Smoothing, WordAxis, axes_of, ranked
from katib.search.resource import ResourceSpace
from katib.search.rungs import RungBook

#: No more trials than that are bad: they only say where to look no more.
_MOST_BAD = 1000

_SMOOTHING = Smoothing(is_joint=True, prior_weight=1.0)


@dataclass(frozen=True, slots=True)
class ModelPlan:
    """How the model is made, and how it is asked.

    Attributes:
        random_fraction: how many of the configurations are drawn at random.
        good_share: how many of the trials are good, as a share.
        draws: how many points near good ones are compared for each configuration.
        bandwidth_factor: how much wider the kernels are that these are drawn from.
        min_bandwidth: no kernel that is drawn from is narrower, on the unit interval.
        min_points: as many trials are good at least; ``None`` for one more than parameters.
    """

    random_fraction: float = 1 / 3
    good_share: float = 0.15
    draws: int = 64
    bandwidth_factor: float = 3.0
    min_bandwidth: float = 1e-3
    min_points: int | None = None


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What is known with one amount of the resource: (n_trials, n_parameters), unit cube each.

    Attributes:
        good: the best trials.
        bad: the other ones, the failed ones too.
        pending: configurations whose result with this amount is still to come. They count as bad,
            so that the model looks elsewhere.
    """

    good: Floats
    bad: Floats
    pending: Floats


class RungModel:
    """Learns from the largest resource with which enough trials have ended.

    Args:
        book: the trials, by rung. The level of a rung, how often it is still sieved, says how much
            of the resource its trials have.
        space: tells the configurations of trials.
        plan: how.
    """

    def __init__(self, book: RungBook, space: ResourceSpace, plan: ModelPlan) -> None:
        self._book, self._space, self._plan = book, space, plan
        self._axes = axes_of(space.configurations)
        self._evidence: _Evidence | None = None
        self._version = -1

    def advise(self, random: Random, fresh: Sequence[Units]) -> Iterator[Units]:
        """See :class:`~katib.search.configurations.Adviser`."""
        is_random = random.random() < self._plan.random_fraction
        if self._version != self._book.version:
            self._evidence, self._version = self._gather(), self._book.version
        if is_random or self._evidence is None:
            return
        generator = np.random.default_rng(random.getrandbits(128))
        yield from self._promising(self._evidence, fresh, generator)

    def _promising(
        self, evidence: _Evidence, fresh: Sequence[Units], random: np.random.Generator
    ) -> Iterator[Units]:
        others = [evidence.bad, evidence.pending, _rows(fresh, len(self._axes))]
        good = self._estimator(evidence.good)
        bad = self._estimator(np.vstack(others))
        yield from ranked(self._draw(evidence.good, random), good, bad).tolist()

    def _draw(self, good: Floats, random: np.random.Generator) -> Floats:
        """Points near good ones (Falkner et al. 2018, section 3.2): (draws, n_parameters)."""
        plan, kernels = self._plan, random.integers(len(good), size=self._plan.draws)
        narrowing = len(good) ** (-1 / (len(self._axes) + 4))
        columns = []
        for axis, centres in zip(self._axes, good.T, strict=True):
            width = spread(axis, centres) * narrowing * plan.bandwidth_factor
            widths = np.full(plan.draws, min(max(width, plan.min_bandwidth), 1.0))
            columns.append(axis.draw(centres[kernels], widths, random))
        return np.stack(columns, axis=1)

    def _estimator(self, points: Floats) -> ParzenEstimator:
        return ParzenEstimator(self._axes, points, np.ones(len(points)), _SMOOTHING)

    def _gather(self) -> _Evidence | None:
        """That of the largest resource with enough of it; ``None`` while there is none."""
        if not self._axes:
            return None
        levels: dict[int, list[PastTrial]] = {}
        for place, trial in self._book.trials():
            levels.setdefault(place.bracket - place.rung, []).append(trial)
        least = self._plan.min_points or len(self._axes) + 1
        for level in sorted(levels):
            ended = [trial for trial in levels[level] if trial.outcome is not Outcome.PENDING]
            losses = sum(trial.outcome is not Outcome.FAILED for trial in ended)
            if losses >= least + 2:
                return self._split(ended, losses, least)
        return None

    def _split(self, ended: list[PastTrial], losses: int, least: int) -> _Evidence:
        ended = sorted(ended, key=lambda trial: (*trial.rank, trial.name))
        points = self._units(ended)
        count = min(max(least, math.ceil(self._plan.good_share * losses)), losses - 2)
        known = set(map(tuple, points.tolist()))
        pending = [one for _, one in self._book.trials() if one.outcome is Outcome.PENDING]
        unknown = [units for units in self._units(pending).tolist() if tuple(units) not in known]
        bad = points[count:]
        # From the best to the worst alike.
        bad = bad[:: math.ceil(len(bad) / _MOST_BAD)]
        return _Evidence(points[:count], bad, _rows(unknown, len(self._axes)))

    def _units(self, trials: Sequence[PastTrial]) -> Floats:
        units = [self._space.without_resource(trial.units) for trial in trials]
        return _rows(units, len(self._axes))


def _rows(points: Sequence[Units], parameters: int) -> Floats:
    return np.array(points, dtype=np.float64).reshape(len(points), parameters)


def spread(axis: Axis, centres: Floats) -> float:
    """How different places are: the deviation of numbers, the chance that two words differ.

    One more point that says nothing counts too, so that a few that agree never look certain.
    """
    count = len(centres)
    if isinstance(axis, WordAxis):
        same = np.unique(centres, return_counts=True)[1] / count
        return float((count * (1 - same @ same) + 1 - 1 / axis.count) / (count + 1))
    return math.sqrt((count * np.var(centres) + 1 / 12) / (count + 1))
