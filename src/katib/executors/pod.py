"""Pods: runs their containers as process groups and writes their status."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from katib.api import names
from katib.api.codec import format_time, parse_time, with_status
from katib.api.kinds import CONFIG_MAPS, PODS, SECRETS
from katib.api.values import Key, Kind, Manifest, Unstructured
from katib.errors import ObservationLogAwayError
from katib.executors.checkpoints import Checkpoints
from katib.executors.command import CommandError, Images, ReadData, files_of, plain_data
from katib.executors.container import Container, Surroundings
from katib.executors.outfit import PodOutfit
from katib.executors.packages import Environments
from katib.executors.process import Processes
from katib.executors.run import EARLY_STOPPED, Run
from katib.executors.runtimes import LABEL_JOB_SET
from katib.ports.clock import Clock
from katib.ports.reconciler import DONE, Result
from katib.ports.resource_store import Event, EventType, ResourceStore
from katib.ports.sidecar import Sidecar, Sidecars

#: How often a running pod's log is read, in seconds.
READ_EVERY = 0.25

#: How soon a report is tried again that was refused for lack of room, in seconds.
REPORT_AGAIN = 1.0

#: How long the processes of a pod that is removed may take to end, unless the pod says otherwise.
GRACE_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Here:
    """This machine, as far as pods are concerned.

    Attributes:
        trials: the folder of all trials' files.
        images: what stands for container images.
        sidecars: what reads metrics.
        flush: makes everything so far safe. Called before a process is started, so that an engine
            that dies then knows of it.
        wake: reconcile the pod soon.
        python: the interpreter that programs find; ``None`` for the one that runs Katib.
    """

    trials: Path
    images: Images
    sidecars: Sidecars
    flush: Callable[[], None]
    wake: Callable[[Key], None]
    python: Path | None = None


@dataclass(slots=True, eq=False)
class PodReconciler:
    """Runs a ``v1`` Pod: init containers in turn, then the others at once.

    A pod's containers write into ``trials/<namespace>/<job>/``, files that begin with the suffix of
    the pod's name.
    """

    store: ResourceStore
    clock: Clock
    here: Here
    name: str = field(default="pod-controller", init=False)
    kinds: tuple[Kind[Any], ...] = field(default=(PODS,), init=False)
    _processes: Processes = field(init=False)
    _beside: ThreadPoolExecutor = field(init=False)
    _environments: Environments = field(init=False)
    _runs: dict[Key, Run] = field(init=False, default_factory=dict)
    _pods: dict[str, Key] = field(init=False, default_factory=dict)
    _unadopted: dict[Key, Unstructured] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._processes = Processes(self._ended)
        self._beside = ThreadPoolExecutor(1, "folders")
        self._environments = Environments.beside(self.here.trials, self.here.python)

    def keys(self, event: Event) -> Iterable[Key]:
        if event.type is EventType.DELETED and not (
            event.key in self._runs or event.key in self._unadopted
        ):
            return
        if event.type is not EventType.MODIFIED or event.metadata.deletion_timestamp:
            yield event.key

    def reconcile(self, key: Key) -> Result:
        pod = self.store.find(PODS, key)
        is_gone = pod is None or pod.metadata.deletion_timestamp is not None
        run = self._runs.get(key) or self._left_behind(key, is_gone)
        if run is not None and (pod is None or is_gone or run.uid != pod.metadata.uid):
            return self._remove(key, run)
        if pod is None or is_gone or pod.status.get("phase") in ("Succeeded", "Failed"):
            return DONE
        if run is None:
            try:
                run = self._runs[key] = self._open(key, pod, key in self._unadopted)
            except ObservationLogAwayError:
                return Result(retry_after_seconds=REPORT_AGAIN)
            self._unadopted.pop(key, None)
        result = self._advance(pod, run)
        if run.is_new and not run.is_ended:
            # Soon is soon enough for a status that says Running; many a program ends before.
            run.is_new = False
            return result
        self._write(pod, run)
        if run.is_ended:
            self._forget(key, run)
        return result

    @property
    def is_idle(self) -> bool:
        """Whether no program of a pod runs, nor of one that is gone."""
        return not self._runs and not self._unadopted

    @property
    def is_settled(self) -> bool:
        """Whether no program runs that is to end: of a pod that is gone, or is ended early."""
        return all(
            run.stop_by is None and not self._is_going(key) for key, run in list(self._runs.items())
        )

    def adopt(self) -> None:
        """Find what an earlier engine started. Called once, before any pod is reconciled."""
        for pod in self.store.list(PODS):
            if pod.status.get("phase") in ("Succeeded", "Failed"):
                continue
            try:
                self._runs[pod.key] = self._open(pod.key, pod, is_found=True)
            except ObservationLogAwayError:
                self._unadopted[pod.key] = pod

    def interrupt(self) -> list[Unstructured]:
        """Ask every process to end and kill those that do not; the pods that did not succeed.

        Nothing is written: the caller decides what becomes of these pods.
        """
        for run in self._runs.values():
            for container in run.containers:
                container.signal(signal.SIGTERM)
        now = self.clock.monotonic()
        for run in self._runs.values():
            for container in run.containers:
                container.wait(now + run.grace_seconds, self.clock.monotonic)
        cut = [key for key, run in self._runs.items() if not run.is_good]
        return [pod for key in cut if (pod := self.store.find(PODS, key)) is not None]

    def kill(self) -> None:
        """Kill every process at once."""
        for run in self._runs.values():
            for container in run.containers:
                container.signal(signal.SIGKILL)

    def last_words(self, key: Key) -> str:
        """What a pod's containers that still run wrote last; empty when none runs."""
        run = self._runs.get(key)
        words = [] if run is None else [one.last_words() for one in run.containers]
        return ". ".join(word for word in words if word)

    def close(self) -> None:
        """Stop watching processes; they go on, and another engine may adopt them."""
        self._processes.close()
        self._beside.shutdown()

    def place(self, pod: Unstructured) -> str:
        """The beginning of the names of a pod's files."""
        name = pod.metadata.name
        # A TrainJob's pods belong to a Job of its own; their files lie with the trial's.
        job = pod.metadata.label(LABEL_JOB_SET) or pod.metadata.label(names.LABEL_JOB)
        folder = f"{self.here.trials}/{pod.metadata.namespace}"
        if job is not None and name.startswith(f"{job}-"):
            return f"{folder}/{job}/{name[len(job) + 1 :]}"
        # A pod of the same name may come again: what it runs is another run.
        return f"{folder}/{name}/{pod.metadata.uid.partition('-')[0]}"

    def _is_going(self, key: Key) -> bool:
        pod = self.store.find(PODS, key)
        return pod is None or pod.metadata.deletion_timestamp is not None

    def _ended(self, place: str) -> None:
        key = self._pods.get(place)
        if key is not None:
            self.here.wake(key)

    def _left_behind(self, key: Key, is_gone: bool) -> Run | None:
        """What a pod runs that could not be adopted and is gone now: it is to be ended."""
        pod = self._unadopted.pop(key, None) if is_gone else None
        if pod is None:
            return None
        run = self._runs[key] = self._open(key, pod, is_found=True, is_over=True)
        return run

    def _open(
        self, key: Key, pod: Unstructured, is_found: bool = False, is_over: bool = False
    ) -> Run:
        place = self.place(pod)
        init: Sequence[Manifest] = pod.spec.get("initContainers") or ()
        main: Sequence[Manifest] = pod.spec.get("containers") or ()
        is_single = len(init) + len(main) == 1
        policy = str(pod.spec.get("restartPolicy") or "Always")
        around = Surroundings(
            self._processes, self.here.images, self.clock, self._read_data(pod), self._register
        )

        def build(spec: Manifest, own: str, policy: str = "Never") -> Container:
            container = Container(spec, own, policy, around, key)
            if is_found:
                container.adopt()
            return container

        containers: dict[str, Container] = {}
        for spec in (*init, *main):
            name = str(spec.get("name"))
            containers[name] = build(spec, place if is_single else f"{place}.{name}", policy)
        checkpoints = Checkpoints.beside(self.here.trials)
        volumes: Sequence[Manifest] = pod.spec.get("volumes") or ()
        files = partial(self._read_files, pod.metadata.namespace)
        outfit = PodOutfit(place, containers, volumes, build, checkpoints, files)
        sidecar = None if is_over else self.here.sidecars.attach(pod, outfit)
        built = list(containers.values())
        grace = pod.spec.get("terminationGracePeriodSeconds")
        seconds = GRACE_SECONDS if grace is None else int(grace)
        run = Run(
            pod.metadata.uid, built[: len(init)], built[len(init) :], outfit, sidecar, seconds
        )
        if pod.status.get("reason") == EARLY_STOPPED:
            run.stop_reason = str(pod.status.get("message") or EARLY_STOPPED)
        elif sidecar is not None:
            run.stop_reason = sidecar.stop_reason
        return run

    def _register(self, place: str, key: Key) -> None:
        self._pods[place] = key

    def _advance(self, pod: Unstructured, run: Run) -> Result:
        result = self._keep_time(pod, run)
        for container in run.init:
            if container.is_succeeded:
                continue
            if not self._drive(pod, run, container):
                return _sooner(result, container)
            if not container.is_succeeded:
                return self._finish(run)
        if self._drive_together(pod, run):
            return self._finish(run)
        if run.sidecar is not None and not self._listen(run, run.sidecar):
            return Result(retry_after_seconds=0)
        for container in run.main:
            result = _sooner(result, container)
        return result

    def _listen(self, run: Run, sidecar: Sidecar) -> bool:
        """Let the sidecar read, and heed it; whether there is nothing more to do now."""
        try:
            is_caught_up = sidecar.advance(is_ended=False)
        except ObservationLogAwayError:
            # What the program writes waits in its file.
            is_caught_up = True
        if run.is_cut or not sidecar.stop_reason:
            return is_caught_up
        # The pod's status tells of it before any process does: an engine that dies in between
        # would take the end for the program's own.
        run.stop_reason, run.is_new = sidecar.stop_reason, False
        return False

    def _drive_together(self, pod: Unstructured, run: Run) -> bool:
        """Whether the containers that run at once have ended for good, and what is beside them."""
        ended = [self._drive(pod, run, container) for container in run.main]
        beside = run.outfit.beside
        if beside is None:
            return all(ended)
        self._drive(pod, run, beside)
        return all(ended) and run.end_beside(beside, self.clock.monotonic())

    def _drive(self, pod: Unstructured, run: Run, container: Container) -> bool:
        """Start the container when it is time; whether it has ended for good."""
        if container.is_to_start and not run.is_cut:
            try:
                self._start(pod, run, container)
            except (OSError, CommandError) as error:
                container.refuse(str(error))
                run.is_new = True
        return not container.is_running if run.is_cut else container.is_ended

    def _start(self, pod: Unstructured, run: Run, container: Container) -> None:
        """Start the container, if the Python that it needs is there.

        Raises:
            OSError: the disk refuses.
            CommandError: its Python cannot be had.
        """
        python = self._environments.variables(container.spec, partial(self.here.wake, pod.key))
        if python is None:
            place = self._environments.place_of(container.spec)
            container.waits_for = f"a Python environment for its packages is made in {place}"
            return
        container.waits_for = ""
        # Both wait for the disk: together they wait less.
        made = self._beside.submit(run.outfit.make)
        self.here.flush()
        made.result()
        additions = {} if run.sidecar is None else run.sidecar.environment
        container.start(pod, {**python, **additions}, run.outfit.paths_of(container.spec))
        run.is_new = True

    def _finish(self, run: Run) -> Result:
        is_failed = not run.is_good
        try:
            if run.sidecar is not None and not run.sidecar.advance(True, is_failed):
                return Result(retry_after_seconds=0)
        except ObservationLogAwayError:
            return Result(retry_after_seconds=REPORT_AGAIN)
        if run.sidecar is not None and run.stop_reason:
            run.sidecar.note_stop(run.stop_reason)
        run.is_ended = True
        return DONE

    def _keep_time(self, pod: Unstructured, run: Run) -> Result:
        """End what is to end before its time."""
        if run.stop_reason:
            if run.stop_by is None:
                self.here.flush()
            run.stop(self.clock.monotonic())
            return Result(retry_after_seconds=READ_EVERY)
        seconds = pod.spec.get("activeDeadlineSeconds")
        started = pod.status.get("startTime")
        if seconds is None or started is None:
            return Result(retry_after_seconds=READ_EVERY)
        over = self.clock.now() - parse_time(started) - timedelta(seconds=int(seconds))
        if over >= timedelta():
            if run.failure is None:
                why = f"The pod was active for {seconds} s, its limit"
                words = self.last_words(pod.key)
                run.failure = ("DeadlineExceeded", f"{why}. {words}" if words else why)
            run.stop(self.clock.monotonic())
        return Result(retry_after_seconds=READ_EVERY)

    def _remove(self, key: Key, run: Run) -> Result:
        """The pod is gone: so are its processes, gently first."""
        if any(container.is_running for container in run.containers):
            run.stop(self.clock.monotonic())
            return Result(retry_after_seconds=READ_EVERY)
        self._forget(key, run)
        return Result(retry_after_seconds=0)

    def _forget(self, key: Key, run: Run) -> None:
        self._runs.pop(key, None)
        for container in run.containers:
            for place in container.places:
                self._pods.pop(place, None)

    def _write(self, pod: Unstructured, run: Run) -> None:
        started = pod.status.get("startTime") or format_time(self.clock.now())
        status = run.status(started)
        # A pod whose programs are silent is looked at again and again.
        if status != pod.status:
            self.store.update_status(PODS, with_status(pod, status))

    def _read_data(self, pod: Unstructured) -> ReadData:
        def read(kind: str, name: str) -> Mapping[str, str] | None:
            found = self._find_source(pod.metadata.namespace, kind, name)
            return None if found is None else plain_data(found)

        return read

    def _read_files(self, namespace: str, kind: str, name: str) -> Mapping[str, bytes] | None:
        found = self._find_source(namespace, kind, name)
        return None if found is None else files_of(found)

    def _find_source(self, namespace: str, kind: str, name: str) -> Unstructured | None:
        source = CONFIG_MAPS if kind == "ConfigMap" else SECRETS
        return self.store.find(source, Key(namespace, name))


def _sooner(result: Result, container: Container) -> Result:
    """Look again when the container is to be restarted, if that is sooner."""
    wait = container.restart_in_seconds
    if wait is None or result.retry_after_seconds is None:
        return result
    return Result(retry_after_seconds=min(wait, result.retry_after_seconds))
