"""SMAC: a random forest says where the next trial is worth most, and local search finds the place.

F. Hutter, H. Hoos and K. Leyton-Brown, "Sequential Model-Based Optimization for General Algorithm
Configuration", 2011; M. Lindauer et al., "SMAC3: A Versatile Bayesian Optimization Package for
Hyperparameter Optimization", 2022.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random

import numpy as np
from scipy.stats import qmc

from katib.api.experiment import Experiment
from katib.api.suggestion import TrialAssignment
from katib.api.trial import Trial
from katib.ports.suggester import SuggestionReply
from katib.search.acquisition import ExpectedImprovement
from katib.search.ascent import Ascent
from katib.search.features import Features
from katib.search.forest import doubtful_trees
from katib.search.fresh import Point, first_fresh, values_of
from katib.search.history import Floats, History, Outcome, PastTrial, losses_of, points_of
from katib.search.local_search import Neighbourhood, ascended, ordered
from katib.search.settings import SettingsReader
from katib.search.space import SearchSpace
from katib.search.span import at_least
from katib.search.surrogate import SmoothSurrogate, TreeSurrogate, learn
from katib.search.warping import measured, sharpened, warped

#: A space of no more points than this is looked at as a whole.
_MOST_COUNTED = 4096

#: A parameter of more words than this has no column for each.
_MOST_COLUMNS = 32

#: How often a point is drawn by chance in place of the model's, so that it is never led astray for
#: good (Hutter et al. 2011, section 4.3).
_CHANCE = 0.1

#: How often the model of sharpened losses has its turn, and that of measured ones.
_TURNS = (0.7, 0.3)

#: How much worse than the worst a failed trial is, in standard deviations of the losses.
_PENALTY = 0.5

#: The best trials, as a share and as a number at least and at most: their points are good ones.
_GOOD, _LEAST_GOOD, _MOST_GOOD = 0.25, 4, 20

Model = SmoothSurrogate | TreeSurrogate


@dataclass(frozen=True, slots=True)
class Plan:
    """The settings.

    Attributes:
        initial: how many trials must have ended before the model is asked.
        surrogate: the kind of model: ``rf`` or ``gp``.
        retrain: after how many more ended trials it is learnt anew.
        trees: how many a forest has.
    """

    initial: int
    surrogate: str
    retrain: int
    trees: int


@dataclass(frozen=True, slots=True, eq=False)
class _Knowledge:
    """What ended trials have shown.

    Attributes:
        models: of their losses, on one scale each.
        best: (n_trials, n_parameters), their points, the best first.
    """

    models: Sequence[Model]
    best: Floats

    @property
    def good(self) -> Floats:
        """The points of the best trials."""
        count = int(min(max(_GOOD * len(self.best), _LEAST_GOOD), _MOST_GOOD))
        return self.best[:count]


class Smac:
    """Learns from trials that have ended, and believes its model about those that have not.

    Until ``n_initial_points`` trials have ended and one of them has a loss, points are spread
    evenly.
    """

    def __init__(self, experiment: Experiment, seed: int) -> None:
        self._space = SearchSpace.of(experiment)
        self._seed = seed
        self._plan = _plan(SettingsReader(experiment))
        self._history = History(experiment, self._space)
        self._features = Features(self._space, _MOST_COLUMNS)
        self._learnt: tuple[Sequence[PastTrial], _Knowledge] | None = None
        self._points: Floats | None = None

    @staticmethod
    def validate(experiment: Experiment) -> None:
        """Accept the settings, ``random_state``, and up to 21,201 parameters."""
        reader = SettingsReader(experiment)
        reader.seed()
        _plan(reader)
        space = reader.space()
        if space is not None and len(space.parameters) > qmc.Sobol.MAXDIM:
            reader.refuse(
                f"smac takes {qmc.Sobol.MAXDIM} parameters at most, and there are "
                f"{len(space.parameters)}"
            )
        reader.check()

    def tell(self, trials: Sequence[Trial]) -> None:
        """All of them count: ended ones by their losses, the others by where they are."""
        self._history.tell(trials)

    def suggest(self, index: int, count: int) -> SuggestionReply:
        """As many as asked for, each in the knowledge of those before it."""
        known, others = self._sorted()
        knowledge = self._knowledge(known)
        seen = self._history.points()
        running = points_of(others, self._space)
        assignments: list[TrialAssignment] = []
        for number in range(index, index + count):
            random = Random(f"{self._seed}:{number}")
            points = self._drawn(number, knowledge, running, random)
            point = first_fresh(points, self._space, seen, random)
            assignments.append(TrialAssignment(parameter_assignments=point))
            seen.add(values_of(point))
            running = np.vstack([running, self._space.units_of(point)])
        return SuggestionReply(assignments)

    def _sorted(self) -> tuple[Sequence[PastTrial], Sequence[PastTrial]]:
        """The trials that are learnt from, in the order of their ends, and all others.

        Those of the same second go by name. None are learnt from before the first lesson.
        """
        trials = self._history.trials
        ended = [trial for trial in trials if trial.outcome is not Outcome.PENDING]
        ended.sort(key=lambda trial: (trial.ended, trial.name))
        is_taught = any(trial.outcome is not Outcome.FAILED for trial in ended)
        new = len(ended) - self._plan.initial
        count = len(ended) - new % self._plan.retrain if is_taught and new >= 0 else 0
        names = {trial.name for trial in ended[:count]}
        return ended[:count], [trial for trial in trials if trial.name not in names]

    def _knowledge(self, known: Sequence[PastTrial]) -> _Knowledge | None:
        if not known:
            return None
        if self._learnt is None or self._learnt[0] != known:
            self._learnt = known, self._learn(known)
        return self._learnt[1]

    def _learn(self, known: Sequence[PastTrial]) -> _Knowledge:
        losses, units = losses_of(known), points_of(known, self._space)
        best = units[np.argsort(losses, kind="stable")]
        if self._plan.surrogate == "gp":
            model = learn("GP", self._features, units, warped(losses), self._seed)
            return _Knowledge([model], best)
        is_failed = np.array([trial.outcome is Outcome.FAILED for trial in known])
        first = losses[: self._plan.initial][~is_failed[: self._plan.initial]]
        grower = partial(doubtful_trees, count=self._plan.trees)
        points = self._features.encode(units)
        scales = sharpened(losses, points), measured(losses, first)
        seed = Random(f"{self._seed}:trees").getrandbits(63)
        models = [
            TreeSurrogate.fit(self._features, grower, seed, points, scale + _PENALTY * is_failed)
            for scale in scales
        ]
        return _Knowledge(models, best)

    def _drawn(
        self, number: int, knowledge: _Knowledge | None, running: Floats, random: Random
    ) -> Iterator[Point]:
        """Points to try, the most promising first."""
        if knowledge is None:
            units = self._even(number)
        elif random.random() < _CHANCE:
            units = np.array([[random.random() for _ in self._space.parameters]])
        else:
            model = random.choices(knowledge.models, _TURNS[: len(knowledge.models)])[0]
            believed = model.believe(running) if len(running) else model
            generator = np.random.default_rng(random.getrandbits(63))
            units = self._promising(believed, knowledge, generator)
        return (self._space.assignments_at(places) for places in units.tolist())

    def _promising(
        self, model: Model, knowledge: _Knowledge, random: np.random.Generator
    ) -> Floats:
        """Where the improvement that is expected of a point is the largest, and less and less."""
        ascent = Ascent(self._features, model, ExpectedImprovement(model.best))
        counted = self._counted()
        if counted is not None:
            return ordered(counted, ascent.scores(counted), random)
        neighbourhood = Neighbourhood(self._features, knowledge.good, random)
        return ascent.climbed(ascended(ascent.scores, knowledge.best, neighbourhood))

    def _even(self, number: int) -> Floats:
        """From a scrambled Sobol sequence."""
        generator = np.random.default_rng(Random(f"{self._seed}:even").getrandbits(63))
        sequence = qmc.Sobol(len(self._space.parameters), scramble=True, seed=generator)
        if number:
            sequence.fast_forward(number)
        return np.asarray(sequence.random(1))

    def _counted(self) -> Floats | None:
        """Every point of the space, if they are few."""
        size = self._space.size
        if size is None or size > _MOST_COUNTED:
            return None
        if self._points is None:
            units = [self._space.units_of(self._space.point(place)) for place in range(size)]
            self._points = np.array(units)
        return self._points


def _plan(reader: SettingsReader) -> Plan:
    def positive(name: str, default: int) -> int:
        message = f"{name} should be great than zero"
        return reader.integer(name, default, at_least(1), message)

    return Plan(
        initial=positive("n_initial_points", 10),
        surrogate=reader.choice(
            "surrogate", "rf", ("rf", "gp"), "surrogate {value} is not supported; use rf or gp"
        ),
        retrain=positive("retrain_after", 1),
        trees=positive("n_trees", 10),
    )
