"""What every search algorithm promises."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from katib.api.experiment import Experiment
from katib.api.trial import Trial
from katib.ports.suggester import SuggestionReply


class Algorithm(Protocol):
    """Proposes the assignments of one experiment.

    Args:
        experiment: what is searched, with settings that :meth:`validate` has accepted.
        seed: where all randomness comes from.
    """

    def __init__(self, experiment: Experiment, seed: int) -> None: ...

    @staticmethod
    def validate(experiment: Experiment) -> None:
        """Return if the algorithm can work with the settings and the search space.

        Raises:
            SettingsError: it cannot; the message names everything that is wrong.
        """
        ...

    def tell(self, trials: Sequence[Trial]) -> None:
        """Take in trials that are new or have changed, oldest write first.

        A trial told before is replaced, by name. Telling in one batch or in many comes to the
        same.
        """
        ...

    def suggest(self, index: int, count: int) -> SuggestionReply:
        """The next assignments: a pure function of settings, seed, trials told, and ``index``.

        Asking changes nothing: the same question again has the same answer.

        Args:
            index: how many assignments were asked for before these.
            count: how many are wanted, at least 1; fewer may be given.
        """
        ...
