"""The algorithms of one machine: where each is asked, and what becomes of one that crashes."""

from __future__ import annotations

from collections.abc import Callable

from katib.api.experiment import Experiment
from katib.api.values import Key
from katib.apps.worker import worker_command
from katib.configuration import KatibConfig
from katib.configuration.one_machine import algorithm_address
from katib.ports.clock import Clock
from katib.ports.event_recorder import EventRecorder
from katib.ports.suggester import Suggester
from katib.search.algorithms import REPLACEABLE, is_light
from katib.suggesters.background import BackgroundSuggester
from katib.suggesters.in_process import InProcessSuggester
from katib.suggesters.routing import LocalSuggester, RoutingSuggester
from katib.suggesters.stand_in import FALLBACK, StandInSuggester
from katib.suggesters.worker import WorkerSuggester


class Algorithms:
    """Asks light algorithms here, others in workers, and those with an address over gRPC.

    Args:
        config: the addresses, and how much memory a worker may have.
        clock: for how long an ask takes.
        events: where it is told that an algorithm was replaced.
        wake: called with an experiment for which an answer has come.
    """

    def __init__(
        self, config: KatibConfig, clock: Clock, events: EventRecorder, wake: Callable[[Key], None]
    ) -> None:
        light = InProcessSuggester()
        self._workers = WorkerSuggester(worker_command(config.init.controller.worker_memory_bytes))
        self._plain = LocalSuggester(light, self._workers, is_light)

        def tell(experiment: Experiment, why: str) -> None:
            events.record(experiment, FALLBACK, why, warning=True)

        steady = StandInSuggester(self._workers, InProcessSuggester(), REPLACEABLE, clock, tell)
        here = LocalSuggester(light, BackgroundSuggester(steady, clock, wake), is_light)

        def find_address(experiment: Experiment) -> str:
            algorithm = experiment.spec.algorithm
            return "" if algorithm is None else algorithm_address(config, algorithm.algorithm_name)

        def connect(address: str) -> Suggester:
            # gRPC is loaded by those who use it.
            from katib.suggesters.remote import Limits, RemoteSuggester, Service

            # What is away is asked again by the controller, which says so meanwhile.
            limits = Limits(connect_seconds=3.0)
            remote = RemoteSuggester(Service(address, clock, limits=limits))
            return BackgroundSuggester(remote, clock, wake)

        self.suggester: Suggester = RoutingSuggester(here, find_address, connect)

    def check(self, experiment: Experiment) -> None:
        """Return if the algorithm accepts the experiment, which need not exist yet.

        The worker that is asked stays, so that the experiment finds it running.

        Raises:
            AlgorithmCrashedError: it crashes when it is asked that.
            SettingsError: it does not; the message says why.
        """
        self._plain.validate(experiment)

    def close(self) -> None:
        """End all workers."""
        self._workers.close()
