"""The newest changes of each kind, kept once for all who watch."""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from katib.api.codec import encode
from katib.api.values import Key
from katib.api_server.resources import RESOURCE_TYPES, ResourceType
from katib.api_server.selectors import Facts, Selection, facts_of
from katib.ports.resource_store import Event, EventType, ResourceStore

#: How many changes are kept, of all kinds together.
HISTORY = 2048

#: How many bytes of encoded changes are kept, to be shared by watchers.
ENCODED_BYTES = 16 * 1024 * 1024

Address = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Change:
    """One event, and what selectors ask of the object before and after it."""

    event: Event
    before: Facts | None
    after: Facts

    def type_for(self, selection: Selection) -> EventType | None:
        """What a watcher of the selection sees, if anything.

        An object that begins to fit is added to what the watcher sees, one that ceases to is
        deleted from it.
        """
        is_gone = self.event.type is EventType.DELETED
        fits = selection.fits(self.after)
        did_fit = fits if self.before is None else selection.fits(self.before)
        if self.event.type is EventType.ADDED:
            return EventType.ADDED if fits else None
        if did_fit:
            return EventType.DELETED if is_gone or not fits else EventType.MODIFIED
        return EventType.ADDED if fits and not is_gone else None


@dataclass(slots=True, eq=False)
class Ring:
    """The newest changes of one kind, by numbers that only grow.

    Attributes:
        first: the number of the oldest that is kept.
        end: the number the next one will get.
        forgotten: the version of the newest that is not kept any more.
    """

    forgotten: int
    first: int = 0
    end: int = 0
    changes: dict[int, Change] = field(default_factory=dict)
    facts: dict[Key, Facts] = field(default_factory=dict)

    def position_after(self, version: int) -> int | None:
        """Where to read on who has seen that version; ``None`` when it is too old."""
        if version < self.forgotten:
            return None
        for number in range(self.end - 1, self.first - 1, -1):
            if self.changes[number].event.version <= version:
                return number + 1
        return self.first

    def from_(self, position: int, most: int) -> list[Change] | None:
        """At most so many changes from a position on; ``None`` when they are not kept any more."""
        if position < self.first:
            return None
        return [self.changes[number] for number in range(position, min(self.end, position + most))]


class Changes:
    """Hears everything that happens in a store, once, for any number of watchers.

    Watchers read from the rings at their own pace: what they have not read costs nothing, and who
    falls behind the oldest change kept is told that it is gone.

    Args:
        store: what is heard.
        history: how many changes are kept.
    """

    def __init__(self, store: ResourceStore, history: int = HISTORY) -> None:
        self._lock = threading.Lock()
        self._history = history
        self._order: deque[Ring] = deque()
        self._wakes: dict[Address, set[asyncio.Event]] = {}
        self._touched: set[Address] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_waking = self.is_closed = False
        self._encoded: OrderedDict[tuple[int, str], bytes] = OrderedDict()
        self._encoded_bytes = 0
        self.namespaces: set[str] = set()
        self.version = store.version
        self._rings = {type.kind.address: Ring(self.version) for type in RESOURCE_TYPES}
        self._look_at(store)
        self._unsubscribe = store.subscribe(self._hear, since=self.version)

    def ring(self, type: ResourceType) -> Ring:
        """The newest changes of a kind. To be read in the event loop only."""
        return self._rings[type.kind.address]

    def read(self, type: ResourceType, position: int, most: int) -> list[Change] | None:
        """See :meth:`Ring.from_`."""
        with self._lock:
            return self.ring(type).from_(position, most)

    def begin(self, type: ResourceType, version: int) -> int | None:
        """See :meth:`Ring.position_after`."""
        with self._lock:
            return self.ring(type).position_after(version)

    def version_at(self, type: ResourceType, position: int) -> int | None:
        """The version a watcher at the end of the ring has seen; ``None`` if it is not there."""
        with self._lock:
            return self.version if position == self.ring(type).end else None

    def encoded(self, change: Change, variant: str, encode_as: Callable[[], bytes]) -> bytes:
        """The bytes of a change in one form, made by the first watcher who asks."""
        address = (change.event.version, variant)
        found = self._encoded.get(address)
        if found is None:
            found = self._encoded[address] = encode_as()
            self._encoded_bytes += len(found)
            while self._encoded_bytes > ENCODED_BYTES and len(self._encoded) > 1:
                self._encoded_bytes -= len(self._encoded.popitem(last=False)[1])
        return found

    @contextmanager
    def waking(self, type: ResourceType) -> Iterator[asyncio.Event]:
        """An event that is set whenever something of the kind has changed, or all is over."""
        wake = asyncio.Event()
        waiting = self._wakes.setdefault(type.kind.address, set())
        waiting.add(wake)
        with self._lock:
            self._loop = asyncio.get_running_loop()
            self._is_waking = False
        try:
            yield wake
        finally:
            waiting.discard(wake)

    def close(self) -> None:
        """Hear nothing any more; all watches end. May be called from any thread."""
        self._unsubscribe()
        with self._lock:
            self.is_closed = True
            self._touched.update(self._rings)
            self._call_watchers()

    def _look_at(self, store: ResourceStore) -> None:
        for type in RESOURCE_TYPES:
            ring = self._rings[type.kind.address]
            for resource in store.list(type.kind):
                ring.facts[resource.key] = facts_of(resource)
                self.namespaces.add(resource.metadata.namespace)
        self.namespaces.discard("")

    def _hear(self, event: Event) -> None:
        """In the thread that writes; so quick."""
        ring = self._rings.get(event.kind.address)
        with self._lock:
            self.version = event.version
            if event.type is EventType.ADDED and event.metadata.namespace:
                self.namespaces.add(event.metadata.namespace)
            if ring is None:
                return
            self._keep(ring, event)
            self._touched.add(event.kind.address)
            self._call_watchers()

    def _keep(self, ring: Ring, event: Event) -> None:
        # Only a pod's facts lie in its body; reading the others would cost a decoding.
        after = facts_of(event.resource) if event.kind.name == "Pod" else Facts(event.metadata, {})
        change = Change(event, ring.facts.get(event.key), after)
        if event.type is EventType.DELETED:
            ring.facts.pop(event.key, None)
        else:
            ring.facts[event.key] = after
        ring.changes[ring.end] = change
        ring.end += 1
        self._order.append(ring)
        if len(self._order) > self._history:
            oldest = self._order.popleft()
            oldest.forgotten = oldest.changes.pop(oldest.first).event.version
            oldest.first += 1

    def _call_watchers(self) -> None:
        if self._loop is None or self._is_waking:
            return
        self._is_waking = True
        try:
            self._loop.call_soon_threadsafe(self._wake)
        except RuntimeError:
            # The loop has ended, and its watchers with it.
            self._loop, self._is_waking = None, False

    def _wake(self) -> None:
        with self._lock:
            self._is_waking = False
            touched, self._touched = self._touched, set()
        for address in touched:
            for wake in self._wakes.get(address, ()):
                wake.set()


def object_bytes(change: Change) -> bytes:
    """The JSON text of the object after a change."""
    return encode(change.event.resource)
