"""The engine of a cluster: every room wired together in one process.

Read beside the one of one machine, line for line: the same controllers over other adapters.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable
from dataclasses import dataclass

from katib.api.trial import Trial
from katib.api.values import Key, Resource
from katib.apps.algorithms import Algorithms, Places, make_stopper
from katib.apps.clock import SystemClock
from katib.apps.cluster_config import ClusterConfig
from katib.configuration.in_cluster import InCluster
from katib.controllers.experiment import ExperimentReconciler, Treatment
from katib.controllers.loop import Loop
from katib.controllers.loop.loop import Surroundings
from katib.controllers.suggestion import SuggestionReconciler
from katib.controllers.suggestion.services import AlgorithmServices
from katib.controllers.trial import TrialReconciler
from katib.observations.remote import RemoteObservationLog
from katib.ports.event_recorder import EventRecorder
from katib.ports.resource_store import ResourceStore
from katib.search.algorithms import ALGORITHMS
from katib.search.stopping import STOPPING_RULES

#: How many experiments, trials and runs are looked at at once, and how many algorithms are asked:
#: most of them wait for an answer.
WORKERS, ASKING = 8, 4

#: The shortest time between two writes of an experiment's counters, in seconds: what changes within
#: it is one call to the API server.
COUNT_EVERY = 1.0

#: How long an algorithm that is being asked may hold up the end of the engine, in seconds.
STOP_ASKING = 1.0

#: How long the part of a trial's name is that tells it from others of its experiment.
_SUFFIX = len("-12345678")


@dataclass(frozen=True, slots=True)
class DBManager:
    """Where observation logs are kept.

    Attributes:
        address: as ``host:port``.
        token: what is shown there; empty when nothing is asked for.
    """

    address: str
    token: str = ""


class ClusterEngine:
    """Runs the experiments of a cluster, or of a namespace, until it is closed.

    Args:
        store: the cluster's resources; the caller's to close.
        events: what happened, for the user; the caller's to close.
        config: how Katib is configured there.
        db_manager: where observation logs are.

    Raises:
        ConfigurationError: the configuration is not legal.
        StoreAwayError: it cannot be asked for.
    """

    def __init__(
        self,
        store: ResourceStore,
        events: EventRecorder,
        config: ClusterConfig,
        db_manager: DBManager,
    ) -> None:
        self._config = config
        self.failure: BaseException | None = None
        self.failed = threading.Event()
        clock = SystemClock()
        controller = config.now().init.controller
        self.observations = RemoteObservationLog(db_manager.address, db_manager.token)
        self.store, self._events = store, events
        has_probes = controller.enable_grpc_probe_in_suggestion
        services = AlgorithmServices(store, self._usable, has_probes)
        memory = controller.worker_memory_bytes
        places = Places(services.address, services.early_stopping_address, memory)
        stopper = make_stopper(places, self.observations, clock, db_manager.address)
        told = Essentials(events)
        self._experiments = ExperimentReconciler(
            store, events, clock, Treatment(write_every=COUNT_EVERY)
        )
        self._trials = TrialReconciler(store, self.observations, told, clock)
        self._algorithms = Algorithms(places, clock, events, stopper, self._wake_suggestion)
        self._asking = SuggestionReconciler(store, self._algorithms.suggester, clock, services)
        around = Surroundings(store, events, clock, _nothing, self._fail, _turn)
        quick = Loop(around, (self._experiments, self._trials), WORKERS)
        self._loops = (quick, Loop(around, (self._asking,), ASKING))

    def start(self) -> None:
        """Go on with what is not finished."""
        for loop in self._loops:
            loop.start()

    def close(self) -> None:
        """Stop; runs and algorithms' Deployments go on, and the next engine finds them."""
        quick, asking = self._loops
        quick.stop()
        # An algorithm may compute for long; what it gives after this is asked for again.
        asking.stop(within=STOP_ASKING)
        self._algorithms.close()
        self.observations.close()

    def _usable(self) -> InCluster:
        return InCluster(self._config.now(), ALGORITHMS, STOPPING_RULES)

    def _wake_suggestion(self, key: Key) -> None:
        _, asking = self._loops
        asking.wake(self._asking, key)

    def _fail(self, error: BaseException) -> None:
        self.failure = error
        self.failed.set()


class Essentials:
    """Tells of trials only what is out of the ordinary.

    That a run was created, runs, has ended and is deleted stands in the conditions of its trial; as
    events it would be a third of all that is written for a trial.

    Args:
        events: whom to tell.
    """

    def __init__(self, events: EventRecorder) -> None:
        self._events = events

    def record(self, resource: Resource, reason: str, message: str, warning: bool = False) -> None:
        """See the port."""
        if warning or not isinstance(resource, Trial):
            self._events.record(resource, reason, message, warning)


def _turn(reconciler: str, key: Key) -> Hashable:
    """Experiments take turns: the trials of one are looked at one after the other."""
    name = key.name[:-_SUFFIX] if reconciler == TrialReconciler.name else key.name
    return key.namespace, name


def _nothing() -> None:
    """What was written is safe: the API server has answered."""
