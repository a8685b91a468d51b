"""Algorithms wherever they are: each experiment's is asked where the configuration says."""

from __future__ import annotations

from collections.abc import Callable

from katib.api.experiment import Experiment
from katib.ports.suggester import Suggester, SuggestionReply, SuggestionRequest


class RoutingSuggester:
    """Asks algorithms in this process, and those that have an address over the network.

    Args:
        here: asks those of this process.
        find_address: an experiment → ``host:port`` of its algorithm's service; empty for here.
        connect: an address → what asks the service there. Called once for each address.
    """

    def __init__(
        self,
        here: Suggester,
        find_address: Callable[[Experiment], str],
        connect: Callable[[str], Suggester],
    ) -> None:
        self._here, self._find_address, self._connect = here, find_address, connect
        self._there: dict[str, Suggester] = {}
        #: By uid of the experiment, who was asked: the address may be another, or none, at the end.
        self._asked: dict[str, Suggester] = {}

    def validate(self, experiment: Experiment) -> None:
        self._find(experiment).validate(experiment)

    def suggest(self, request: SuggestionRequest) -> SuggestionReply:
        return self._find(request.experiment).suggest(request)

    def forget(self, experiment: Experiment) -> None:
        self._asked.pop(experiment.metadata.uid, self._here).forget(experiment)

    def _find(self, experiment: Experiment) -> Suggester:
        address = self._find_address(experiment)
        if not address:
            return self._here
        if address not in self._there:
            self._there[address] = self._connect(address)
        self._asked[experiment.metadata.uid] = self._there[address]
        return self._there[address]


class LocalSuggester:
    """Asks light algorithms at once, and all others where they disturb nobody.

    Args:
        light: asks those that need no time and little memory.
        heavy: asks the others.
        is_light: whether an experiment's algorithm is light.
    """

    def __init__(
        self, light: Suggester, heavy: Suggester, is_light: Callable[[Experiment], bool]
    ) -> None:
        self._light, self._heavy, self._is_light = light, heavy, is_light

    def validate(self, experiment: Experiment) -> None:
        self._find(experiment).validate(experiment)

    def suggest(self, request: SuggestionRequest) -> SuggestionReply:
        return self._find(request.experiment).suggest(request)

    def forget(self, experiment: Experiment) -> None:
        # What it is asked for may have changed in between.
        self._light.forget(experiment)
        self._heavy.forget(experiment)

    def _find(self, experiment: Experiment) -> Suggester:
        return self._light if self._is_light(experiment) else self._heavy
