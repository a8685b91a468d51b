"""The engine of a cluster: every room wired together in one process.

Read beside the one of one machine, line for line: the same controllers over other adapters.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from katib.api import names
from katib.api.codec import to_manifest
from katib.api.experiment import EXPERIMENTS, Experiment
from katib.api.suggestion import TrialAssignment
from katib.api.trial import Trial
from katib.api.values import Key, Unstructured
from katib.apps.algorithms import Algorithms, Places, make_stopper
from katib.apps.clock import SystemClock
from katib.apps.cluster_config import ClusterConfig
from katib.apps.door import ClusterDoor, SettingsChecks
from katib.apps.tokens import Tokens
from katib.collectors.told import ToldReports
from katib.configuration.in_cluster import InCluster
from katib.controllers.experiment import ExperimentReconciler, Treatment
from katib.controllers.loop import Loop
from katib.controllers.loop.loop import Surroundings
from katib.controllers.suggestion import SuggestionReconciler
from katib.controllers.suggestion.services import AlgorithmServices
from katib.controllers.trial import Runnable, TrialReconciler
from katib.kubernetes.registry import Registries
from katib.kubernetes.sidecars import READ_KINDS, Cluster
from katib.kubernetes.templates import prepare
from katib.observations.remote import RemoteObservationLog
from katib.ports.event_recorder import EventRecorder
from katib.ports.resource_store import ResourceStore
from katib.search.algorithms import ALGORITHMS
from katib.search.stopping import STOPPING_RULES

#: How many experiments, trials and runs are looked at at once, and how many algorithms are asked:
#: most of them wait for an answer.
WORKERS, ASKING = 8, 4

#: How many trials are made at once, of all experiments.
CREATING = 8

#: How long a change of an experiment's counters waits for others, in seconds: together they are one
#: call to the API server. The end of a trial and the start of the next one are such.
GATHERING = 2.0

#: How rarely a trial that runs for long is looked at though nothing is heard of it, in seconds.
LOOKS_WITHIN = 600.0

#: How long an algorithm that is being asked may hold up the end of the engine, in seconds.
STOP_ASKING = 1.0

#: Reasons of events that tell of a trial what its conditions tell as well. Written, they would be a
#: third of all that is written for a trial.
ORDINARY = (
    "JobCreated",
    "JobRunning",
    "JobSucceeded",
    "JobDeleted",
    "TrialEarlyStopped",
)

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


@dataclass(frozen=True, slots=True)
class Site:
    """Where the engine works, as far as the pods of its trials are told.

    Attributes:
        db_manager: where observation logs are.
        operator: who is told that a trial was stopped early, as ``host:port``.
        secret: by which trials show who they are.
        image: that holds our own metrics collector; empty when it is not known.
        has_native_sidecars: whether an init container may go on beside the others.
        has_grpc_probes: whether containers of algorithms can be asked for their health by gRPC.
    """

    db_manager: DBManager
    operator: str
    secret: bytes
    image: str = ""
    has_native_sidecars: bool = False
    has_grpc_probes: bool = True


class ClusterEngine:
    """Runs the experiments of a cluster, or of a namespace, until it is closed.

    Args:
        store: the cluster's resources; the caller's to close.
        events: what happened, for the user; the caller's to close.
        config: how Katib is configured there.
        site: where it works.
        measure: called with the name of a controller and how many seconds a reconcile took.

    Attributes:
        door: admits experiments.
        tokens: of trials.

    Raises:
        ConfigurationError: the configuration is not legal.
        StoreAwayError: it cannot be asked for.
    """

    def __init__(
        self,
        store: ResourceStore,
        events: EventRecorder,
        config: ClusterConfig,
        site: Site,
        measure: Callable[[str, float], None] | None = None,
    ) -> None:
        self._config, self._site = config, site
        self.failure: BaseException | None = None
        self.failed = threading.Event()
        clock = SystemClock()
        controller = config.now().init.controller
        db_manager = site.db_manager
        self.observations = RemoteObservationLog(db_manager.address, db_manager.token)
        self.store, self._events = store, events
        self.tokens = Tokens(store, site.secret)
        self._registries = Registries()
        has_probes = controller.enable_grpc_probe_in_suggestion and site.has_grpc_probes
        services = AlgorithmServices(store, self._usable, has_probes)
        memory = controller.worker_memory_bytes
        places = Places(services.address, services.early_stopping_address, memory)
        stopper = make_stopper(places, self.observations, clock, db_manager.address)
        self._algorithms = Algorithms(places, clock, events, stopper, self._wake_suggestion)
        checks = SettingsChecks(places, self._algorithms.check)
        self.door = ClusterDoor(self._usable, store.find, checks)
        self._creating = ThreadPoolExecutor(CREATING, "creating-trials")
        treatment = Treatment(
            gathering=GATHERING, admit=self._admit, for_each=self._several_at_once
        )
        self._experiments = ExperimentReconciler(store, events, clock, treatment)
        told = ToldReports(store, self.observations, events)
        runnable = Runnable(prepare=self._prepare, looks_within=LOOKS_WITHIN, collect=told.collect)
        self._trials = TrialReconciler(store, self.observations, events, clock, runnable)
        self._asking = SuggestionReconciler(store, self._algorithms.suggester, clock, services)
        around = Surroundings(store, events, clock, _nothing, self._fail, _turn, measure)
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
        self._creating.shutdown()
        self._algorithms.close()
        self.observations.close()

    def cluster(self) -> Cluster:
        """What the pods of trials are told, as it is now.

        Raises:
            ConfigurationError: the configuration is not legal.
            StoreAwayError: it cannot be asked for.
        """
        site = self._site
        return Cluster(
            config=self._config.now(),
            db_manager=site.db_manager.address,
            operator=site.operator,
            image=site.image,
            has_native_sidecars=site.has_native_sidecars,
            find_entry_point=self._registries.find,
            token_of=lambda trial: self.tokens.token_of(trial.key, trial.metadata.uid),
        )

    def _usable(self) -> InCluster:
        collectors = READ_KINDS if self._site.image else ()
        return InCluster(self._config.now(), ALGORITHMS, STOPPING_RULES, collectors)

    def _admit(self, experiment: Experiment) -> Experiment:
        return self.door.admit(to_manifest(experiment))

    def _prepare(self, trial: Trial, run: Unstructured) -> Unstructured:
        name = trial.metadata.label(names.LABEL_EXPERIMENT) or ""
        experiment = self.store.find(EXPERIMENTS, Key(trial.metadata.namespace, name))
        return prepare(run, trial, experiment, self.cluster())

    def _several_at_once(
        self, act: Callable[[TrialAssignment], None], given: Sequence[TrialAssignment]
    ) -> None:
        # A few at a time: other experiments want to make trials, too.
        for begin in range(0, len(given), CREATING):
            list(self._creating.map(act, given[begin : begin + CREATING]))

    def _wake_suggestion(self, key: Key) -> None:
        _, asking = self._loops
        asking.wake(self._asking, key)

    def _fail(self, error: BaseException) -> None:
        self.failure = error
        self.failed.set()


def _turn(reconciler: str, key: Key) -> Hashable:
    """Experiments take turns: the trials of one are looked at one after the other."""
    name = key.name[:-_SUFFIX] if reconciler == TrialReconciler.name else key.name
    return key.namespace, name


def _nothing() -> None:
    """What was written is safe: the API server has answered."""
