"""Grid search: every point of the search space, once."""

from __future__ import annotations

from collections.abc import Sequence

from katib.api.experiment import Experiment
from katib.api.suggestion import TrialAssignment
from katib.api.trial import Trial
from katib.ports.suggester import SuggestionReply
from katib.search.permutation import Permutation
from katib.search.settings import SettingsReader
from katib.search.space import SearchSpace


class GridSearch:
    """Goes through all points in an order that the seed shuffles, and ends with the last."""

    def __init__(self, experiment: Experiment, seed: int) -> None:
        self._space = SearchSpace.of(experiment)
        self._size = self._space.size or 0
        self._order = Permutation(self._size, seed)

    @staticmethod
    def validate(experiment: Experiment) -> None:
        """Accept ``random_state``, and search spaces that can be counted and have enough points."""
        reader = SettingsReader(experiment)
        reader.seed()
        space = reader.space()
        if space is not None:
            _check_size(space, experiment, reader)
        reader.check()

    def tell(self, trials: Sequence[Trial]) -> None:
        """History means nothing to grid search: a point that failed is not tried again."""

    def suggest(self, index: int, count: int) -> SuggestionReply:
        """The next points in order; with the last one comes the end."""
        after = min(index + count, self._size)
        assignments = [self._assignment(place) for place in range(index, after)]
        return SuggestionReply(assignments, is_exhausted=index + count >= self._size)

    def _assignment(self, place: int) -> TrialAssignment:
        return TrialAssignment(parameter_assignments=self._space.point(self._order[place]))


def _check_size(space: SearchSpace, experiment: Experiment, reader: SettingsReader) -> None:
    endless = [parameter.name for parameter in space.parameters if parameter.size is None]
    if endless:
        reasons = "; ".join(
            f"Param {name} step is nil; For discrete search space, all parameters must include step"
            for name in endless
        )
        reader.refuse(f"failed to validate parameters({', '.join(endless)}): {reasons}")
        return
    wanted, size = experiment.spec.max_trial_count or 0, space.size or 0
    if wanted > size:
        reader.refuse(f"Max Trial Count: {wanted} > all possible search combinations: {size}")
