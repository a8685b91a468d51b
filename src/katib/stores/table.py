"""All resources of a store in memory: their records, and who owns whom."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from katib.api.codec import decode, encode, with_metadata
from katib.api.values import Key, Kind, ObjectMeta, Resource, Unstructured

#: Where a resource stands, over all kinds: the kind's version and name, and its own key.
Address = tuple[str, str, Key]


@dataclass(slots=True, eq=False)
class Record:
    """One stored resource: its bytes, its decoded value, or both.

    ``size`` is that of the bytes, or what it was when a version before this one was encoded.
    """

    kind: Kind[Any]
    key: Key
    version: int
    metadata: ObjectMeta
    data: bytes | None
    value: Resource | None = None
    size: int = 0

    def bytes(self) -> bytes:
        """The JSON text, made when it is first needed."""
        if self.data is None:
            assert self.value is not None
            self.data = encode(self.value)
            self.size = len(self.data)
        return self.data

    def read(self) -> Resource:
        """A value that may be given away: frozen and shared, or a fresh copy."""
        if self.value is not None:
            return self.value
        if issubclass(self.kind.type, Unstructured):
            fresh: Resource = with_metadata(self.kind, self.metadata, self.bytes())
            return fresh
        value: Resource = decode(self.kind, self.bytes())
        return value

    def keep_text_only(self) -> bool:
        """Drop a value whose body belongs to the caller and may change; whether it was one."""
        if not isinstance(self.value, Unstructured):
            return False
        self.bytes()
        self.value = None
        return True


@dataclass(slots=True)
class Table:
    """All resources, by kind, each kind in the order of writing; and who owns whom."""

    kinds: dict[tuple[str, str], dict[Key, Record]] = field(default_factory=dict)
    owned: dict[str, dict[Address, None]] = field(default_factory=dict)
    uids: set[str] = field(default_factory=set)

    def of(self, kind: Kind[Any]) -> dict[Key, Record]:
        """The records of a kind."""
        records = self.kinds.get(kind.address)
        if records is None:
            records = self.kinds[kind.address] = {}
        return records

    def at(self, address: Address) -> Record | None:
        """The record at an address."""
        return self.kinds.get(address[:2], {}).get(address[2])

    def put(self, record: Record) -> None:
        """Keep the record as the newest of its kind."""
        records = self.of(record.kind)
        old = records.pop(record.key, None)
        if old is not None and old.metadata.owner_references != record.metadata.owner_references:
            self._disown(old)
            old = None
        records[record.key] = record
        if old is None:
            self.uids.add(record.metadata.uid)
            for owner in record.metadata.owner_references:
                self.owned.setdefault(owner.uid, {})[address_of(record)] = None

    def remove(self, record: Record) -> None:
        """Forget the record."""
        self.of(record.kind).pop(record.key, None)
        self.uids.discard(record.metadata.uid)
        self._disown(record)

    def _disown(self, record: Record) -> None:
        for owner in record.metadata.owner_references:
            mine = self.owned.get(owner.uid)
            if mine is not None:
                mine.pop(address_of(record), None)
                if not mine:
                    del self.owned[owner.uid]


def address_of(record: Record) -> Address:
    """Where a record stands, over all kinds."""
    return (record.kind.api_version, record.kind.name, record.key)
