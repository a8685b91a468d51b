"""The tree-structured Parzen estimator as a search: what TPE's two forms have in common."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from random import Random

import numpy as np
from scipy.stats import qmc

from katib.api.experiment import Experiment
from katib.api.suggestion import TrialAssignment
from katib.api.trial import Trial
from katib.ports.suggester import SuggestionReply
from katib.search.fresh import Point, Values, first_fresh, values_of
from katib.search.history import ENDED, Floats, History, Outcome, points_of
from katib.search.parzen import ParzenEstimator, Smoothing, axes_of, ranked
from katib.search.space import SearchSpace

#: The share of the trials that is good, unless a setting says so.
GOOD = 0.2

#: How often the model is asked for a point that was not tried before, until chance is.
_MODEL_DRAWS = 4

#: No fewer trials are good, so that there is a spread to learn from, and no more.
_LEAST_GOOD, _MOST_GOOD = 2, 25

#: Of more bad trials than these, some say the same as all.
_MOST_BAD = 5000

#: Around a bad trial, less is known to be bad than is likely to be good around a good one. Narrow
#: kernels see the better half of a neighbourhood.
_BAD_NARROWING = 0.5

#: Beyond so many parameters there are no Sobol sequences, and beyond so many points either.
_MOST_PARAMETERS, _MOST_POINTS = int(qmc.Sobol.MAXDIM), 1 << 30


@dataclass(frozen=True, slots=True)
class Plan:
    """How the search is carried out.

    Attributes:
        startup: how many trials must have ended before the model is asked.
        draws: how many points of the good estimator are compared for each suggestion.
        prior_weight: how much the prior counts, where one trial counts 1.
        is_joint: kernels are over all parameters at once.
        good: the share of the trials with a loss that is good: two at least, and 25 at most.
    """

    startup: int
    draws: int
    prior_weight: float
    is_joint: bool
    good: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """The history as the model takes it: (n_trials, n_parameters) each, unit cube.

    Attributes:
        good: the best trials.
        bad: the other ones that have ended. Those stopped early come after all that finished, those
            that failed come last.
        pending: those that have not; the model takes them for bad, so that it looks elsewhere
            (the constant liar of Ginsbourger, Le Riche and Carraro, 2010).
        seen: the texts of every trial's point, if the space can be used up.
    """

    good: Floats
    bad: Floats
    pending: Floats
    seen: frozenset[Values]


class TreeParzenSearch:
    """Looks where good trials are dense and bad ones are not.

    The first points are those of a scrambled Sobol sequence. No point is tried twice while there
    are others.

    Args:
        experiment: what is searched.
        seed: where all randomness comes from.
        plan: how.
    """

    def __init__(self, experiment: Experiment, seed: int, plan: Plan) -> None:
        self._space = SearchSpace.of(experiment)
        self._seed, self._plan = seed, plan
        self._axes = axes_of(self._space)
        self._history = History(experiment, self._space)
        self._evidence: Evidence | None = None
        self._sequence: qmc.Sobol | None = None

    def tell(self, trials: Sequence[Trial]) -> None:
        """Trials that have ended are evidence; pending ones are avoided."""
        self._history.tell(trials)
        self._evidence = None

    def suggest(self, index: int, count: int) -> SuggestionReply:
        """As many as asked for; each avoids those before it."""
        evidence = self._gathered()
        seen, pending = set(evidence.seen), evidence.pending
        points: list[Point] = []
        for offset in range(count):
            point = self.point(index + offset, pending, seen)
            points.append(point)
            seen.add(values_of(point))
            pending = np.vstack([pending, self._space.units_of(point)])
        return SuggestionReply([TrialAssignment(parameter_assignments=point) for point in points])

    def point(self, index: int, pending: Floats, seen: Collection[Values]) -> Point:
        """One point.

        Args:
            index: of its trial.
            pending: (n_pending, n_parameters), unit cube: trials that have not ended.
            seen: the texts of the points that are not to come again.
        """
        random = Random(f"{self._seed}:{index}")
        draws = self._draws(index, pending, random)
        return first_fresh(map(self._space.assignments_at, draws), self._space, seen, random)

    def _gathered(self) -> Evidence:
        if self._evidence is None:
            self._evidence = self._gather()
        return self._evidence

    def _gather(self) -> Evidence:
        history, plan = self._history, self._plan
        ended = history.of(*ENDED)
        best = sorted(ended, key=lambda trial: trial.rank)
        losses = sum(trial.outcome is not Outcome.FAILED for trial in ended)
        good = max(_LEAST_GOOD, min(math.ceil(plan.good * losses), _MOST_GOOD))
        good = min(good, losses)
        points = points_of(best, self._space)
        pending = points_of(history.of(Outcome.PENDING), self._space)
        seen = set() if self._space.size is None else history.points()
        bad = points[good:]
        # From the best to the worst alike.
        bad = bad[:: math.ceil(len(bad) / _MOST_BAD) or 1]
        return Evidence(points[:good], bad, pending, frozenset(seen))

    def _draws(self, index: int, pending: Floats, random: Random) -> Iterator[Sequence[float]]:
        """Points of the unit cube, those that promise most first."""
        evidence = self._gathered()
        if len(evidence.good) + len(evidence.bad) < self._plan.startup:
            yield self._start(index, random)
        else:
            yield from self._promising(evidence, pending, random)

    def _promising(
        self, evidence: Evidence, pending: Floats, random: Random
    ) -> Iterator[Sequence[float]]:
        bad = np.vstack([evidence.bad, pending])
        good = self._estimator(evidence.good, _log_ranks(len(evidence.good)), 1.0)
        worse = self._estimator(bad, np.ones(len(bad)), _BAD_NARROWING)
        generator = np.random.default_rng(random.getrandbits(128))
        for _ in range(_MODEL_DRAWS):
            points = good.draw(self._plan.draws, generator)
            yield from ranked(points, good, worse).tolist()

    def _estimator(self, points: Floats, weights: Floats, narrowing: float) -> ParzenEstimator:
        how = Smoothing(self._plan.is_joint, self._plan.prior_weight, narrowing)
        return ParzenEstimator(self._axes, points, weights, how)

    def _start(self, index: int, random: Random) -> Sequence[float]:
        if len(self._axes) > _MOST_PARAMETERS:
            return [random.random() for _ in self._axes]
        if self._sequence is None:
            generator = np.random.default_rng(self._seed)
            self._sequence = qmc.Sobol(len(self._axes), scramble=True, bits=30, seed=generator)
        self._sequence.reset()
        if number := index % _MOST_POINTS:
            self._sequence.fast_forward(number)
        point: list[float] = self._sequence.random(1)[0].tolist()
        return point


def _log_ranks(count: int) -> Floats:
    """What each of the good trials counts, from the best on; 1 on the average.

    The weights of CMA-ES (Hansen 2016, equations 49 and 53): the best say more than the next.
    """
    weights = math.log(count + 1) - np.log(np.arange(1, count + 1))
    return weights / weights.mean() if count else weights
