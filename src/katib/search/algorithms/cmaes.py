"""CMA-ES: a normal distribution that moves, stretches and shrinks towards good points.

N. Hansen, "The CMA Evolution Strategy: A Tutorial", 2016, in the package ``cmaes``.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from random import Random

import numpy as np

from katib.api import names
from katib.api.experiment import Experiment
from katib.api.suggestion import TrialAssignment
from katib.api.trial import Trial
from katib.api.values import NameValue, Strings
from katib.ports.suggester import SuggestionReply
from katib.search.evolution import Evolution, Plan
from katib.search.history import ENDED, History, Outcome, PastTrial, losses_of, points_of
from katib.search.preselection import Preselection
from katib.search.settings import SettingsReader, Values
from katib.search.space import SearchSpace
from katib.search.span import at_least

GENERATION = "cmaes.suggestion/generation"

#: How often a point that was tried before is drawn anew, until the search goes on at random.
_MOST_DRAWS = 100

#: How many points of the distribution are compared for each suggestion.
_COMPARED = 16

#: The points are compared by what the latest trials have shown, of so many at most.
_MOST_RECENT = 1000

#: Three standard deviations from the middle to each end.
_FIRST_SIGMA = 1 / 6


class CmaEs:
    """Draws from the distribution of the present generation, which its trials' labels name.

    The distribution changes when as many trials of the generation have ended as the population has
    members. Until then more are drawn from it than needed, so that nobody has to wait; those that
    end too late are left out.
    """

    def __init__(self, experiment: Experiment, seed: int) -> None:
        self._space = SearchSpace.of(experiment)
        self._seed = seed
        self._plan = _plan(SettingsReader(experiment))
        self._history = History(experiment, self._space)
        self._evolution = Evolution(self._space, self._plan, seed)
        self._fed: list[Sequence[PastTrial]] = []
        self._preselection: Preselection | None = None

    @staticmethod
    def validate(experiment: Experiment) -> None:
        """Accept ``sigma``, ``restart_strategy``, ``random_state``; and two numbers at least."""
        reader = SettingsReader(experiment)
        reader.seed("random_state should be greate or equal than zero")
        _plan(reader)
        reader.space()
        parameters = experiment.spec.parameters
        counts = Counter(parameter.name for parameter in parameters)
        repeated = [name for name, count in counts.items() if count > 1]
        if repeated:
            reader.refuse(f"Detect duplicated parameter name: {', '.join(repeated)}")
        types = [parameter.parameter_type for parameter in parameters]
        if types.count(names.INT) + types.count(names.DOUBLE) < 2:
            reader.refuse("CMA-ES only supports two or more dimensional continuous search space.")
        reader.check()

    def tell(self, trials: Sequence[Trial]) -> None:
        """Every trial belongs to the generation that its label names."""
        self._history.tell(trials)
        self._preselection = None

    def suggest(self, index: int, count: int) -> SuggestionReply:
        """As many as asked for, all from the present generation's distribution."""
        self._catch_up()
        self._learn()
        seen = self._history.points() if self._space.size is not None else set()
        assignments: list[TrialAssignment] = []
        for offset in range(count):
            assignments.append(self._assignment(index + offset, seen))
            seen.add(_values(assignments[-1].parameter_assignments))
        return SuggestionReply(assignments)

    def _catch_up(self) -> None:
        """Bring the distribution to where the history has it, from where it is if it can be."""
        members = self._by_generation()
        if any(_complete(members[number], len(fed)) != fed for number, fed in enumerate(self._fed)):
            # Somebody ended late, or was told in another order: what was learnt has changed.
            self._evolution = Evolution(self._space, self._plan, self._seed)
            self._fed = []
        while not self._evolution.is_over:
            chosen = _complete(members[len(self._fed)], self._evolution.population)
            if not chosen:
                return
            self._evolution.tell(chosen)
            self._fed.append(chosen)

    def _learn(self) -> None:
        """From the trials that have ended, whatever their generation; once there are enough."""
        if self._preselection is not None:
            return
        ended = self._history.of(*ENDED)
        if len(ended) >= self._evolution.smallest:
            recent = sorted(ended, key=_generation)[-_MOST_RECENT:]
            self._preselection = Preselection(
                points_of(recent, self._space),
                losses_of(recent),
                [parameter.is_ordered for parameter in self._space.parameters],
                self._evolution.centre,
            )

    def _by_generation(self) -> Mapping[int, Sequence[PastTrial]]:
        members: defaultdict[int, list[PastTrial]] = defaultdict(list)
        for trial in self._history.of(*ENDED):
            generation = _generation(trial)
            if generation >= 0:
                members[generation].append(trial)
        return members

    def _assignment(self, index: int, seen: set[tuple[str, ...]]) -> TrialAssignment:
        is_used_up = self._space.size is not None and len(seen) >= self._space.size
        for attempt in range(_MOST_DRAWS):
            random = Random(f"{self._seed}:{index}:{attempt}")
            for point in self._drawn(random):
                if is_used_up or _values(point) not in seen:
                    labels = Strings({GENERATION: str(len(self._fed))})
                    return TrialAssignment(parameter_assignments=point, labels=labels)
        # The distribution has shrunk to points that are known. What is tried elsewhere belongs to
        # no generation: it would tear the distribution apart.
        return TrialAssignment(parameter_assignments=self._elsewhere(index, seen))

    def _drawn(self, random: Random) -> Iterator[tuple[NameValue, ...]]:
        """Points of the distribution, those that promise most first."""
        if self._preselection is None:
            yield self._space.assignments_at(self._evolution.draw(random))
            return
        draws = [self._evolution.draw(random) for _ in range(_COMPARED)]
        scores = self._preselection.scores(np.array([self._snapped(units) for units in draws]))
        for number in np.argsort(scores, kind="stable").tolist():
            yield self._space.assignments_at(draws[number])

    def _snapped(self, units: Sequence[float]) -> list[float]:
        """The places of the values that these are rounded to, as those of the trials are."""
        return [
            unit if parameter.size is None else parameter.unit(parameter.value_at(unit))
            for parameter, unit in zip(self._space.parameters, units, strict=True)
        ]

    def _elsewhere(self, index: int, seen: set[tuple[str, ...]]) -> tuple[NameValue, ...]:
        random = Random(f"{self._seed}:{index}:elsewhere").random
        for _ in range(_MOST_DRAWS):
            point = self._space.assignments_at([random() for _ in self._space.parameters])
            if _values(point) not in seen:
                return point
        number = 0
        while _values(self._space.point(number)) in seen:
            number += 1
        return self._space.point(number)


def _plan(reader: SettingsReader) -> Plan:
    sigma = reader.number(
        "sigma",
        _FIRST_SIGMA,
        at_least(0),
        "sigma should be greate or equal than zero",
    )
    words = ("none", "ipop", "bipop")
    strategies = Values(
        str, "none, ipop or bipop", lambda word: word in (*words, "None"), choices=words
    )
    strategy = reader.read(
        "restart_strategy",
        "none",
        strategies,
        "restart_strategy {value} is not supported in CMAES optimization, use none, ipop or bipop",
    )
    return Plan(sigma=sigma or _FIRST_SIGMA, restarts=strategy.lower())


def _complete(members: Sequence[PastTrial], population: int) -> tuple[PastTrial, ...]:
    """The members that the generation is judged by; none while too few have ended.

    Half of them must have a loss: the distribution moves towards the better half, and a failed
    trial is never good.
    """
    good = [trial for trial in members if trial.outcome is not Outcome.FAILED]
    if len(members) < population or len(good) < population // 2:
        return ()
    bad = [trial for trial in members if trial.outcome is Outcome.FAILED]
    return (*good, *bad)[:population]


def _generation(trial: PastTrial) -> int:
    """That which its label names; -1 for a trial of none."""
    label = trial.labels.get(GENERATION, "")
    return int(label) if label.isdecimal() else -1


def _values(point: Sequence[NameValue]) -> tuple[str, ...]:
    return tuple(pair.value for pair in point)
