"""How the trials of a population descend from each other, for whoever draws it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from katib.api import names
from katib.api.experiment import Experiment
from katib.api.trial import Trial
from katib.search.algorithms.pbt import GENERATION, MEMBER, PARENT, REPLACED
from katib.search.history import History, Outcome, PastTrial
from katib.search.space import SearchSpace


@dataclass(frozen=True, slots=True)
class Life:
    """One trial of a population.

    Attributes:
        trial: its name.
        member: which line it belongs to, from 0 on.
        generation: which one of that line, from 0 on.
        parent: the trial whose checkpoint it began with; empty for none.
        replaced: the trial that was so bad that this one took its place; empty for none.
        outcome: what it has come to.
        value: of the objective; ``None`` when there is none.
        assignments: its parameters' values by name.
    """

    trial: str
    member: int
    generation: int
    parent: str
    replaced: str
    outcome: Outcome
    value: float | None
    assignments: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Lineage:
    """All trials of a population, by name; sorted by generation, member and name."""

    lives: Mapping[str, Life]

    @classmethod
    def of(cls, experiment: Experiment, trials: Iterable[Trial]) -> Lineage:
        """That of an experiment with ``pbt``; trials without its labels are left out.

        Raises:
            SettingsError: the experiment has no search space.
        """
        history = History(experiment, SearchSpace.of(experiment))
        history.tell(list(trials))
        objective = experiment.spec.objective
        sign = -1 if objective is not None and objective.type == names.MAXIMIZE else 1
        found = [life for past in history.trials if (life := _life(past, sign)) is not None]
        found.sort(key=lambda life: (life.generation, life.member, life.trial))
        return cls({life.trial: life for life in found})

    def descent(self, trial: str) -> Sequence[Life]:
        """From the first ancestor that is known to the trial itself: the schedule it has lived.

        Raises:
            KeyError: there is no such trial.
        """
        line = [self.lives[trial]]
        while (parent := line[-1].parent) in self.lives and len(line) < len(self.lives):
            line.append(self.lives[parent])
        return line[::-1]

    def children(self, trial: str) -> Sequence[Life]:
        """The trials that began with its checkpoint."""
        return [life for life in self.lives.values() if life.parent == trial]


def _life(past: PastTrial, sign: int) -> Life | None:
    member, generation = (past.labels.get(label, "") for label in (MEMBER, GENERATION))
    if not (member.isdecimal() and generation.isdecimal()):
        return None
    return Life(
        past.name,
        int(member),
        int(generation),
        past.labels.get(PARENT, ""),
        past.labels.get(REPLACED, ""),
        past.outcome,
        sign * past.loss if math.isfinite(past.loss) else None,
        {pair.name: pair.value for pair in past.assignments},
    )
