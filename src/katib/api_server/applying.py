"""Server-side apply, and the record of who wrote what that it lives on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from katib.api.values import Manifest
from katib.api_server.fields import Branch, Changes, Fields, compare, in_words, members, prefixes
from katib.api_server.list_keys import Lists
from katib.api_server.managers import (
    APPLY,
    BEFORE_FIRST_APPLY,
    UPDATE,
    Claim,
    Managed,
    Owner,
    bounded,
    read_managed,
    timestamp,
    with_managed,
    without,
)
from katib.api_server.merging import merged, pruned, without_nulls
from katib.api_server.patch_errors import ApplyConflictError, Conflict

#: The manager that stands for ``kubectl apply``, on either side.
KUBECTL = "kubectl"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"

_HEAD = ("apiVersion", "kind", "metadata")
_SYSTEM = (
    "creationTimestamp",
    "generation",
    "managedFields",
    "name",
    "namespace",
    "resourceVersion",
    "selfLink",
    "uid",
)
#: Nobody owns these: the server decides on them, or they name the resource.
_NOBODYS = frozenset(
    {(f"f:{name}",) for name in _HEAD} | {("f:metadata", f"f:{name}") for name in _SYSTEM}
)
_OUTER_MAPS = {("f:metadata", "f:annotations"), ("f:metadata", "f:labels")}


@dataclass(frozen=True, slots=True)
class Applier:
    """Who applies.

    Attributes:
        manager: the name of the field manager.
        api_version: the version that the request was made to.
        now: the moment of the request.
        force: whether fields of others are taken over.
        subresource: empty, or ``status``.
    """

    manager: str
    api_version: str
    now: datetime
    force: bool = False
    subresource: str = ""

    @property
    def owner(self) -> Owner:
        """The applier in managedFields."""
        return Owner(self.manager, APPLY, subresource=self.subresource)


def apply(stored: Manifest | None, wanted: Manifest, applier: Applier) -> Manifest:
    """The resource after a manager has said all that it wants of it.

    What the manager applied before and does not want any more goes, unless another manager owns it.
    The status belongs to its subresource alone. Nothing is refused but conflicts: the caller has
    checked that ``wanted`` is the same resource.

    Raises:
        ApplyConflictError: a field would change that another manager owns.
        PatchError: 400, an item of a keyed list lacks its key, or is there twice.
    """
    lists = _lists(applier.api_version)
    live = stored or {}
    managed = _recorded(live, applier, lists)
    owner = applier.owner
    last = managed.pop(owner, None)
    config = _scoped(without_nulls(wanted), applier.subresource)
    laid = merged(live, config, lists)
    fields = _claims(config, lists)
    gone = (last.fields if last else frozenset()) - fields
    result = _pruned(laid, gone, fields.union(*(one.fields for one in managed.values())), lists)
    changes = compare(live, result, lists)
    _refuse_conflicts(live, changes, managed, applier)
    time = timestamp(applier.now)
    if last and last.fields == fields and not _own(changes.all):
        time = last.time
    owners = without(managed, changes.all)
    if fields:
        owners[owner] = Claim(fields, applier.api_version, time)
    if applier.manager == KUBECTL:
        result = _with_last_applied(result, wanted)
    return with_managed(result, owners)


def track(
    before: Manifest | None, after: Manifest, manager: str, api_version: str, now: datetime
) -> Manifest:
    """The written resource with managedFields that say what this write changed.

    For creations, updates and patches other than apply, before admission fills in defaults: nobody
    owns a default. A writer may send managedFields of its own; those that make no sense are
    ignored, and a single empty entry ends the record. A resource that existed without a record goes
    on so.

    Args:
        before: the resource as it was; ``None`` when it is created.
        after: the resource as it shall be.
        manager: the name of the field manager.
        api_version: the version that the request was made to.
        now: the moment of the request.
    """
    lists = _lists(api_version)
    managed = _sent(before, after)
    if before is not None and not managed:
        return with_managed(after, {})
    changes = compare(before or {}, after, lists)
    owner = Owner(manager, UPDATE, api_version)
    last = managed.pop(owner, None)
    earlier: Fields = last.fields if last else frozenset()
    fields = (earlier - changes.removed) | _own(changes.written)
    owners = without(managed, changes.all)
    if fields:
        time = last.time if last and fields == earlier else timestamp(now)
        owners[owner] = Claim(fields, api_version, time)
    return with_managed(after, bounded(owners))


def _lists(api_version: str) -> Lists:
    group, slash, _ = api_version.partition("/")
    return Lists(group if slash else "")


def _own(fields: Fields) -> Fields:
    """The fields that somebody can own."""
    return frozenset(path for path in fields if path[:2] not in _NOBODYS)


def _claims(config: Manifest, lists: Lists) -> Fields:
    """What an applier owns: what it names, but not the maps and lists that every resource has.

    A map within the spec is owned with its fields, so that it goes as a whole when it is given up.
    """
    return _own(
        frozenset(
            path
            for path, value in members(config, lists).items()
            if value is not Branch.LIST
            and not (value is Branch.MAP and (len(path) == 1 or path in _OUTER_MAPS))
        )
    )


def _scoped(wanted: Manifest, subresource: str) -> Manifest:
    """The part of a configuration that the address of the request governs."""
    if subresource != "status":
        return {key: value for key, value in wanted.items() if key != "status"}
    metadata = wanted.get("metadata") or {}
    naming = {key: value for key, value in metadata.items() if key in _SYSTEM}
    governed = {key: value for key, value in wanted.items() if key in (*_HEAD, "status")}
    return {**governed, "metadata": naming}


def _recorded(live: Manifest, applier: Applier, lists: Lists) -> dict[Owner, Claim]:
    managed = read_managed(live.get("metadata")) or {}
    if managed or not live:
        return managed
    owner = Owner(BEFORE_FIRST_APPLY, UPDATE, applier.api_version)
    fields = _own(frozenset(members(live, lists)))
    return {owner: Claim(fields, applier.api_version, timestamp(applier.now))}


def _sent(before: Manifest | None, after: Manifest) -> dict[Owner, Claim]:
    metadata = after.get("metadata")
    if isinstance(metadata, dict) and metadata.get("managedFields") in ([{}], ({},)):
        return {}
    return read_managed(metadata) or read_managed((before or {}).get("metadata")) or {}


def _pruned(document: Manifest, gone: Fields, kept: Fields, lists: Lists) -> Manifest:
    if not gone:
        return document
    going = gone - prefixes(kept)
    result: Manifest = pruned(document, going, prefixes(going), lists)
    return result


def _refuse_conflicts(live: Manifest, changes: Changes, managed: Managed, applier: Applier) -> None:
    if applier.force:
        return
    clashes = {owner: claim.fields & changes.written for owner, claim in managed.items()}
    if applier.manager == KUBECTL:
        allowed = _client_side_applied(live, _lists(applier.api_version))
        clashes = {owner: fields - allowed for owner, fields in clashes.items()}
    causes = [
        Conflict(str(owner), in_words(path)) for owner, fields in clashes.items() for path in fields
    ]
    if causes:
        raise ApplyConflictError(causes)


def _client_side_applied(live: Manifest, lists: Lists) -> Fields:
    """What ``kubectl apply`` set from the client and nobody changed: ``kubectl`` may have it."""
    annotation = _annotations(live).get(LAST_APPLIED)
    try:
        applied = msgspec.json.decode(annotation or "{}")
    except (msgspec.DecodeError, TypeError, RecursionError):
        return frozenset()
    if not isinstance(applied, dict):
        return frozenset()
    return frozenset(members(applied, lists)) - compare(applied, live, lists).all


def _with_last_applied(document: Manifest, wanted: Manifest) -> Manifest:
    """The document; its record of client-side apply, if any, is kept true for those who go back."""
    if LAST_APPLIED not in _annotations(document):
        return document
    metadata = dict(wanted.get("metadata") or {})
    others = {key: text for key, text in _annotations(wanted).items() if key != LAST_APPLIED}
    metadata["annotations"] = others
    text = msgspec.json.encode({**wanted, "metadata": metadata}, order="sorted").decode() + "\n"
    annotations = {**_annotations(document), LAST_APPLIED: text}
    return {**document, "metadata": {**document["metadata"], "annotations": annotations}}


def _annotations(document: Manifest) -> dict[str, Any]:
    metadata = document.get("metadata")
    found = metadata.get("annotations") if isinstance(metadata, dict) else None
    return found if isinstance(found, dict) else {}
