"""Population based training: a population trains, and its worst go on from where its best are.

Jaderberg et al., "Population Based Training of Neural Networks", 2017, algorithm 1; asynchronous,
with truncation selection. The weights are handed on as checkpoints, by whoever runs the trials.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from katib.api import names
from katib.api.experiment import Experiment
from katib.api.suggestion import TrialAssignment
from katib.api.trial import Trial
from katib.api.values import NameValue, Strings
from katib.ports.suggester import SuggestionReply
from katib.search.exploration import Exploration
from katib.search.history import History, PastTrial
from katib.search.population import Member, Ranking, members_of
from katib.search.resource import read_trial_dir
from katib.search.settings import MUST_BE_GIVEN, SettingsReader, Values
from katib.search.space import SearchSpace
from katib.search.span import at_least, between

#: Which generation of its member a trial is, from 0 on.
GENERATION = "pbt.suggestion.katib.kubeflow.org/generation"
#: Which member of the population a trial belongs to, from 0 on.
MEMBER = "pbt.suggestion.katib.kubeflow.org/member"
#: The trial whose result was so bad that this one goes on from the parent instead.
REPLACED = "pbt.suggestion.katib.kubeflow.org/replaced"
#: The trial whose checkpoint this one begins with.
PARENT = names.LABEL_PARENT

_LABELS = (GENERATION, MEMBER, PARENT, REPLACED)

#: How often one generation of a member may fail before it is given up.
MOST_FAILURES = 2

_REQUIRED = (names.SETTING_TRIAL_DIR, "n_population", "truncation_threshold")


@dataclass(frozen=True, slots=True)
class Settings:
    """What the user has set.

    Attributes:
        size: how many members the population has.
        threshold: the share of them that is replaced, and that replaces.
        resample_probability: see :class:`~katib.search.exploration.Exploration`.
        factors: the same.
        explores_all: those that are not replaced change their values too.
    """

    size: int
    threshold: float
    resample_probability: float | None
    factors: Sequence[float]
    explores_all: bool

    @classmethod
    def of(cls, experiment: Experiment) -> Settings:
        """Read them.

        Raises:
            SettingsError: they are wrong; the message names everything that is.
        """
        reader = SettingsReader(experiment)
        missing = [name for name in _REQUIRED if name not in reader.given]
        if missing:
            reader.refuse(f"Required params missing: {', '.join(missing)}")
        size = reader.integer(
            "n_population", 0, at_least(5), "Param(n_population) should be >= 5", MUST_BE_GIVEN
        )
        threshold = reader.number(
            "truncation_threshold",
            math.nan,
            between(0, 1),
            "Param(truncation_threshold) should be between 0 and 1, inclusive",
            MUST_BE_GIVEN,
        )
        probability = reader.number(
            "resample_probability",
            None,
            between(0, 1),
            "Param(resample_probability) should be null to perturb at 0.8 or 1.2, or be between 0 "
            "and 1, inclusive, to resample",
            "values are multiplied instead",
        )
        factors = reader.read("perturbation_factors", (0.8, 1.2), _FACTORS, unset="0.8,1.2")
        explores_all = reader.choice(
            "explore_all", "false", ("true", "false"), "explore_all should be true or false"
        )
        reader.seed()
        read_trial_dir(reader, MUST_BE_GIVEN)
        reader.space()
        reader.check()
        return cls(size, threshold, probability, factors, explores_all == "true")


class PopulationBasedTraining:
    """Trains a population, member by member, each trial from its parent's checkpoint.

    A member whose trial has ended goes on at once, those of the lowest generation first: from its
    own checkpoint, or, if it is among the worst, from that of one of the best, whose values it
    takes and changes. Where all are equally good there is nobody to learn from, and each changes
    its own values. A failed trial is tried again as it was; the second failure of the same
    generation counts as the worst result.
    """

    def __init__(self, experiment: Experiment, seed: int) -> None:
        self._seed = seed
        self._settings = settings = Settings.of(experiment)
        space = SearchSpace.of(experiment)
        self._history = History(experiment, space)
        self._exploration = Exploration(space, settings.factors, settings.resample_probability)
        self._told: set[str] = set()

    @staticmethod
    def validate(experiment: Experiment) -> None:
        """Accept any search space."""
        Settings.of(experiment)

    def tell(self, trials: Sequence[Trial]) -> None:
        """Every trial belongs to the member and the generation that its labels name."""
        self._told.update(trial.metadata.name for trial in trials)
        self._history.tell(trials)

    def suggest(self, index: int, count: int) -> SuggestionReply:
        """One trial for each member that is free, and no more until others have ended."""
        members = members_of(self._places(), self._settings.size)
        free = sorted(
            (member for member in members if not member.is_busy),
            key=lambda member: (member.generation, member.number),
        )
        # Assignments that were asked for before and are no trials yet are those of the first free
        # members, so that there are as many as members at most: others were trials and are gone.
        untold = max(0, index - len(self._told)) % (len(members) + 1)
        ranking = Ranking.of(members, self._settings.threshold)
        return SuggestionReply(
            [
                self._go_on(member, ranking, Random(f"{self._seed}:{index + offset}"))
                for offset, member in enumerate(free[untold : untold + count])
            ]
        )

    def _places(self) -> Iterator[tuple[int, int, PastTrial]]:
        for trial in self._history.trials:
            texts = [trial.labels.get(label, "") for label in (MEMBER, GENERATION)]
            if all(text.isdecimal() for text in texts):
                yield int(texts[0]), int(texts[1]), trial

    def _go_on(self, member: Member, ranking: Ranking, random: Random) -> TrialAssignment:
        latest, failures = member.latest, member.failures
        if 0 < len(failures) < MOST_FAILURES:
            return _again(failures[0])
        if failures or (latest is not None and latest.name in ranking.losers):
            if ranking.winners:
                winner = random.choice(ranking.winners)
                values = self._exploration.explore(winner.assignments, random)
                replaced = latest if latest is not None else failures[0]
                return _child(member, values, winner, replaced)
        elif latest is not None:
            values = latest.assignments
            if self._settings.explores_all or ranking.is_flat:
                values = self._exploration.explore(values, random)
            return _child(member, values, latest, latest)
        labels = Strings({GENERATION: "0", MEMBER: str(member.number)})
        return TrialAssignment(parameter_assignments=self._exploration.draw(random), labels=labels)


def _child(
    member: Member, values: tuple[NameValue, ...], parent: PastTrial, replaced: PastTrial
) -> TrialAssignment:
    """The member's next generation; nothing is replaced where it goes on from its own trial."""
    labels = {
        GENERATION: str(member.generation + 1),
        MEMBER: str(member.number),
        PARENT: parent.name,
    }
    if replaced.name != parent.name:
        labels[REPLACED] = replaced.name
    return TrialAssignment(parameter_assignments=values, labels=Strings(labels))


def _again(trial: PastTrial) -> TrialAssignment:
    labels = {label: trial.labels[label] for label in _LABELS if label in trial.labels}
    return TrialAssignment(parameter_assignments=trial.assignments, labels=Strings(labels))


def _factors(text: str) -> Sequence[float]:
    factors = tuple(float(word) for word in text.split(","))
    if not all(0 < factor < math.inf and factor != 1 for factor in factors):
        raise ValueError("one of them is not above 0, or is 1")
    return factors


_FACTORS = Values(_factors, "numbers above 0, other than 1, with commas between them")
