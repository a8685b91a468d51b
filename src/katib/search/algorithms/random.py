"""Random search: every assignment is drawn by itself, whatever happened before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from katib.api.experiment import Experiment
from katib.api.suggestion import TrialAssignment
from katib.api.trial import Trial
from katib.ports.suggester import SuggestionReply
from katib.search.nas.networks import Networks, problems_of_networks
from katib.search.nas.operations import refusals
from katib.search.settings import SettingsReader
from katib.search.space import SearchSpace


class RandomSearch:
    """Draws from the parameters' distributions, or of all architectures. One may come again."""

    def __init__(self, experiment: Experiment, seed: int) -> None:
        self._draw = _drawer(experiment)
        self._seed = seed

    @staticmethod
    def validate(experiment: Experiment) -> None:
        """Accept ``random_state`` from 0 on, and any search space, also of architectures."""
        reader = SettingsReader(experiment)
        reader.seed()
        if experiment.spec.nas_config is None:
            reader.space()
        else:
            reader.note(*refusals(experiment, problems_of_networks))
        reader.check()

    def tell(self, trials: Sequence[Trial]) -> None:
        """History means nothing to random search."""

    def suggest(self, index: int, count: int) -> SuggestionReply:
        """As many as asked for; each depends on the seed and its own index only."""
        # A text as seed is hashed whole, the same on every machine and in every process.
        randoms = [Random(f"{self._seed}:{index + offset}") for offset in range(count)]
        return SuggestionReply([self._draw(random) for random in randoms])


def _drawer(experiment: Experiment) -> Callable[[Random], TrialAssignment]:
    if experiment.spec.nas_config is not None:
        networks = Networks(experiment)
        return lambda random: networks.assignment(networks.draw(random))
    space = SearchSpace.of(experiment)

    def draw(random: Random) -> TrialAssignment:
        units = [random.random() for _ in space.parameters]
        return TrialAssignment(parameter_assignments=space.assignments_at(units))

    return draw
