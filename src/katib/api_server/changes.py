"""The newest changes of each kind, kept once for all who watch."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from katib.api.values import Key
from katib.api_server.resources import RESOURCE_TYPES, ResourceType
from katib.api_server.rounds import Place, Rounds
from katib.api_server.selectors import Facts, Selection, facts_in, facts_of
from katib.api_server.statuses import cut_off, expired
from katib.ports.resource_store import Event, EventType, ResourceStore


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is kept of each kind.

    Attributes:
        changes: how many changes.
        bytes: how many bytes of objects, if each change had one of its own.
    """

    changes: int = 4096
    bytes: int = 32 * 1024 * 1024


#: How many bytes of what one watcher was sent are kept, to be sent to others.
SHARED_BYTES = 4 * 1024 * 1024


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
        limits: how much is kept.
        forgotten: the version of the newest that is not kept any more.
        first: the number of the oldest that is kept.
        end: the number the next one will get.
        size: of all objects that are kept, in bytes.
    """

    limits: Limits
    forgotten: int
    first: int = 0
    end: int = 0
    size: int = 0
    changes: dict[int, Change] = field(default_factory=dict)
    facts: dict[Key, Facts] = field(default_factory=dict)

    def position_after(self, version: int) -> int:
        """See :meth:`Changes.begin`."""
        if version < self.forgotten:
            raise expired(version, self.forgotten)
        for number in range(self.end - 1, self.first - 1, -1):
            if self.changes[number].event.version <= version:
                return number + 1
        return self.first

    def from_(self, position: int, most: int) -> list[Change]:
        """See :meth:`Changes.read`."""
        if position < self.first:
            raise cut_off()
        return [self.changes[number] for number in range(position, min(self.end, position + most))]

    def keep(self, event: Event) -> None:
        """One more change; what is too much is forgotten."""
        # Only a pod's facts lie in its body; reading the others would cost a decoding.
        after = facts_of(event.resource) if event.kind.name == "Pod" else Facts(event.metadata, {})
        self.changes[self.end] = Change(event, self.facts.get(event.key), after)
        self.end += 1
        if event.type is EventType.DELETED:
            self.facts.pop(event.key, None)
        else:
            self.facts[event.key] = after
        self.size += event.size
        while self.end - self.first > self.limits.changes or self.size > self.limits.bytes:
            oldest = self.changes.pop(self.first).event
            self.first, self.forgotten = self.first + 1, oldest.version
            self.size -= oldest.size

    def is_late(self, position: int) -> bool:
        """Whether a watcher has more to catch up on than three quarters of what can be kept."""
        kept = max(1, self.end - self.first)
        full = max(kept / self.limits.changes, self.size / self.limits.bytes)
        return (self.end - position) / kept * full > 0.75


class Changes:
    """Hears everything that happens in a store, once, for any number of watchers.

    Watchers read from the rings at their own pace: what they have not read costs nothing, and who
    falls behind the oldest change kept is told that it is gone.

    Args:
        store: what is heard.
        limits: how much is kept.
    """

    def __init__(self, store: ResourceStore, limits: Limits | None = None) -> None:
        self._lock = threading.Lock()
        self.rounds = Rounds()
        self._shared: OrderedDict[object, tuple[bytes, int]] = OrderedDict()
        self._shared_bytes = 0
        self.namespaces: set[str] = set()
        self.version = store.version
        limits = limits or Limits()
        self._rings = {type.kind.address: Ring(limits, self.version) for type in RESOURCE_TYPES}
        self._look_at(store)
        self._unsubscribe = store.subscribe(self._hear, since=self.version)

    def ring(self, type: ResourceType) -> Ring:
        """The newest changes of a kind. To be read in the event loop only."""
        return self._rings[type.kind.address]

    def read(self, type: ResourceType, position: int, most: int) -> list[Change]:
        """At most so many changes of a kind, from a position on.

        Raises:
            StatusError: 410, they are not kept any more.
        """
        with self._lock:
            return self.ring(type).from_(position, most)

    def begin(self, type: ResourceType, version: int) -> int:
        """Where to read on who has seen that version.

        Raises:
            StatusError: 410, it is too old.
        """
        with self._lock:
            return self.ring(type).position_after(version)

    def version_at(self, type: ResourceType, position: int) -> int | None:
        """The version a watcher at the end of the ring has seen; ``None`` if it is not there."""
        with self._lock:
            return self.version if position == self.ring(type).end else None

    @property
    def is_closed(self) -> bool:
        """Whether all watches end."""
        return self.rounds.is_closed

    @contextmanager
    def place(self, type: ResourceType) -> Iterator[Place]:
        """A place in what happens to a kind, for one watcher."""
        place = Place(self.ring(type))
        with self.rounds.joined(place):
            yield place

    def shared(self, what: object, make: Callable[[], tuple[bytes, int]]) -> tuple[bytes, int]:
        """What watchers who have their turn in the same round are sent, made by the first of them.

        Args:
            what: watchers who agree in this are sent the same.
            make: the bytes, and the position behind them.
        """
        address = (self.rounds.number, what)
        found = self._shared.get(address)
        if found is None:
            found = self._shared[address] = make()
            self._shared_bytes += len(found[0])
            while self._shared_bytes > SHARED_BYTES and len(self._shared) > 1:
                self._shared_bytes -= len(self._shared.popitem(last=False)[1][0])
        return found

    def close(self) -> None:
        """Hear nothing any more; all watches end. May be called from any thread."""
        self._unsubscribe()
        self.rounds.close()

    def _look_at(self, store: ResourceStore) -> None:
        for type in RESOURCE_TYPES:
            ring = self._rings[type.kind.address]
            for text in store.list_texts(type.kind):
                ring.facts[text.key] = facts_in(text, type.kind)
                self.namespaces.add(text.key.namespace)
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
            ring.keep(event)
        self.rounds.hear()
