"""Hyperband: many configurations with little resource, and the best of them with more.

Li et al., JMLR 18 (2018), algorithm 1; the schedule is in
:mod:`katib.search.successive_halving`.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from random import Random

from katib.api.experiment import Experiment
from katib.api.suggestion import TrialAssignment
from katib.api.trial import Trial
from katib.api.values import NameValue, Strings
from katib.errors import SettingsError
from katib.ports.suggester import SuggestionReply
from katib.search.distinct import DistinctPoints
from katib.search.history import History, Outcome, PastTrial
from katib.search.settings import SettingsReader
from katib.search.space import SearchSpace
from katib.search.successive_halving import Rung, Schedule

BRACKET = "hyperband.suggestion/bracket"
RUNG = "hyperband.suggestion/rung"
#: The trial of the rung before that had the same configuration.
PARENT = "hyperband.suggestion/parent"


@dataclass(frozen=True, slots=True)
class Settings:
    """What the user has set: the schedule, and which parameter is the resource."""

    schedule: Schedule
    resource_name: str

    @classmethod
    def of(cls, experiment: Experiment) -> Settings:
        """Read them.

        Raises:
            SettingsError: they are wrong; the message names everything that is.
        """
        reader = SettingsReader(experiment)
        given = _names_given(experiment)
        largest = reader.number("r_l", math.nan)
        eta = reader.number("eta", 3.0, _is_at_least_two, "eta should be great or equal than 2")
        smallest = reader.number(
            "min_resource", 1.0, _is_positive, "min_resource must be a positive float number."
        )
        resource = reader.choice(
            "resource_name",
            "",
            [parameter.name for parameter in experiment.spec.parameters],
            "value of resource_name setting must be in parameters.",
        )
        reader.integer(
            "random_state",
            None,
            lambda state: state >= 0,
            "random_state should be great or equal than zero",
        )
        problems = _problems_of(reader)
        if not {"r_l", "resource_name"} <= given:
            problems.append("r_l and resource_name must be set.")
        if "r_l" in given and not _is_positive(largest):
            problems.append("r_l must be a positive float number.")
        if "min_resource" in given and smallest > largest:
            problems.append(f"min_resource {smallest:g} is above r_l {largest:g}")
        if problems:
            raise SettingsError("; ".join(problems))
        return cls(Schedule(_exact(largest), _exact(smallest), _exact(eta)), resource)


class Hyperband:
    """Runs the brackets one after another, each rung by rung, and ends with the last.

    The configurations of a bracket's first rung are drawn at random, none twice. While results of
    a rung are missing, the next one has to wait, and fewer are given than asked for. A failed trial
    is the worst of its rung: it blocks nothing and is never promoted, so that a rung gets smaller
    when there are fewer good ones than it has room for.
    """

    def __init__(self, experiment: Experiment, seed: int) -> None:
        self._seed = seed
        settings = Settings.of(experiment)
        self._schedule = settings.schedule
        self._space = SearchSpace.of(experiment)
        self._resource = next(
            parameter
            for parameter in self._space.parameters
            if parameter.name == settings.resource_name
        )
        others = [one for one in self._space.parameters if one is not self._resource]
        self._configurations = DistinctPoints(SearchSpace(others), self._draw)
        self._history = History(experiment, self._space)

    @staticmethod
    def validate(experiment: Experiment) -> None:
        """Accept a schedule whose resource is one of the parameters, one that has numbers."""
        settings = Settings.of(experiment)
        for parameter in SearchSpace.of(experiment).parameters:
            if parameter.name == settings.resource_name and not parameter.is_ordered:
                raise SettingsError(
                    f"resource_name {settings.resource_name} is a parameter of words; name one "
                    "with numbers"
                )

    def tell(self, trials: Sequence[Trial]) -> None:
        """Every trial belongs to the rung that its labels name."""
        self._history.tell(trials)

    def suggest(self, index: int, count: int) -> SuggestionReply:
        """The next places of the schedule, up to the first that has to wait."""
        assignments: list[TrialAssignment] = []
        wanted, place, is_last = index + count, 0, False
        for stage in self._stages():
            seats = range(max(0, index - place), min(stage.size, wanted - place))
            assignments += [self._assignment(stage, seat) for seat in seats]
            place, is_last = place + stage.size, stage.is_last
            if place >= wanted:
                break
        return SuggestionReply(assignments, is_exhausted=is_last and place <= wanted)

    def _stages(self) -> Iterator[_Stage]:
        """The rungs in order, as far as it is known who is in them."""
        results, new = self._results(), 0
        for bracket in self._schedule.brackets():
            survivors: Sequence[PastTrial] = ()
            for rung in self._schedule.rungs(bracket):
                if rung.number == 0:
                    stage = _Stage(rung, rung.size, new, ())
                    new += rung.size
                else:
                    stage = _Stage(rung, min(rung.size, len(survivors)), new, survivors)
                yield stage
                ended = results[bracket, rung.number]
                if len(ended) < stage.size and rung.number < bracket:
                    return
                survivors = [trial for trial in ended if trial.outcome is not Outcome.FAILED]

    def _results(self) -> Mapping[tuple[int, int], Sequence[PastTrial]]:
        """The trials that ended, best first, by bracket and rung."""
        ended = self._history.of(Outcome.FINISHED, Outcome.STOPPED, Outcome.FAILED)
        results: defaultdict[tuple[int, int], list[PastTrial]] = defaultdict(list)
        for trial in sorted(ended, key=lambda trial: (*trial.rank, trial.name)):
            place = trial.labels.get(BRACKET, ""), trial.labels.get(RUNG, "")
            if all(text.isdecimal() for text in place):
                results[int(place[0]), int(place[1])].append(trial)
        return results

    def _assignment(self, stage: _Stage, seat: int) -> TrialAssignment:
        labels = {BRACKET: str(stage.rung.bracket), RUNG: str(stage.rung.number)}
        if stage.rung.number == 0:
            pairs = self._configurations.point(stage.new + seat)
        else:
            parent = stage.survivors[seat]
            pairs = parent.assignments
            labels[PARENT] = parent.name
        values = {pair.name: pair.value for pair in pairs}
        values[self._resource.name] = self._resource.nearest(float(stage.rung.resource))
        return TrialAssignment(
            parameter_assignments=tuple(
                NameValue(name=parameter.name, value=values[parameter.name])
                for parameter in self._space.parameters
            ),
            labels=Strings(labels),
        )

    def _draw(self, number: int) -> Sequence[float]:
        draw = Random(f"{self._seed}:{number}").random
        return [draw() for _ in range(len(self._space.parameters) - 1)]


@dataclass(frozen=True, slots=True)
class _Stage:
    """A rung and who is in it.

    Attributes:
        rung: which.
        size: how many configurations it really has.
        new: how many new configurations were drawn before it.
        survivors: the trials of the rung before that have a loss, best first.
    """

    rung: Rung
    size: int
    new: int
    survivors: Sequence[PastTrial]

    @property
    def is_last(self) -> bool:
        """Nothing comes after the only rung of the bracket that does not sieve."""
        return self.rung.bracket == 0


def _problems_of(reader: SettingsReader) -> list[str]:
    try:
        reader.check()
    except SettingsError as error:
        return [str(error)]
    return []


def _names_given(experiment: Experiment) -> set[str]:
    algorithm = experiment.spec.algorithm
    return set() if algorithm is None else {one.name for one in algorithm.algorithm_settings}


def _is_positive(number: float) -> bool:
    return 0 < number < math.inf


def _is_at_least_two(number: float) -> bool:
    return 2 <= number < math.inf


def _exact(number: float) -> Fraction:
    """The number as it was written: 0.1 is a tenth."""
    return Fraction(repr(number))
