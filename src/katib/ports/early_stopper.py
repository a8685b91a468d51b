"""How early stopping rules are asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from katib.api.experiment import Experiment
from katib.api.suggestion import EarlyStoppingRule
from katib.ports.suggester import SuggestionRequest

#: Gives the rules by which a running trial is judged now; the last ones if new ones cannot be had.
RulesNow = Callable[[], Sequence[EarlyStoppingRule]]


class EarlyStopper(Protocol):
    """Gives the rules by which trials that are about to be made are stopped early.

    Keeps nothing that cannot be rebuilt from the request.
    """

    def validate(self, experiment: Experiment) -> None:
        """Return if the early stopping algorithm accepts its settings, or there is none.

        Raises:
            SettingsError: it does not; the message says why.
            UnknownNameError: there is no such algorithm.
            AlgorithmUnavailableError: it cannot be reached; wait and ask again.
        """
        ...

    def rules(self, request: SuggestionRequest) -> tuple[EarlyStoppingRule, ...]:
        """The rules for every trial that the request asks for; a trial stops when all are met.

        There are none while there is too little to compare with, and for an experiment without
        early stopping.

        Raises:
            AlgorithmUnavailableError: the algorithm cannot be reached; wait and ask again.
        """
        ...

    def is_live(self, experiment: Experiment) -> bool:
        """Whether trials are judged by what others report while they run.

        If so, rules may be asked for again and again, and take the place of those that a trial was
        made with.
        """
        ...
