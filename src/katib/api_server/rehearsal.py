"""What a write would leave behind, without writing (``dryRun=All``)."""

from __future__ import annotations

import secrets
import uuid

from msgspec.structs import replace

from katib.api.values import Resource, Unstructured
from katib.ports.clock import Clock

_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"


def rehearse_create(resource: Resource, clock: Clock) -> Resource:
    """The object as it would be created."""
    metadata = resource.metadata
    tail = "".join(secrets.choice(_ALPHABET) for _ in range(5))
    fresh = replace(
        metadata,
        name=metadata.name or metadata.generate_name + tail,
        uid=str(uuid.uuid4()),
        generation=1,
        creation_timestamp=clock.now(),
    )
    return replace(resource, metadata=fresh)


def rehearse_update(stored: Resource, fresh: Resource, is_status: bool) -> Resource:
    """The object as it would be after an update, of its status or of all else."""
    if is_status:
        return _with_status_of(stored, fresh)
    present = stored.metadata
    metadata = replace(
        fresh.metadata,
        uid=present.uid,
        resource_version=present.resource_version,
        generation=present.generation,
        creation_timestamp=present.creation_timestamp,
        deletion_timestamp=present.deletion_timestamp,
    )
    written = replace(_with_status_of(fresh, stored), metadata=metadata)
    if replace(written, metadata=present) != stored:
        metadata = replace(metadata, generation=present.generation + 1)
    return replace(written, metadata=metadata)


def _with_status_of(resource: Resource, other: Resource) -> Resource:
    if isinstance(resource, Unstructured) and isinstance(other, Unstructured):
        body = {name: part for name, part in resource.body.items() if name != "status"}
        if "status" in other.body:
            body["status"] = other.body["status"]
        return replace(resource, body=body)
    return replace(resource, status=getattr(other, "status"))  # noqa: B009  # not every kind has one
