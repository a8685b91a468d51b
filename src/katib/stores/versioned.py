"""The rules of a resource store, over dictionaries: versions, watches, owners, finalizers."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Iterable
from typing import Any, TypeVar

from msgspec.structs import replace

from katib.api.values import Key, Kind, ObjectMeta, Resource, Unstructured
from katib.errors import AlreadyExistsError, ConflictError
from katib.ports.clock import Clock
from katib.ports.resource_store import (
    EventType,
)
from katib.stores.cache import ResourceCache
from katib.stores.table import Address, Record, address_of

R = TypeVar("R", bound=Resource)

_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
_IDENTITY = ("name", "namespace", "uid", "creation_timestamp", "deletion_timestamp")


class VersionedStore(ResourceCache):
    """A :class:`~katib.ports.resource_store.ResourceStore` over dictionaries.

    Subclasses keep the changes: they read :meth:`_take_changes` and write them somewhere; those of
    the types ``_in_parts`` as they like, so that their text is not made for them.
    """

    _in_parts: tuple[type[Resource], ...] = ()

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self._changed: dict[Address, None] = {}

    def create(self, kind: Kind[R], resource: R) -> R:
        with self._lock:
            metadata = resource.metadata
            name = metadata.name or self._complete(kind, metadata)
            key = Key(metadata.namespace, name)
            if key in self._table.of(kind):
                raise AlreadyExistsError(kind.name, *key)
            metadata = replace(
                metadata,
                name=name,
                uid=str(uuid.uuid4()),
                generation=1,
                creation_timestamp=self._clock.now(),
                deletion_timestamp=None,
            )
            return self._write(EventType.ADDED, kind, resource, metadata)

    def update(self, kind: Kind[R], resource: R) -> R:
        with self._lock:
            stored = self._current(kind, resource)
            fresh = _with_status_of(resource, stored)
            kept = {name: getattr(stored.metadata, name) for name in _IDENTITY}
            metadata = replace(
                resource.metadata,
                **kept,
                resource_version=stored.metadata.resource_version,
                generation=stored.metadata.generation,
            )
            if _same_content(fresh, stored):
                if metadata == stored.metadata:
                    return stored
            else:
                metadata = replace(metadata, generation=stored.metadata.generation + 1)
            if metadata.deletion_timestamp is not None and not metadata.finalizers:
                return self._remove(kind, fresh, metadata)
            return self._write(EventType.MODIFIED, kind, fresh, metadata)

    def update_status(self, kind: Kind[R], resource: R) -> R:
        with self._lock:
            stored = self._current(kind, resource)
            fresh = _with_status_of(stored, resource)
            if fresh == stored:
                return stored
            return self._write(EventType.MODIFIED, kind, fresh, stored.metadata, is_status=True)

    def delete(self, kind: Kind[R], key: Key, uid: str | None = None) -> None:
        with self._lock:
            stored = self.get(kind, key)
            metadata = stored.metadata
            if uid is not None and uid != metadata.uid:
                raise ConflictError(kind.name, key.name, uid, metadata.uid)
            if not metadata.finalizers:
                self._remove(kind, stored, metadata)
            elif metadata.deletion_timestamp is None:
                marked = replace(metadata, deletion_timestamp=self._clock.now())
                self._write(EventType.MODIFIED, kind, stored, marked)

    def _complete(self, kind: Kind[Any], metadata: ObjectMeta) -> str:
        while True:
            tail = "".join(secrets.choice(_ALPHABET) for _ in range(5))
            if Key(metadata.namespace, metadata.generate_name + tail) not in self._table.of(kind):
                return metadata.generate_name + tail

    def _current(self, kind: Kind[R], resource: R) -> R:
        """What is stored, if ``resource`` was read from it."""
        stored = self.get(kind, resource.metadata.key)
        wanted, present = resource.metadata, stored.metadata
        if wanted.resource_version and wanted.resource_version != present.resource_version:
            raise ConflictError(
                kind.name, present.name, wanted.resource_version, present.resource_version
            )
        return stored

    def _write(
        self,
        type: EventType,
        kind: Kind[R],
        resource: R,
        metadata: ObjectMeta,
        *,
        is_status: bool = False,
    ) -> R:
        self._version += 1
        metadata = replace(metadata, resource_version=str(self._version))
        fresh: R = replace(resource, metadata=metadata)
        record = self._keep(kind, fresh)
        self._changed[address_of(record)] = None
        self._tell_of(type, record, is_status)
        return fresh

    def _remove(self, kind: Kind[R], resource: R, metadata: ObjectMeta) -> R:
        self._version += 1
        metadata = replace(metadata, resource_version=str(self._version))
        record = self._table.of(kind)[metadata.key]
        self._changed[address_of(record)] = None
        gone: R = replace(resource, metadata=metadata)
        self._take_out(record, gone)
        for address in tuple(self._table.owned.get(metadata.uid, ())):
            child = self._table.at(address)
            if child is not None and not self._has_owner(child):
                self.delete(child.kind, child.key)
        return gone

    def _has_owner(self, child: Record) -> bool:
        return any(owner.uid in self._table.uids for owner in child.metadata.owner_references)

    def _load(self, records: Iterable[Record], version: int) -> None:
        """Start from what was kept; nothing of it is told as an event."""
        for record in records:
            self._table.put(record)
        self._version = self._forgotten = version

    def _take_changes(self) -> tuple[dict[Address, Record | None], int]:
        """What changed since the last call; ``None`` for what is gone."""
        with self._lock:
            taken: dict[Address, Record | None] = {}
            for address in self._changed:
                record = self._table.at(address)
                if record is not None and not isinstance(record.value, self._in_parts):
                    record.bytes()
                taken[address] = record
            self._changed = {}
            return taken, self._version

    def _give_back(self, changes: Iterable[Address]) -> None:
        """The changes could not be kept: they are still to be written."""
        with self._lock:
            for address in changes:
                self._changed.setdefault(address)


def _with_status_of(resource: R, other: R) -> R:
    """``resource`` with the status of ``other``."""
    if isinstance(resource, Unstructured) and isinstance(other, Unstructured):
        body = {name: part for name, part in resource.body.items() if name != "status"}
        if "status" in other.body:
            body["status"] = other.body["status"]
        return replace(resource, body=body)
    status: Any = getattr(other, "status", None)
    return resource if status is None else replace(resource, status=status)


def _same_content(one: Resource, other: Resource) -> bool:
    """Whether two versions of a resource differ in nothing but metadata."""
    return replace(one, metadata=other.metadata) == other
