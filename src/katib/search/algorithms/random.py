"""Random search: every assignment is drawn by itself, whatever happened before."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from katib.api.experiment import Experiment
from katib.api.suggestion import TrialAssignment
from katib.api.trial import Trial
from katib.ports.suggester import SuggestionReply
from katib.search.settings import SettingsReader
from katib.search.space import SearchSpace


class RandomSearch:
    """Draws from the parameters' distributions. A point may come again."""

    def __init__(self, experiment: Experiment, seed: int) -> None:
        self._space = SearchSpace.of(experiment)
        self._seed = seed

    @staticmethod
    def validate(experiment: Experiment) -> None:
        """Accept ``random_state`` from 0 on, and any search space."""
        reader = SettingsReader(experiment)
        reader.seed()
        reader.space()
        reader.check()

    def tell(self, trials: Sequence[Trial]) -> None:
        """History means nothing to random search."""

    def suggest(self, index: int, count: int) -> SuggestionReply:
        """As many as asked for; each depends on the seed and its own index only."""
        return SuggestionReply([self._assignment(index + offset) for offset in range(count)])

    def _assignment(self, index: int) -> TrialAssignment:
        # A text as seed is hashed whole, the same on every machine and in every process.
        draw = Random(f"{self._seed}:{index}").random
        units = [draw() for _ in self._space.parameters]
        return TrialAssignment(parameter_assignments=self._space.assignments_at(units))
