"""Regularised evolution: architectures that breed, and die of old age.

E. Real, A. Aggarwal, Y. Huang and Q. Le, "Regularized Evolution for Image Classifier Architecture
Search", AAAI 2019, algorithm 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from katib.api.experiment import Experiment
from katib.api.trial import Trial
from katib.ports.suggester import SuggestionReply
from katib.search.history import ENDED, History, Outcome, PastTrial, losses_of
from katib.search.nas.architecture import Architecture
from katib.search.nas.networks import Networks, problems_of_networks
from katib.search.nas.operations import refusals
from katib.search.settings import SettingsReader
from katib.search.space import SearchSpace
from katib.search.span import at_least


@dataclass(frozen=True, slots=True)
class Settings:
    """What the user has set.

    Attributes:
        population: how many trials live at a time, the newest.
        sample: how many of them compete to be the next parent.
    """

    population: int
    sample: int

    @classmethod
    def of(cls, experiment: Experiment) -> Settings:
        """Read them, and see that there is a ``nasConfig`` to search.

        Raises:
            SettingsError: something is wrong; the message names everything that is.
        """
        reader = SettingsReader(experiment)
        reader.note(*refusals(experiment, problems_of_networks))
        population = reader.integer("population_size", 20, at_least(2))
        sample = reader.integer("sample_size", 5, at_least(1))
        if sample > population:
            reader.refuse(
                f"sample_size is {sample}, and the population has {population} members only; "
                "set it to that or less",
                "sample_size",
            )
        reader.seed()
        reader.check()
        return cls(population, sample)


class RegularizedEvolution:
    """Draws a population, and then changes the best of a few of its members, again and again.

    The population is the trials that have ended last, so that each dies when so many younger ones
    have ended: what was lucky once has to prove itself in its children.
    """

    def __init__(self, experiment: Experiment, seed: int) -> None:
        self._settings, self._seed = Settings.of(experiment), seed
        self._networks = Networks(experiment)
        self._history = History(experiment, SearchSpace(()))
        self._tried: dict[str, Architecture] = {}

    @staticmethod
    def validate(experiment: Experiment) -> None:
        """Accept a whole ``nasConfig``, and a population of two from which no more are sampled."""
        Settings.of(experiment)

    def tell(self, trials: Sequence[Trial]) -> None:
        """A trial without an architecture of this experiment is no evidence and is left out."""
        for trial in trials:
            architecture = self._networks.find_architecture(trial)
            if architecture is not None:
                self._tried[trial.metadata.name] = architecture
                self._history.tell([trial])

    def suggest(self, index: int, count: int) -> SuggestionReply:
        """As many as asked for; none that was tried before, as long as that is likely."""
        alive = self._alive()
        seen = set(self._tried.values())
        architectures: list[Architecture] = []
        for number in range(index, index + count):
            architectures.append(self._make(number, alive, seen))
            seen.add(architectures[-1])
        return SuggestionReply([self._networks.assignment(one) for one in architectures])

    def _alive(self) -> Sequence[tuple[float, Architecture]]:
        """The population, oldest first: losses and architectures."""
        ended = sorted(self._history.of(*ENDED), key=_age)
        # Those without any value are worse than the worst that has one.
        losses = [
            math.inf if one.outcome is Outcome.FAILED else float(loss)
            for one, loss in zip(ended, losses_of(ended), strict=True)
        ]
        pairs = [(loss, self._tried[one.name]) for loss, one in zip(losses, ended, strict=True)]
        return pairs[-self._settings.population :]

    def _make(
        self, index: int, alive: Sequence[tuple[float, Architecture]], seen: set[Architecture]
    ) -> Architecture:
        """A random one while the first population is not yet complete; a child from then on."""
        is_first = index < self._settings.population or len(alive) < self._settings.sample

        def make(attempt: int) -> Architecture:
            random = Random(f"{self._seed}:{index}:{attempt}")
            if is_first:
                return self._networks.draw(random)
            rivals = random.sample(range(len(alive)), self._settings.sample)
            # Of two that are as good, the younger has more life before it.
            parent = min(rivals, key=lambda place: (alive[place][0], -place))
            return self._networks.mutate(alive[parent][1], random)

        return self._networks.make_new(seen, make)


def _age(trial: PastTrial) -> tuple[float, str]:
    return trial.ended, trial.name
