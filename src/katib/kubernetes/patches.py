"""What to send so that a resource becomes another: JSON merge patches (RFC 7386).

A patch leaves alone what it does not name, so that fields that are not known here stay.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import replace

from katib.api.codec import encode, to_manifest, typed
from katib.api.values import Manifest, Resource, Unstructured, Value

MERGE_PATCH = "application/merge-patch+json"

#: What of the metadata the server decides.
_OF_THE_SERVER = (
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "selfLink",
    "managedFields",
)


def difference(before: Manifest, after: Manifest) -> Manifest:
    """The smallest merge patch that makes ``after`` of ``before``; empty when there is none.

    What is ``null`` counts as absent, as merge patches have it.
    """
    patch: Manifest = {}
    for name in {**before, **after}:
        old, new = before.get(name), after.get(name)
        if isinstance(old, dict) and isinstance(new, dict):
            inner: Any = difference(old, new)
            if inner:
                patch[name] = inner
        elif old != new:
            patch[name] = new
    return patch


def wanted_part(resource: Resource) -> Manifest:
    """All but the status, and but what the server decides."""
    manifest = to_manifest(_without_status(resource))
    manifest.pop("status", None)
    metadata = manifest.get("metadata") or {}
    kept = {name: value for name, value in metadata.items() if name not in _OF_THE_SERVER}
    return {**manifest, "metadata": kept}


def status_part(resource: Resource) -> Manifest:
    """The status alone, if there is any."""
    if isinstance(resource, Unstructured):
        status = resource.status
    else:
        status = typed(_Status, encode(resource)).status
    return {"status": status} if status else {}


def for_version(patch: Manifest, version: str) -> bytes:
    """The text of a patch that is refused when the resource has another version by now."""
    if version:
        patch = {**patch, "metadata": {**patch.get("metadata", {}), "resourceVersion": version}}
    return msgspec.json.encode(patch)


class _Status(Value, frozen=True):
    """A resource, as far as its status goes."""

    status: Manifest = msgspec.field(default_factory=dict)


def _without_status(resource: Resource) -> Resource:
    """The same without a status of a kind of ours, which may be long."""
    status: Any = getattr(resource, "status", None)
    if isinstance(resource, Unstructured) or status is None:
        return resource
    return replace(resource, status=type(status)())
