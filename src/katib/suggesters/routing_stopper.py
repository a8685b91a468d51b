"""Early stopping services wherever they are: each is asked where the configuration says."""

from __future__ import annotations

from collections.abc import Callable

from katib.api.experiment import Experiment
from katib.api.suggestion import EarlyStoppingRule
from katib.ports.early_stopper import EarlyStopper
from katib.ports.suggester import SuggestionRequest


class RoutingStopper:
    """Asks early stopping algorithms in this process, and those that have an address over gRPC.

    Args:
        here: asks those of this process.
        find_address: an experiment → ``host:port`` of its service; empty for here.
        connect: an address → what asks the service there. Called once for each address.
    """

    def __init__(
        self,
        here: EarlyStopper,
        find_address: Callable[[Experiment], str],
        connect: Callable[[str], EarlyStopper],
    ) -> None:
        self._here, self._find_address, self._connect = here, find_address, connect
        self._there: dict[str, EarlyStopper] = {}

    def validate(self, experiment: Experiment) -> None:
        self._find(experiment).validate(experiment)

    def rules(self, request: SuggestionRequest) -> tuple[EarlyStoppingRule, ...]:
        return self._find(request.experiment).rules(request)

    def is_live(self, experiment: Experiment) -> bool:
        return self._find(experiment).is_live(experiment)

    def _find(self, experiment: Experiment) -> EarlyStopper:
        address = self._find_address(experiment)
        if not address:
            return self._here
        if address not in self._there:
            self._there[address] = self._connect(address)
        return self._there[address]
