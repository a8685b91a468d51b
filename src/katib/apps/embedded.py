"""The engine of one machine: every room wired together in one process.

Read beside the cluster's operator, line for line: the same controllers over other adapters.
"""

from __future__ import annotations

import gc
import logging
import os
import sys
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from katib.api import names
from katib.api.conditions import turn_off
from katib.api.experiment import EXPERIMENTS, Experiment
from katib.api.kinds import CONFIG_MAPS, FUNCTION_CALLS, JOBS, PODS, TRAIN_JOBS, kind_of
from katib.api.trial import TRIALS
from katib.api.values import Key, Kind, Unstructured
from katib.apps.algorithms import Algorithms, make_stopper, places_of
from katib.apps.call_worker import call_command
from katib.apps.clock import SystemClock
from katib.apps.home import Home
from katib.apps.observations import open_observations
from katib.apps.push import Push, PushSidecars
from katib.collectors.sidecar import LogSidecars, drop_name
from katib.collectors.told import ToldReports
from katib.configuration import KatibConfig
from katib.controllers.experiment import ExperimentReconciler, Treatment
from katib.controllers.loop import Loop
from katib.controllers.loop.loop import Surroundings
from katib.controllers.suggestion import SuggestionReconciler
from katib.controllers.suggestion.history import StoredHistory
from katib.controllers.trial import Runnable, TrialReconciler
from katib.executors.calls.pool import Place
from katib.executors.calls.reconciler import CallReconciler, Users
from katib.executors.checkpoints import Checkpoints, CheckpointsReconciler
from katib.executors.command import Images, machine_path
from katib.executors.files import TrialFilesReconciler
from katib.executors.job import JobReconciler
from katib.executors.pod import Here, PodReconciler
from katib.executors.torchrun import Torchrun
from katib.executors.train_job import TrainJobReconciler
from katib.ports.resource_store import Unsubscribe
from katib.stores.events import SqliteEventRecorder
from katib.stores.sqlite import SqliteStore
from katib.suggesters.running_rules import RunningRules

#: The kinds that this engine runs.
RUN_KINDS: tuple[Kind[Any], ...] = (JOBS, PODS, TRAIN_JOBS, CONFIG_MAPS, FUNCTION_CALLS)

#: How long a thread may keep the interpreter while another wants it, in seconds. The default of 5
#: ms is as long as ten trials' work.
SWITCH_SECONDS = 0.0005


#: How many new objects there are before some of them are looked at for cycles.
GARBAGE_AFTER = 20_000


#: How long an algorithm that is being asked may hold up the end of the engine, in seconds.
STOP_ASKING = 1.0


@dataclass(frozen=True, slots=True)
class Options:
    """How the engine runs programs.

    Attributes:
        images: image names → what stands for them on this machine.
        directory: where programs work when their template does not say.
        config: how the home is configured.
        python: the interpreter that programs find; ``None`` for the one that runs Katib.
        program: the user's program in which the engine is a guest, as others are told: how its
            process works is left alone. Empty when the process is the engine's own.
    """

    images: Mapping[str, Path] = field(default_factory=dict)
    directory: Path = field(default_factory=Path.cwd)
    config: KatibConfig = field(default_factory=KatibConfig)
    python: Path | None = None
    program: str = ""


class EmbeddedEngine:
    """Runs the experiments of one home until it is stopped.

    Args:
        home: its folder; locked while the engine lives.
        options: how programs are run.

    Raises:
        HomeLockedError: another engine works there.
        StoreUnavailableError: the disk refuses.
    """

    def __init__(self, home: Home, options: Options | None = None) -> None:
        self.options = options = options or Options()
        self.home = home
        self._lock = home.lock(options.program)
        self._is_started = False
        self._closers: tuple[Callable[[], None], ...] = ()
        self._only: frozenset[Key] | None = None
        self._log = EngineLog(home.log)
        self.failure: BaseException | None = None
        self.failed = threading.Event()
        try:
            self._wire(home, options)
        except BaseException:
            # Whoever mends it begins anew, perhaps in this very process.
            self._lock.release()
            self._log.close()
            raise

    def _wire(self, home: Home, options: Options) -> None:
        """Bring the rooms together.

        Raises:
            StoreUnavailableError: the disk refuses.
        """
        clock = SystemClock()
        self.observations = open_observations(home, options.config, clock, self._wake_trial)
        # Resources speak of metrics, so these are safe first.
        self.store = SqliteStore(home.resources, clock, save_first=self.observations.flush)
        self._events = events = SqliteEventRecorder(home.resources, clock)
        places = places_of(options.config)
        # The observation log is served to nobody here: a service must do without.
        stopper = make_stopper(places, self.observations, clock)
        running = RunningRules(stopper, partial(StoredHistory, self.store), clock)
        reading = LogSidecars(self.store, self.observations, events, clock, running.find)
        self.push = Push(self.store, self.observations, reading.inbox, home.path)
        sidecars = PushSidecars(reading, self.store, self.push)
        images = Images(options.images, str(options.directory))
        here = Here(home.trials, images, sidecars, self.flush, self._wake_pod, options.python)
        self._pods = PodReconciler(self.store, clock, here)
        functions = Place(home.functions, home.trials, call_command)
        users = Users(reading, self._wake_call, self._is_wanted)
        self._calls = CallReconciler(self.store, clock, functions, users)
        treated = Treatment(self._is_wanted)
        self._experiments = ExperimentReconciler(self.store, events, clock, treated)
        told = ToldReports(self.store, self.observations, events, running.find)
        runnable = Runnable(
            RUN_KINDS, self._is_wanted, collect=told.collect, hurried=(FUNCTION_CALLS,)
        )
        self._trials = TrialReconciler(self.store, self.observations, events, clock, runnable)
        self._algorithms = Algorithms(places, clock, events, stopper, self._wake_suggestion)
        suggester = self._algorithms.suggester
        # To hand a question from thread to thread would take longer than a quick answer does.
        answering = SuggestionReconciler(self.store, suggester, clock, is_mine=self._is_answered)
        self._asking = SuggestionReconciler(
            self.store, suggester, clock, is_mine=lambda one: not self._is_answered(one)
        )
        quick = (
            self._experiments,
            answering,
            self._trials,
            JobReconciler(self.store, clock, self._pods.last_words),
            TrainJobReconciler(self.store, events, clock, _torchrun(home, options)),
            self._pods,
            self._calls,
            TrialFilesReconciler(self.store, home.trials, self._pods.place),
            CheckpointsReconciler(self.store, Checkpoints.beside(home.trials)),
        )
        around = partial(Surroundings, self.store, events, clock, self.flush, self._fail)
        gathering = around(gather=self._calls.gather)
        self._quick = Loop(gathering, quick, patient=(self._experiments,))
        self._loops = (self._quick, Loop(around(), (self._asking,), workers=2))

    def start(self, only: Collection[Key] | None = None) -> None:
        """Go on with what is not finished; processes that still run are adopted.

        Args:
            only: the experiments that may start trials; ``None`` for all. The others' running
                trials are brought to their ends.
        """
        self._only = None if only is None else frozenset(only)
        if self._is_started:
            for experiment in self.store.list(EXPERIMENTS):
                self._quick.wake(self._experiments, experiment.key)
            for call in self.store.list(FUNCTION_CALLS):
                self._quick.wake(self._calls, call.key)
            return
        self._is_started = True
        if not self.options.program:
            _settle_in()
        self._pods.adopt()
        self._calls.start()
        for loop in self._loops:
            loop.start()

    def serve_metrics(self, address: str) -> None:
        """Serve Prometheus metrics of what happens from now on, until the engine is closed.

        Args:
            address: ``host:port``, or a port on this machine alone.

        Raises:
            ConfigurationError: it is no address, or it is taken.
        """
        # The library is loaded by those who use it.
        from katib.metering import ResourceMeter, serve

        meter = ResourceMeter(self.store)
        self._closers = (serve(meter, address), meter.close)

    def check_algorithm(self, experiment: Experiment) -> None:
        """Return if the experiment's algorithm, one of this machine, accepts it.

        Raises:
            AlgorithmCrashedError: it crashes when it is asked that.
            SettingsError: it does not; the message says why.
        """
        self._algorithms.check(experiment)

    @property
    def is_idle(self) -> bool:
        """Whether no program runs."""
        return self._pods.is_idle and self._calls.is_idle

    @property
    def is_settled(self) -> bool:
        """Whether no program runs that was asked to end, or is to be."""
        return self._pods.is_settled and self._calls.is_settled

    def place(self, pod: Unstructured) -> str:
        """The beginning of the names of a pod's files."""
        return self._pods.place(pod)

    def list_events(self, namespace: str | None, uid: str | None) -> Sequence[Unstructured]:
        """The events of a namespace about a resource, the oldest first; ``None`` for all."""
        return self._events.list_events(namespace, uid)

    def hear_events(self, listener: Callable[[Unstructured], None]) -> Unsubscribe:
        """Be told of events from now on, until what is returned is called."""
        return self._events.subscribe(listener)

    def flush(self) -> None:
        """Make everything so far safe."""
        self.store.flush()
        self.observations.flush()
        self._events.flush()

    def interrupt(self) -> None:
        """End the running programs; their trials start again when the engine does."""
        self._stop()
        for kind, run in (
            *((PODS, pod) for pod in self._pods.interrupt()),
            *((FUNCTION_CALLS, call) for call in self._calls.interrupt()),
        ):
            self._take_back(kind, run)

    def kill(self) -> None:
        """End the running programs at once; also from another thread, during :meth:`interrupt`."""
        self._pods.kill()
        self._calls.kill()

    def close(self) -> None:
        """Stop, leaving the running programs alone, and give the home up."""
        self._stop()
        self._pods.close()
        self._calls.close()
        for close in (*self._closers, self.push.close):
            close()
        try:
            self.store.close()
            self._events.close()
            self.observations.close()
        finally:
            self._lock.release()
            self._log.close()

    def disown(self) -> None:
        """Let go of the home in a process that a fork has made; the engine stays the other's."""
        self._lock.disown()

    def _is_wanted(self, experiment: Key) -> bool:
        return self._only is None or experiment in self._only

    def _is_answered(self, experiment: Experiment) -> bool:
        """Whether the experiment's algorithm is asked by the thread of all controllers."""
        return experiment.spec.early_stopping is None and self._algorithms.is_quick(experiment)

    def _stop(self) -> None:
        quick, asking = self._loops
        quick.stop()
        # An algorithm may compute for long; what it gives after this is asked for again.
        asking.stop(within=STOP_ASKING)
        self._algorithms.close()

    def _take_back(self, kind: Kind[Unstructured], run: Unstructured) -> None:
        """Let a run go, or a pod's: what owns it, up to what its trial made."""
        namespace = run.metadata.namespace
        while (owner := run.metadata.controller) is not None:
            of_owner = kind_of(owner.api_version, owner.kind)
            if of_owner not in RUN_KINDS:
                break
            found = self.store.find(of_owner, Key(namespace, owner.name))
            if found is None:
                break
            kind, run = of_owner, found
        # Another pod of the same run may have been taken back before.
        if self.store.find(kind, run.key) is not None:
            self.store.delete(kind, run.key)
        if owner is None:
            return
        key = Key(namespace, owner.name)
        trial = self.store.find(TRIALS, key)
        if trial is not None:
            # What was dropped would be read again; a run's folder has the name of its trial.
            folder = self.home.trials / key.namespace / key.name
            (folder / drop_name(trial)).unlink(missing_ok=True)
        self.observations.delete(key)
        if trial is not None:
            stopped = turn_off(trial.status.conditions, names.RUNNING, SystemClock().now())
            status = replace(trial.status, conditions=stopped)
            self.store.update_status(TRIALS, replace(trial, status=status))

    def _wake_trial(self, key: Key) -> None:
        if self._is_started:
            self._quick.wake(self._trials, key)

    def _wake_pod(self, key: Key) -> None:
        self._quick.wake(self._pods, key)

    def _wake_call(self, key: Key) -> None:
        self._quick.wake(self._calls, key)

    def _wake_suggestion(self, key: Key) -> None:
        _, asking = self._loops
        asking.wake(self._asking, key)

    def _fail(self, error: BaseException) -> None:
        self.failure = error
        self.failed.set()


def _torchrun(home: Home, options: Options) -> Torchrun:
    python = options.python or Path(sys.executable)
    return Torchrun(home.path / "launchers", f"{python.parent}{os.pathsep}{machine_path()}")


def _settle_in() -> None:
    """Make the process one that works for the engine alone."""
    sys.setswitchinterval(SWITCH_SECONDS)
    # What is imported stays: collections that look at it again and again find nothing.
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_AFTER)


class EngineLog:
    """Internal faults keep their tracebacks in the home, and off the user's screen.

    Args:
        path: of the log.
    """

    def __init__(self, path: Path) -> None:
        self._logger = logging.getLogger("katib")
        self._propagated = self._logger.propagate
        self._handler = logging.FileHandler(path, delay=True, encoding="utf-8")
        line = logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s")
        self._handler.setFormatter(line)
        self._logger.addHandler(self._handler)
        self._logger.propagate = False

    def close(self) -> None:
        """Leave the logger as it was."""
        self._logger.removeHandler(self._handler)
        self._logger.propagate = self._propagated
        self._handler.close()
