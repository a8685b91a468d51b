"""The algorithms of a home: where each is asked, and what becomes of one that crashes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from katib.api.experiment import AlgorithmSpec, Experiment
from katib.api.values import Key
from katib.apps.worker import worker_command
from katib.configuration import KatibConfig
from katib.configuration.one_machine import algorithm_address, early_stopping_address
from katib.ports.clock import Clock
from katib.ports.early_stopper import EarlyStopper
from katib.ports.event_recorder import EventRecorder
from katib.ports.observation_log import ObservationLog
from katib.ports.suggester import Suggester
from katib.search.algorithms import REPLACEABLE, is_light
from katib.suggesters.background import BackgroundSuggester
from katib.suggesters.in_process import InProcessSuggester
from katib.suggesters.in_process_stopper import InProcessStopper
from katib.suggesters.routing import LocalSuggester, RoutingSuggester
from katib.suggesters.routing_stopper import RoutingStopper
from katib.suggesters.stand_in import FALLBACK, StandInSuggester
from katib.suggesters.stopping import StoppingSuggester
from katib.suggesters.worker import WorkerSuggester


@dataclass(frozen=True, slots=True)
class Places:
    """Where an experiment's algorithm and its early stopping rule are asked.

    Attributes:
        find_algorithm: an experiment → ``host:port``; empty for this machine.
        find_early_stopping: the same for the rule; empty also when there is none.
        worker_memory_bytes: how much a worker process may have here; 0 for no limit.
    """

    find_algorithm: Callable[[Experiment], str]
    find_early_stopping: Callable[[Experiment], str]
    worker_memory_bytes: int


def places_of(config: KatibConfig) -> Places:
    """Where a configuration says: at an address, or here."""

    def find_algorithm(experiment: Experiment) -> str:
        return algorithm_address(config, _algorithm_name(experiment))

    def find_early_stopping(experiment: Experiment) -> str:
        rule = experiment.spec.early_stopping
        return "" if rule is None else early_stopping_address(config, rule.algorithm_name)

    memory = config.init.controller.worker_memory_bytes
    return Places(find_algorithm, find_early_stopping, memory)


def make_stopper(
    places: Places, log: ObservationLog, clock: Clock, db_manager_address: str = ""
) -> EarlyStopper:
    """What gives early stopping rules, wherever they are computed.

    Args:
        places: where.
        log: what is read for those that are computed here.
        clock: for how long a validation takes.
        db_manager_address: where services read observation logs; empty when they must do without.
    """

    def connect(address: str) -> EarlyStopper:
        from katib.suggesters.remote import Limits, RemoteEarlyStopper, Service

        service = Service(address, clock, limits=Limits(connect_seconds=3.0))
        return RemoteEarlyStopper(service, db_manager_address)

    return RoutingStopper(InProcessStopper(log), places.find_early_stopping, connect)


class Algorithms:
    """Asks light algorithms here, others in workers, and those with an address over gRPC.

    Whatever may take its time, an early stopping service too, is asked in the background.

    Args:
        places: the addresses, and how much memory a worker may have.
        clock: for how long an ask takes.
        events: where it is told that an algorithm was replaced.
        stopper: gives the early stopping rules.
        wake: called with an experiment for which an answer has come.
    """

    def __init__(
        self,
        places: Places,
        clock: Clock,
        events: EventRecorder,
        stopper: EarlyStopper,
        wake: Callable[[Key], None],
    ) -> None:
        self._places, self._clock = places, clock
        self._workers = WorkerSuggester(worker_command(places.worker_memory_bytes))
        self._plain = LocalSuggester(InProcessSuggester(), self._workers, _has_light_algorithm)

        def tell(experiment: Experiment, why: str) -> None:
            events.record(experiment, FALLBACK, why, warning=True)

        steady = StandInSuggester(self._plain, self._plain, REPLACEABLE, clock, tell)
        everywhere = RoutingSuggester(steady, places.find_algorithm, self._connect)
        asked = StoppingSuggester(everywhere, stopper)
        patient = BackgroundSuggester(asked, clock, wake)
        self.suggester: Suggester = LocalSuggester(asked, patient, self.is_quick)

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

    def is_quick(self, experiment: Experiment) -> bool:
        """Whether an ask takes no time, and waits for no service."""
        places = self._places
        is_far = places.find_algorithm(experiment) or places.find_early_stopping(experiment)
        return not is_far and _has_light_algorithm(experiment)

    def _connect(self, address: str) -> Suggester:
        # gRPC is loaded by those who use it.
        from katib.suggesters.remote import Limits, RemoteSuggester, Service

        # What is away is asked again by the controller, which says so meanwhile.
        limits = Limits(connect_seconds=3.0)
        return RemoteSuggester(Service(address, self._clock, limits=limits))


def _algorithm_name(experiment: Experiment) -> str:
    return (experiment.spec.algorithm or AlgorithmSpec()).algorithm_name


def _has_light_algorithm(experiment: Experiment) -> bool:
    return is_light(_algorithm_name(experiment))
