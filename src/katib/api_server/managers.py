"""``metadata.managedFields``: who wrote which fields of a resource, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

from katib.api.codec import format_time
from katib.api.values import Manifest
from katib.api_server.fields import Fields, UnreadableFieldsError, read_fields, write_fields

APPLY = "Apply"
UPDATE = "Update"
#: Owns what was there before anybody applied to a resource that nobody was recorded for.
BEFORE_FIRST_APPLY = "before-first-apply"
#: Owns the fields of the managers that were dropped because there were too many.
ANCIENT_CHANGES = "ancient-changes"
#: How many managers by update are told apart; more would let managedFields grow without end.
MOST_UPDATERS = 10


class Owner(NamedTuple):
    """What tells one entry from another. Appliers are the same in every version of the API."""

    manager: str
    operation: str
    api_version: str = ""
    subresource: str = ""

    def __str__(self) -> str:
        """The owner as conflicts name it."""
        words = f'"{self.manager}"'
        if self.subresource:
            words += f' with subresource "{self.subresource}"'
        return f"{words} using {self.api_version}" if self.operation == UPDATE else words


@dataclass(frozen=True, slots=True)
class Claim:
    """What an owner owns.

    Attributes:
        fields: the paths.
        api_version: the version in which they were written.
        time: when this last changed, RFC 3339.
    """

    fields: Fields
    api_version: str
    time: str


Managed = Mapping[Owner, Claim]


def read_managed(metadata: Any) -> dict[Owner, Claim] | None:
    """The owners in a resource's metadata; ``None`` when its managedFields make no sense."""
    entries = metadata.get("managedFields") if isinstance(metadata, dict) else None
    if entries is None:
        return {}
    if not isinstance(entries, (list, tuple)):
        return None
    try:
        return dict(_read(entry) for entry in entries)
    except (UnreadableFieldsError, RecursionError):
        return None


def with_managed(document: Manifest, managed: Managed) -> Manifest:
    """The document with these owners in its metadata, and no others."""
    metadata = {
        key: value
        for key, value in (document.get("metadata") or {}).items()
        if key != "managedFields"
    }
    entries = [_written(owner, claim) for owner, claim in sorted(managed.items(), key=_order)]
    if entries:
        metadata["managedFields"] = entries
    return {**document, "metadata": metadata}


def without(managed: Managed, fields: Fields) -> dict[Owner, Claim]:
    """The owners after they lost fields; those with none left are gone."""
    left = ((owner, replace(one, fields=one.fields - fields)) for owner, one in managed.items())
    return {owner: claim for owner, claim in left if claim.fields}


def bounded(managed: Managed) -> dict[Owner, Claim]:
    """The owners with the oldest of too many updaters put together as one."""
    updaters = sorted(
        ((owner, claim) for owner, claim in managed.items() if owner.operation == UPDATE),
        key=lambda pair: (pair[0].manager != ANCIENT_CHANGES, _order(pair)),
    )
    kept = dict(managed)
    if len(updaters) <= MOST_UPDATERS:
        return kept
    for owner, claim in updaters[: len(updaters) - MOST_UPDATERS + 1]:
        del kept[owner]
        ancient = Owner(ANCIENT_CHANGES, UPDATE, owner.api_version, owner.subresource)
        earlier = kept.get(ancient)
        fields = claim.fields | (earlier.fields if earlier else frozenset())
        kept[ancient] = Claim(fields, claim.api_version, claim.time)
    return kept


def timestamp(now: datetime) -> str:
    """A moment as entries write it, in whole seconds."""
    return format_time(now.astimezone(UTC).replace(microsecond=0))


def _read(entry: Any) -> tuple[Owner, Claim]:
    if not isinstance(entry, dict) or entry.get("operation") not in (APPLY, UPDATE):
        raise UnreadableFieldsError("an entry of managedFields has the operation Apply or Update")
    if entry.get("fieldsType", "FieldsV1") not in ("", "FieldsV1"):
        raise UnreadableFieldsError("the only type of fields is FieldsV1")
    fields = read_fields(entry.get("fieldsV1") or {})
    words = {key: entry.get(key) or "" for key in ("manager", "apiVersion", "time", "subresource")}
    if not all(isinstance(word, str) for word in words.values()):
        raise UnreadableFieldsError("the words of an entry of managedFields are texts")
    version, operation = words["apiVersion"], entry["operation"]
    owner = Owner(
        words["manager"], operation, version if operation == UPDATE else "", words["subresource"]
    )
    return owner, Claim(fields, version, words["time"])


def _written(owner: Owner, claim: Claim) -> Manifest:
    entry: Manifest = {
        "manager": owner.manager,
        "operation": owner.operation,
        "apiVersion": claim.api_version,
        "time": claim.time,
        "fieldsType": "FieldsV1",
        "fieldsV1": write_fields(claim.fields),
        "subresource": owner.subresource,
    }
    return {key: value for key, value in entry.items() if value != ""}


def _order(pair: tuple[Owner, Claim]) -> tuple[str, str, Owner]:
    owner, claim = pair
    return owner.operation, claim.time, owner
