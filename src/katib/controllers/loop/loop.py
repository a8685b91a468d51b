"""Worker threads that call reconcilers for the keys that changed."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from katib.api.values import Key, Resource
from katib.controllers.loop.queue import WorkQueue
from katib.errors import ConflictError, KatibError, StoreAwayError, StoreUnavailableError
from katib.ports.clock import Clock
from katib.ports.event_recorder import EventRecorder
from katib.ports.reconciler import EVERY_KIND, Reconciler, Result
from katib.ports.resource_store import Event, EventType, ResourceStore

_LOG = logging.getLogger(__name__)

#: The pause after a first failure, and the longest one, in seconds.
FIRST_PAUSE, LONGEST_PAUSE = 0.005, 30.0

#: The pause while the store is away, in seconds.
AWAY_PAUSE = 1.0

#: How long there is nothing to do before what was written is flushed, and how long it may wait for
#: that in a loop that always has something to do, in seconds.
FLUSH_WITHIN, FLUSH_EVERY = 0.02, 0.2

Item = tuple[Reconciler, Key]


def _one_for_all(name: str, key: Key) -> Hashable:
    return None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a loop works with.

    Attributes:
        store: where changes come from.
        events: where failures are told.
        clock: for pauses.
        flush: makes everything so far safe; called when there is nothing to do.
        on_failure: called once with the error when the store cannot be written any more.
        turn: the name of a reconciler and a key → who waits; all who wait are served in turns,
            however many keys each of them has.
        measure: called with the name of a reconciler and how many seconds it took.
        gather: brings in what has happened elsewhere, without waiting for it; called when there is
            nothing to do at once.
    """

    store: ResourceStore
    events: EventRecorder
    clock: Clock
    flush: Callable[[], None]
    on_failure: Callable[[BaseException], None]
    turn: Callable[[str, Key], Hashable] = _one_for_all
    measure: Callable[[str, float], None] | None = None
    gather: Callable[[], None] | None = None


@dataclass(slots=True)
class Loop:
    """Hosts some reconcilers on one queue and one or more threads.

    Reconcilers that never wait share a loop with one thread: handing work from thread to thread
    would cost more than the work. One that may wait (an algorithm's ask) gets a loop of its own.

    Args:
        surroundings: what it works with.
        reconcilers: which to call.
        workers: how many threads.
        patient: those of them that let others be called first, though not for long: one call of
            theirs then serves what several would.
    """

    surroundings: Surroundings
    reconcilers: Sequence[Reconciler]
    workers: int = 1
    patient: Sequence[Reconciler] = ()
    _queue: WorkQueue[Item] = field(init=False)
    _failures: dict[Item, int] = field(init=False, default_factory=dict)
    _threads: list[threading.Thread] = field(init=False, default_factory=list)
    _watching: dict[int, list[Reconciler]] = field(init=False, default_factory=dict)
    #: Those who hear of every kind.
    _curious: list[Reconciler] = field(init=False, default_factory=list)
    _stop: Callable[[], None] = field(init=False, default=lambda: None)
    _is_unreported: threading.Lock = field(init=False, default_factory=threading.Lock)
    #: What is heard while everything that exists is looked at; ``None`` afterwards.
    _early: deque[Event] | None = field(init=False, default_factory=deque)
    _ear: threading.Lock = field(init=False, default_factory=threading.Lock)

    def __post_init__(self) -> None:
        around = self.surroundings
        self._queue = WorkQueue(
            around.clock.monotonic,
            lambda item: around.turn(item[0].name, item[1]),
            lambda item: item[0] in self.patient,
        )
        for reconciler in self.reconcilers:
            if EVERY_KIND in reconciler.kinds:
                self._curious.append(reconciler)
                continue
            for kind in reconciler.kinds:
                self._watching.setdefault(id(kind), []).append(reconciler)

    def start(self) -> None:
        """Look at everything that exists, then at what changes."""
        store = self.surroundings.store
        self._stop = store.subscribe(self._listen)
        for kind in {id(kind): kind for one in self.reconcilers for kind in one.kinds}.values():
            if kind is EVERY_KIND:
                continue
            for resource in store.list(kind):
                read = partial(_same, resource)
                self._hear(Event(EventType.ADDED, kind, resource.metadata, store.version, read))
        self._hear_early()
        for number in range(self.workers):
            name = f"{self.reconcilers[0].name}-{number}"
            thread = threading.Thread(target=self._work, name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self, within: float | None = None) -> None:
        """Finish the reconciles that run, and start no others.

        Args:
            within: leave those alone that take longer than so many seconds; ``None``: wait.
        """
        self._stop()
        self._queue.close()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(within)

    def wake(self, reconciler: Reconciler, key: Key) -> None:
        """Reconcile the key soon: something outside the store happened."""
        self._queue.add((reconciler, key))

    def _listen(self, event: Event) -> None:
        if self._early is not None:
            with self._ear:
                if self._early is not None:
                    self._early.append(event)
                    return
        self._hear(event)

    def _hear_early(self) -> None:
        """What changed while all was looked at comes after it: what is newer must be heard last."""
        while True:
            with self._ear:
                if not self._early:
                    self._early = None
                    return
                events, self._early = self._early, deque()
            # Without the lock: a reconciler may look into the store, which is held by who tells.
            for event in events:
                self._hear(event)

    def _hear(self, event: Event) -> None:
        for reconciler in self._watching.get(id(event.kind), ()):
            for key in reconciler.keys(event):
                self._queue.add((reconciler, key))
        for reconciler in self._curious:
            for key in reconciler.keys(event):
                self._queue.add((reconciler, key))

    def _work(self) -> None:
        monotonic, gather = self.surroundings.clock.monotonic, self.surroundings.gather
        flushed_at = monotonic()
        try:
            while True:
                if gather is not None and self._queue.is_calm:
                    gather()
                item = self._queue.take(FLUSH_WITHIN)
                if item is None or monotonic() - flushed_at >= FLUSH_EVERY:
                    self.surroundings.flush()
                    flushed_at = monotonic()
                item = item or self._queue.take()
                if item is None:
                    return
                self._run(item)
        except StoreUnavailableError as error:
            self._queue.close()
            # The other workers find the same as they stop.
            if self._is_unreported.acquire(blocking=False):
                self.surroundings.on_failure(error)

    def _run(self, item: Item) -> None:
        try:
            seconds = self._measured(item).retry_after_seconds
            # Before it is done: another worker may take it then, and have wishes of its own.
            if seconds is None:
                self._queue.forget_later(item)
            else:
                self._queue.add_after(item, seconds)
        finally:
            self._queue.done(item)

    def _measured(self, item: Item) -> Result:
        measure, monotonic = self.surroundings.measure, self.surroundings.clock.monotonic
        if measure is None:
            return self._reconcile(item)
        begin = monotonic()
        try:
            return self._reconcile(item)
        finally:
            measure(item[0].name, monotonic() - begin)

    def _reconcile(self, item: Item) -> Result:
        reconciler, key = item
        try:
            result = reconciler.reconcile(key)
        except ConflictError:
            return Result(self._pause(item) - FIRST_PAUSE)
        except StoreAwayError as error:
            _LOG.info("%s waits for %s: %s", reconciler.name, key, error)
            return Result(retry_after_seconds=AWAY_PAUSE)
        except StoreUnavailableError:
            raise
        except Exception as error:
            _LOG.exception("%s failed for %s", reconciler.name, key)
            self._tell(reconciler, key, error)
            return Result(self._pause(item))
        self._failures.pop(item, None)
        return result

    def _pause(self, item: Item) -> float:
        """How long to wait after one more failure, in seconds."""
        self._failures[item] = failures = self._failures.get(item, 0) + 1
        return min(FIRST_PAUSE * 2.0 ** min(failures - 1, 20), LONGEST_PAUSE)

    def _tell(self, reconciler: Reconciler, key: Key, error: Exception) -> None:
        kind: Any = reconciler.kinds[0]
        try:
            resource: Resource | None = self.surroundings.store.find(kind, key)
        except KatibError:
            # Who could be told of it cannot be asked for, too; the log has it.
            return
        if resource is not None:
            message = f"Failed to reconcile: {error}"
            self.surroundings.events.record(resource, "ReconcileError", message, warning=True)


def _same(resource: Resource) -> Resource:
    return resource
