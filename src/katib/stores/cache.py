"""What readers of a store see: resources in memory, by kind, and who hears of their changes."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

from katib.api.values import Key, Kind, Resource, Unstructured
from katib.errors import ExpiredError, NotFoundError
from katib.ports.resource_store import (
    EVERYTHING,
    Event,
    EventType,
    Listener,
    ResourceText,
    Selector,
    Unsubscribe,
)
from katib.stores.table import Address, Record, Table, address_of

R = TypeVar("R", bound=Resource)

#: How many past events a watch may ask for.
HISTORY = 2048

#: How many typed values stay decoded; the others are kept as bytes only.
DECODED = 512


class ResourceCache:
    """The reading half of a :class:`~katib.ports.resource_store.ResourceStore`, over dictionaries.

    Subclasses write by :meth:`_keep` and :meth:`_take_out`, holding ``_lock``.

    Args:
        history: how many past events a watch may ask for.
    """

    def __init__(self, history: int = HISTORY) -> None:
        self._lock = threading.RLock()
        self._table = Table()
        self._version = 0
        self._listeners: list[Listener] = []
        self._history: deque[Event] = deque(maxlen=history)
        self._forgotten = 0
        self._warm: OrderedDict[Address, Record] = OrderedDict()

    @property
    def version(self) -> int:
        """See the port."""
        return self._version

    def get(self, kind: Kind[R], key: Key) -> R:
        with self._lock:
            record = self._table.of(kind).get(key)
            if record is None:
                raise NotFoundError(kind.name, *key, self._table.of(kind))
            found: Any = record.value
            value: R = self._read(record) if found is None else found
            return value

    def find(self, kind: Kind[R], key: Key) -> R | None:
        with self._lock:
            record = self._table.of(kind).get(key)
            if record is None:
                return None
            found: Any = record.value
            value: R = self._read(record) if found is None else found
            return value

    def keys(self, kind: Kind[Any]) -> Sequence[Key]:
        """The names of all that there are."""
        with self._lock:
            return tuple(self._table.of(kind))

    def list(self, kind: Kind[R], where: Selector = EVERYTHING) -> Sequence[R]:
        with self._lock:
            return [self._read(record) for record in self._chosen(kind, where)]

    def list_texts(self, kind: Kind[Any], where: Selector = EVERYTHING) -> Sequence[ResourceText]:
        """See the port."""
        with self._lock:
            return [
                ResourceText(record.key, record.metadata, record.bytes())
                for record in self._chosen(kind, where)
            ]

    def subscribe(self, listener: Listener, since: int | None = None) -> Unsubscribe:
        with self._lock:
            if since is not None:
                if since < self._forgotten:
                    raise ExpiredError(since, self._forgotten)
                for event in self._history:
                    if event.version > since:
                        listener(event)
            self._listeners.append(listener)

        def unsubscribe() -> None:
            with self._lock:
                if listener in self._listeners:
                    self._listeners.remove(listener)

        return unsubscribe

    def _read(self, record: Record) -> Any:
        value = record.read()
        if record.value is None and not isinstance(value, Unstructured):
            record.value = value
            self._keep_warm(record)
        return value

    def _keep_warm(self, record: Record) -> None:
        """Bound the memory of decoded values: the coldest goes back to bytes."""
        address = address_of(record)
        self._warm.pop(address, None)
        self._warm[address] = record
        if len(self._warm) > DECODED:
            _, cold = self._warm.popitem(last=False)
            cold.bytes()
            cold.value = None

    def _chosen(self, kind: Kind[Any], where: Selector) -> Sequence[Record]:
        return [
            record
            for record in self._candidates(kind, where)
            if where.fits(record.metadata, record.version)
        ]

    def _candidates(self, kind: Kind[Any], where: Selector) -> Iterable[Record]:
        records = self._table.of(kind)
        if where.owner is not None:
            mine = self._table.owned.get(where.owner, {})
            found = (records.get(key) for (_, name, key) in mine if name == kind.name)
            return sorted((record for record in found if record), key=lambda one: one.version)
        if where.since:
            return reversed(list(_newer(reversed(records.values()), where.since)))
        return records.values()

    def _keep(self, kind: Kind[Any], resource: Resource, size: int = 0) -> Record:
        """Keep the resource, as of the present version, and tell nobody.

        Args:
            kind: its kind.
            resource: a value, or one whose body is the caller's.
            size: of its text in bytes, if that is known; else that of the one before.
        """
        metadata = resource.metadata
        old = self._table.of(kind).get(metadata.key)
        size = size or (0 if old is None else old.size)
        record = Record(kind, metadata.key, self._version, metadata, None, resource, size)
        self._table.put(record)
        if not record.keep_text_only():
            self._keep_warm(record)
        return record

    def _tell_of(self, type: EventType, record: Record, is_status: bool = False) -> None:
        """Tell that the record is new at the present version."""
        self._tell(
            Event(
                type,
                record.kind,
                record.metadata,
                self._version,
                record.read,
                is_status,
                record.size,
            )
        )

    def _take_out(self, record: Record, resource: Resource) -> None:
        """Forget the record at the present version, and tell how it was last."""
        self._table.remove(record)
        self._warm.pop(address_of(record), None)
        metadata = resource.metadata
        last = Record(record.kind, record.key, self._version, metadata, None, resource, record.size)
        last.keep_text_only()
        told = Event(
            EventType.DELETED, record.kind, metadata, self._version, last.read, size=last.size
        )
        self._tell(told)

    def _tell(self, event: Event) -> None:
        if len(self._history) == self._history.maxlen:
            self._forgotten = self._history[0].version
        self._history.append(event)
        for listener in tuple(self._listeners):
            listener(event)


def _newer(records: Iterator[Record], since: int) -> Iterator[Record]:
    for record in records:
        if record.version <= since:
            return
        yield record
