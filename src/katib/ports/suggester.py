"""How an algorithm is asked for assignments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from katib.api.experiment import Experiment
from katib.api.suggestion import TrialAssignment
from katib.api.trial import Trial
from katib.api.values import NameValue


class TrialHistory(Protocol):
    """An experiment's trials, as far as an algorithm may see them."""

    def changed_since(self, version: int) -> tuple[Sequence[Trial], int]:
        """The trials written after ``version``, oldest write first, and the version to ask from
        next.

        All of them: also those that failed, or ended without their metrics.
        """
        ...


@dataclass(frozen=True, slots=True)
class SuggestionRequest:
    """What is asked.

    Attributes:
        experiment: with the settings that the algorithm returned earlier already in its spec.
        count: how many assignments are wanted now, at least 1.
        total: how many will have been asked for in all, this request included.
        trials: what happened so far.
    """

    experiment: Experiment
    count: int
    total: int
    trials: TrialHistory


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is not as it should be, though there is an answer.

    Attributes:
        reason: one word, as conditions have it.
        message: a sentence that says why, and what was done.
    """

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class SuggestionReply:
    """What is answered.

    Attributes:
        assignments: at most ``count`` of them. Fewer, or none, means "not now". An empty ``name``
            is filled by the caller.
        settings: algorithm settings to be remembered and sent with the next request.
        is_exhausted: the search has ended; there will be no more assignments.
        trouble: what the user should know of how the answer came about; ``None`` when all is well.
    """

    assignments: Sequence[TrialAssignment]
    settings: Sequence[NameValue] = ()
    is_exhausted: bool = False
    trouble: Trouble | None = None


class Suggester(Protocol):
    """Asks algorithms. Keeps nothing that cannot be rebuilt from the request."""

    def validate(self, experiment: Experiment) -> None:
        """Return if the algorithm accepts its settings and the search space.

        Raises:
            SettingsError: it does not; the message says why.
            UnknownNameError: there is no such algorithm.
            AlgorithmBusyError: it still computes; ask again.
            AlgorithmUnavailableError: it cannot be reached; wait and ask again.
        """
        ...

    def suggest(self, request: SuggestionRequest) -> SuggestionReply:
        """The next assignments; the same request gives the same reply, after a restart too.

        Raises:
            AlgorithmBusyError: it still computes; the answer comes when the same is asked again.
            AlgorithmUnavailableError: it cannot be reached; wait and ask again.
        """
        ...

    def forget(self, experiment: Experiment) -> None:
        """The experiment is over or gone: free what was kept for it."""
        ...
