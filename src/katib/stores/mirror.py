"""A copy of an API server's resources: what watches tell and what own writes answer, in one.

Two sources tell of the same change: the answer to an own write, at once, and the watch, later and
in order. Each change is kept and told once, and neither source may bring back what is gone.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from katib.api.codec import decode
from katib.api.values import Key, Kind, ObjectMeta, Resource, Unstructured
from katib.errors import ManifestError
from katib.ports.resource_store import EventType
from katib.stores.cache import ResourceCache
from katib.stores.table import Record

R = TypeVar("R", bound=Resource)

_LOG = logging.getLogger(__name__)

#: How many past events a watch may ask for.
HISTORY = 1024


@dataclass(slots=True)
class _Shelf:
    """One kind's place in the copy.

    Attributes:
        label: the label that resources must have; empty when all are kept.
        seen: the server's version up to which the watch has told everything.
        gone: what was deleted by own writes, by ``uid``, and is not yet told to be by the watch.
        is_filled: whether it was listed.
    """

    label: str
    seen: int = 0
    gone: set[str] = field(default_factory=set)
    is_filled: bool = False


class Mirror(ResourceCache):
    """The copy, by kind. Its own versions count its changes; the server's are in the metadata."""

    def __init__(self) -> None:
        super().__init__(HISTORY)
        self._shelves: dict[tuple[str, str], _Shelf] = {}

    def add(self, kind: Kind[Any], label: str) -> Shelf:
        """A kind is kept from now on; returns where its informer puts it."""
        with self._lock:
            self._shelves[kind.address] = _Shelf(label)
        return Shelf(self, kind)

    def accept(self, kind: Kind[Any], resource: Resource, size: int) -> None:
        """An own write was answered with this, in so many bytes."""
        metadata = resource.metadata
        with self._lock:
            shelf = self._shelves.get(kind.address)
            if shelf is None or (shelf.label and metadata.label(shelf.label) is None):
                return
            if _is_over(metadata):
                self.drop(kind, metadata.key, metadata.uid, resource)
            elif metadata.key in self._table.of(kind) or _version_of(metadata) > shelf.seen:
                # What the watch is past and has not left here is gone.
                self._merge(shelf, kind, resource, size)

    def drop(self, kind: Kind[Any], key: Key, uid: str, last: Resource | None = None) -> None:
        """An own write has ended the resource; a watch that is behind does not bring it back."""
        with self._lock:
            shelf = self._shelves.get(kind.address)
            record = self._table.of(kind).get(key)
            if shelf is None or record is None or record.metadata.uid != uid:
                return
            shelf.gone.add(uid)
            self._end(record, last or record.read())

    def reset(self, kind: Kind[Any], texts: Sequence[bytes], version: int) -> None:
        """See :class:`katib.kubernetes.informer.Copy`: differences to what was kept are told."""
        shelf = self._shelves[kind.address]
        with self._lock:
            shelf.seen = version
        listed: dict[Key, str] = {}
        # One by one: all of them decoded at once would be many times their texts, and others wait.
        for text in texts:
            resource = _find_resource(kind, text)
            if resource is not None:
                listed[resource.key] = resource.metadata.uid
                with self._lock:
                    self._merge(shelf, kind, resource, len(text))
        with self._lock:
            for key, record in tuple(self._table.of(kind).items()):
                # What was written after the list is not in it. A kind that is gone has no version.
                is_older = not version or _version_of(record.metadata) <= version
                if key not in listed and is_older:
                    self._end(record, record.read())
            shelf.gone &= set(listed.values())
            shelf.is_filled = True

    def change(self, kind: Kind[Any], type: EventType, text: bytes) -> None:
        """See :class:`katib.kubernetes.informer.Copy`."""
        resource = _find_resource(kind, text)
        if resource is None:
            return
        metadata = resource.metadata
        with self._lock:
            shelf = self._shelves[kind.address]
            shelf.seen = _version_of(metadata)
            if type is not EventType.DELETED:
                self._merge(shelf, kind, resource, len(text))
                return
            shelf.gone.discard(metadata.uid)
            record = self._table.of(kind).get(metadata.key)
            if record is not None and record.metadata.uid == metadata.uid:
                self._end(record, resource)

    def progress(self, kind: Kind[Any], version: int) -> None:
        """See :class:`katib.kubernetes.informer.Copy`."""
        with self._lock:
            self._shelves[kind.address].seen = version

    def _merge(self, shelf: _Shelf, kind: Kind[Any], resource: Resource, size: int) -> None:
        """Keep the resource if it is newer than what is kept."""
        metadata = resource.metadata
        if metadata.uid in shelf.gone:
            return
        record = self._table.of(kind).get(metadata.key)
        if record is not None:
            if _version_of(metadata) <= _version_of(record.metadata):
                return
            if record.metadata.uid != metadata.uid:
                self._end(record, record.read())
                record = None
        self._version += 1
        if record is None and not shelf.is_filled and _version_of(metadata) <= shelf.seen:
            # What was there before anybody looked is no change.
            self._keep(kind, resource, size)
        elif record is None:
            self._tell_of(EventType.ADDED, self._keep(kind, resource, size))
        else:
            fresh = self._keep(kind, resource, size)
            self._tell_of(EventType.MODIFIED, fresh, _is_status(record, resource))

    def _end(self, record: Record, last: Resource) -> None:
        self._version += 1
        self._take_out(record, last)


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where an informer puts the resources of one kind."""

    mirror: Mirror
    kind: Kind[Any]

    def reset(self, texts: Sequence[bytes], version: int) -> None:
        """See :class:`katib.kubernetes.informer.Copy`."""
        self.mirror.reset(self.kind, texts, version)

    def change(self, type: EventType, text: bytes) -> None:
        """See :class:`katib.kubernetes.informer.Copy`."""
        self.mirror.change(self.kind, type, text)

    def progress(self, version: int) -> None:
        """See :class:`katib.kubernetes.informer.Copy`."""
        self.mirror.progress(self.kind, version)


def read_resource(kind: Kind[R], text: bytes) -> R:
    """The resource in a text of the API server.

    The server's notes on who wrote which field are left out: they are as long as all the rest.

    Raises:
        ManifestError: it has not the shape of its kind.
    """
    try:
        found = decode(kind, text)
    except msgspec.MsgspecError as error:
        raise ManifestError(f"a {kind.name} of the API server", str(error)) from error
    # Lists do not repeat the kind in each of their items.
    return replace(
        found,
        api_version=kind.api_version,
        kind=kind.name,
        metadata=replace(found.metadata, managed_fields=()),
    )


def _find_resource(kind: Kind[R], text: bytes) -> R | None:
    """The same; ``None`` for what cannot be read, which is left out and told of."""
    try:
        return read_resource(kind, text)
    except ManifestError as error:
        _LOG.error("left out: %s: %.200s", error, text)
        return None


def _version_of(metadata: ObjectMeta) -> int:
    return int(metadata.resource_version)


def _is_over(metadata: ObjectMeta) -> bool:
    """Whether this was the last write: nothing holds the resource any more."""
    is_marked = metadata.deletion_timestamp is not None
    return is_marked and not metadata.finalizers and not metadata.deletion_grace_period_seconds


def _is_status(record: Record, fresh: Resource) -> bool:
    """Whether nothing but the status differs; known of kinds that count their generations."""
    if isinstance(fresh, Unstructured):
        return False
    before = record.metadata
    return replace(fresh.metadata, resource_version=before.resource_version) == before
