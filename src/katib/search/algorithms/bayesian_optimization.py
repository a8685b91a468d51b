"""Bayesian optimisation: a model of the losses says where the next trial is worth most.

J. Snoek, H. Larochelle and R. P. Adams, "Practical Bayesian Optimization of Machine Learning
Algorithms", 2012; M. Hoffman, E. Brochu and N. de Freitas, "Portfolio Allocation for Bayesian
Optimization", 2011 (``gp_hedge``); R. Turner et al., "Bayesian Optimization is Superior to Random
Search for Machine Learning Hyperparameter Tuning", 2021 (several of the best there asked
searches of different kinds in turns).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random

import numpy as np
from scipy.stats import qmc

from katib.api.experiment import Experiment
from katib.api.suggestion import TrialAssignment
from katib.api.trial import Trial
from katib.api.values import Strings
from katib.ports.suggester import SuggestionReply
from katib.search.acquisition import ACQUISITIONS
from katib.search.ascent import Ascent, drawn
from katib.search.features import Features
from katib.search.fresh import Point, Values, first_fresh, values_of
from katib.search.history import ENDED, Floats, History, Outcome, PastTrial, losses_of, points_of
from katib.search.settings import SettingsReader
from katib.search.space import SearchSpace
from katib.search.span import at_least
from katib.search.surrogate import SmoothSurrogate, TreeSurrogate, learn, learn_scaled
from katib.search.tree_parzen import GOOD, TreeParzenSearch
from katib.search.tree_parzen import Plan as TreeParzenPlan

ACQUISITION = "bayesianoptimization.suggestion/acquisition"

#: The portfolio of all acquisition functions.
HEDGE = "gp_hedge"

#: A space of no more points than this is looked at as a whole.
_MOST_COUNTED = 2048

#: How much more often than the others ``gp_hedge`` draws an acquisition function that did as well.
_ODDS = {"EI": 10.0}

#: What ``gp_hedge`` also asks, for each trial of so many: it knows no function, so that it leaves
#: where one that was learnt wrongly would stay.
TPE = "TPE"
_TPE_EVERY = 5
_TPE = TreeParzenPlan(startup=0, draws=64, prior_weight=1.0, is_joint=True, good=GOOD)

#: Near so many of the best trials it is looked for better ones.
_MOST_CENTRES = 5

#: About so many running trials at most is anything believed; the time grows with their cube.
_MOST_PENDING = 400

Model = SmoothSurrogate | TreeSurrogate


@dataclass(frozen=True, slots=True)
class Plan:
    """The settings.

    Attributes:
        estimator: the kind of model.
        initial: how many trials must have ended before it is asked.
        acquisition: what makes a point worth a trial.
        optimizer: how the best point is found.
    """

    estimator: str
    initial: int
    acquisition: str
    optimizer: str


class BayesianOptimization:
    """Learns a model from all trials that have ended, and believes it about those that have not.

    Until ``n_initial_points`` trials have ended and one of them has a loss, points are spread
    evenly.
    """

    def __init__(self, experiment: Experiment, seed: int) -> None:
        self._space = SearchSpace.of(experiment)
        self._seed = seed
        self._plan = _plan(SettingsReader(experiment))
        self._history = History(experiment, self._space)
        self._features = Features(self._space)
        self._parzen = TreeParzenSearch(experiment, seed, _TPE)
        self._learnt: tuple[Sequence[PastTrial], _Knowledge] | None = None
        self._points: Floats | None = None

    @staticmethod
    def validate(experiment: Experiment) -> None:
        """Accept the settings of Katib, less those that never worked there."""
        reader = SettingsReader(experiment)
        reader.seed()
        plan = _plan(reader)
        if plan.optimizer == "lbfgs" and plan.estimator != "GP":
            reader.refuse(
                f"acq_optimizer lbfgs needs gradients, and base_estimator {plan.estimator} has "
                "none; use acq_optimizer auto or sampling, or base_estimator GP",
                "acq_optimizer",
            )
        space = reader.space()
        if space is not None and len(space.parameters) > qmc.Sobol.MAXDIM:
            reader.refuse(
                f"bayesianoptimization takes {qmc.Sobol.MAXDIM} parameters at most, and there are "
                f"{len(space.parameters)}"
            )
        reader.check()

    def tell(self, trials: Sequence[Trial]) -> None:
        """All of them count: ended ones by their losses, the others by where they are."""
        self._history.tell(trials)
        self._parzen.tell(trials)

    def suggest(self, index: int, count: int) -> SuggestionReply:
        """As many as asked for, each in the knowledge of those before it."""
        seen = self._history.points()
        knowledge = self._knowledge()
        model = None if knowledge is None else knowledge.model
        pending = points_of(self._history.of(Outcome.PENDING), self._space)
        if model is not None and len(pending):
            model = model.believe(pending[:_MOST_PENDING])
        assignments: list[TrialAssignment] = []
        for number in range(index, index + count):
            if knowledge is None or model is None:
                assignment = self._even(number, seen)
            elif self._is_for_parzen(number):
                assignment = _labelled(self._parzen.point(number, pending, seen), TPE)
            else:
                assignment = self._best(number, knowledge, model, seen)
            assignments.append(assignment)
            seen.add(values_of(assignment.parameter_assignments))
            units = np.array([self._space.units_of(assignment.parameter_assignments)])
            pending = np.vstack([pending, units])
            if model is not None and number + 1 < index + count:
                model = model.believe(units)
        return SuggestionReply(assignments)

    def _knowledge(self) -> _Knowledge | None:
        ended = self._history.of(*ENDED)
        has_loss = any(trial.outcome is not Outcome.FAILED for trial in ended)
        if len(ended) < self._plan.initial or not has_loss:
            return None
        if self._learnt is None or self._learnt[0] != ended:
            units, known = points_of(ended, self._space), losses_of(ended)
            learner = partial(learn, self._plan.estimator, self._features, units, seed=self._seed)
            model, losses = learn_scaled(learner, known, known[self._first(ended)])
            best = units[np.argsort(losses, kind="stable")[:_MOST_CENTRES]]
            self._learnt = ended, _Knowledge(model, best, _rewards(ended, losses))
        return self._learnt[1]

    def _first(self, ended: Sequence[PastTrial]) -> Sequence[int]:
        """The numbers of the trials that were chosen for no loss, as far as that is known."""
        even = [number for number, trial in enumerate(ended) if ACQUISITION not in trial.labels]
        return sorted(even, key=lambda number: ended[number].ended)[: self._plan.initial]

    def _best(
        self, number: int, knowledge: _Knowledge, model: Model, seen: set[Values]
    ) -> TrialAssignment:
        random = Random(f"{self._seed}:{number}:model")
        is_hedged = self._plan.acquisition == HEDGE
        name = knowledge.draw(random) if is_hedged else self._plan.acquisition
        ascent = Ascent(self._features, model, ACQUISITIONS[name](model.best))
        counted = self._counted()
        if counted is not None:
            ranked = ascent.ranked(counted)
        else:
            generator = np.random.default_rng(random.getrandbits(63))
            ranked = ascent.ranked(drawn(self._features, knowledge.best, generator))
            if self._plan.optimizer != "sampling":
                ranked = ascent.climbed(ranked)
        points = (self._space.assignments_at(units) for units in ranked.tolist())
        point = self._fresh(points, number, seen)
        return _labelled(point, name) if is_hedged else TrialAssignment(parameter_assignments=point)

    def _is_for_parzen(self, number: int) -> bool:
        return self._plan.acquisition == HEDGE and number % _TPE_EVERY == _TPE_EVERY - 1

    def _even(self, number: int, seen: set[Values]) -> TrialAssignment:
        """From a scrambled Sobol sequence."""
        generator = np.random.default_rng(Random(f"{self._seed}:even").getrandbits(63))
        sequence = qmc.Sobol(len(self._space.parameters), scramble=True, seed=generator)
        if number:
            sequence.fast_forward(number)
        point = self._space.assignments_at(sequence.random(1)[0].tolist())
        return TrialAssignment(parameter_assignments=self._fresh([point], number, seen))

    def _fresh(self, points: Iterable[Point], number: int, seen: set[Values]) -> Point:
        return first_fresh(points, self._space, seen, Random(f"{self._seed}:{number}:elsewhere"))

    def _counted(self) -> Floats | None:
        """Every point of the space, if they are few."""
        size = self._space.size
        if size is None or size > _MOST_COUNTED:
            return None
        if self._points is None:
            units = [self._space.units_of(self._space.point(place)) for place in range(size)]
            self._points = np.array(units)
        return self._points


@dataclass(frozen=True, slots=True, eq=False)
class _Knowledge:
    """What ended trials have shown.

    Attributes:
        model: learnt from them.
        best: (n_best, n_parameters), the points of the best.
        rewards: how well the trials of each acquisition function did, on average.
    """

    model: Model
    best: Floats
    rewards: Sequence[tuple[str, float]]

    def draw(self, random: Random) -> str:
        """An acquisition function: the more often, the better its trials did.

        Hoffman et al. 2011, with the average in place of the sum: an acquisition function is
        rewarded for its own trials only, and has not had as many as the others. And with odds to
        begin with, for it takes longer than most experiments to learn which is the best.
        """
        names = [name for name, _ in self.rewards]
        weights = [_ODDS.get(name, 1.0) * math.exp(reward) for name, reward in self.rewards]
        return random.choices(names, weights)[0]


def _labelled(point: Point, name: str) -> TrialAssignment:
    """With the name of what it was chosen by."""
    return TrialAssignment(parameter_assignments=point, labels=Strings({ACQUISITION: name}))


def _rewards(ended: Sequence[PastTrial], losses: Floats) -> Sequence[tuple[str, float]]:
    rewards: defaultdict[str, list[float]] = defaultdict(list)
    for trial, loss in zip(ended, losses.tolist(), strict=True):
        rewards[trial.labels.get(ACQUISITION, "")].append(-loss)
    means = {name: sum(found) / len(found) for name, found in rewards.items()}
    hoped = max((means[name] for name in ACQUISITIONS if name in means), default=0.0)
    return [(name, means.get(name, hoped)) for name in ACQUISITIONS]


def _plan(reader: SettingsReader) -> Plan:
    wrong = "{value} is not supported in Bayesian optimization, use"
    return Plan(
        estimator=reader.choice(
            "base_estimator",
            "GP",
            ("GP", "RF", "ET", "GBRT"),
            f"base_estimator {wrong} GP, RF, ET or GBRT",
        ),
        initial=reader.integer(
            "n_initial_points",
            10,
            at_least(0),
            "n_initial_points should be great or equal than zero",
        ),
        acquisition=reader.choice(
            "acq_func",
            HEDGE,
            (HEDGE, *ACQUISITIONS),
            f"acq_func {wrong} gp_hedge, EI, LCB or PI",
        ),
        optimizer=reader.choice(
            "acq_optimizer",
            "auto",
            ("auto", "sampling", "lbfgs"),
            f"acq_optimizer {wrong} auto, sampling or lbfgs",
        ),
    )
