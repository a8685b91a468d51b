"""Functions that are called by real workers, and what becomes of their calls."""

from __future__ import annotations

import hashlib
import json
import queue
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import cloudpickle
from msgspec.structs import replace

from katib.api.kinds import FUNCTION_CALLS
from katib.api.values import Key, Manifest, ObjectMeta, Unstructured
from katib.apps.call_worker import call_command
from katib.apps.clock import SystemClock
from katib.errors import EntryRefusedError, StoreUnavailableError
from katib.executors.calls.pool import Place
from katib.executors.calls.reconciler import CallReconciler, Users
from katib.ports.call_reports import CallReports
from katib.ports.observation_log import MetricEntry
from katib.ports.resource_store import Event
from katib.stores.memory import MemoryStore

#: Long enough for any machine; nothing waits so long when it works.
PATIENCE = 60.0


class Heard:
    """Reports that are kept in a list; stops a call when its loss is above a limit."""

    def __init__(self, trial: Key, worst: float = float("inf")) -> None:
        self.trial, self.worst = trial, worst
        self.entries: list[MetricEntry] = []
        self.stopped = self.note = ""
        self.refusals = 0

    @property
    def values(self) -> list[tuple[str, str]]:
        return [(entry.name, entry.value) for entry in self.entries]

    def take(self, entries: Sequence[MetricEntry]) -> str:
        if self.refusals:
            self.refusals -= 1
            raise StoreUnavailableError(Path("/log"), "it is full")
        self.entries += entries
        if any(len(entry.value) > 1000 for entry in entries):
            raise EntryRefusedError("it is too long")
        is_met = any(float(entry.value) > self.worst for entry in entries)
        return f"a loss is above {self.worst}" if is_met else ""

    def conclude(self) -> str:
        return self.note

    def note_stop(self, reason: str) -> None:
        self.stopped = reason


class Calling:
    """A home's calls, driven by hand as the engine's loop does it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.functions, self.trials = folder / "functions", folder / "trials"
        self.functions.mkdir()
        self.heard: dict[Key, Heard] = {}
        self.wanted = True
        self._ready: queue.Queue[Key] = queue.Queue()
        self._later: dict[Key, float] = {}
        self.store = MemoryStore(SystemClock())
        place = Place(self.functions, self.trials, call_command)
        users = Users(self, self._ready.put, lambda key: self.wanted)
        self.reconciler = CallReconciler(self.store, SystemClock(), place, users)
        self.store.subscribe(self._hear)
        self.reconciler.start()

    def attach_call(self, call: Unstructured) -> CallReports | None:
        return self.heard.setdefault(call.key, Heard(call.key))

    def ship(self, function: Callable[..., Any], **header: object) -> str:
        """Write the function's file; its name."""
        module = sys.modules[function.__module__]
        return self.ship_bytes(_pickled(function, module), **header)

    def ship_bytes(self, pickled: bytes, **header: object) -> str:
        head: dict[str, object] = {
            "python": sys.executable,
            "directory": str(self.folder),
            "path": sys.path,
            "name": "function",
            **header,
        }
        data = json.dumps(head).encode() + b"\n" + pickled
        name = hashlib.sha256(data).hexdigest()
        (self.functions / name).write_bytes(data)
        return name

    def begin(self, name: str, function: str, **spec: object) -> Key:
        """Create a call; it is not waited for."""
        body: Manifest = {"spec": {"function": function, **spec}}
        call = Unstructured(
            api_version=FUNCTION_CALLS.api_version,
            kind=FUNCTION_CALLS.name,
            metadata=ObjectMeta(name=name, namespace="default"),
            body=body,
        )
        return self.store.create(FUNCTION_CALLS, call).key

    def call(self, function: Callable[..., Any], /, name: str = "one", **spec: object) -> Manifest:
        """Call a function; the condition that ended the call."""
        return self.wait(self.begin(name, self.ship(function), **spec))

    def wait(self, *keys: Key) -> Manifest:
        """Drive until calls have ended; the condition that ended the last."""
        ended: Manifest = {}
        for key in keys:
            self.drive(lambda key=key: bool(self.conditions(key)))  # type: ignore[misc]
            ended = self.conditions(key)[-1]
        return ended

    def conditions(self, key: Key) -> list[Manifest]:
        found: list[Manifest] = self.store.get(FUNCTION_CALLS, key).status.get("conditions", [])
        return found

    def drive(self, is_done: Callable[[], bool]) -> None:
        """Reconcile what is to be, until something is true."""
        until = time.monotonic() + PATIENCE
        later = self._later
        while not is_done():
            assert time.monotonic() < until, "it takes too long"
            try:
                due = [key for key, moment in later.items() if moment <= time.monotonic()]
                key = due[0] if due else self._ready.get(timeout=0.02)
            except queue.Empty:
                continue
            later.pop(key, None)
            result = self.reconciler.reconcile(key)
            if result.retry_after_seconds is not None:
                later[key] = time.monotonic() + result.retry_after_seconds

    def suspend(self, key: Key) -> None:
        call = self.store.get(FUNCTION_CALLS, key)
        body = {**call.body, "spec": {**call.spec, "suspend": True}}
        self.store.update(FUNCTION_CALLS, replace(call, body=body))

    def log(self, key: Key) -> str:
        """What a call's function has printed."""
        found = list((self.trials / key.namespace / key.name).glob("*.log"))
        return found[0].read_text() if found else ""

    def close(self) -> None:
        self.reconciler.close()

    def _hear(self, event: Event) -> None:
        if any(kind is event.kind for kind in self.reconciler.kinds):
            for key in self.reconciler.keys(event):
                self._ready.put(key)


def _pickled(function: Callable[..., Any], module: ModuleType) -> bytes:
    """The function by value: no worker finds the modules of tests."""
    cloudpickle.register_pickle_by_value(module)
    try:
        pickled: bytes = cloudpickle.dumps(function)
    finally:
        cloudpickle.unregister_pickle_by_value(module)
    return pickled


def texts(entries: Mapping[str, float]) -> dict[str, str]:
    return {name: str(value) for name, value in entries.items()}
