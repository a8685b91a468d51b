"""Lists: a snapshot, selected, in the order of names, page by page."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import Struct

from katib.api.codec import encode, typed
from katib.api.kinds import EVENTS
from katib.api.values import Key, Kind, Manifest, Resource
from katib.api_server.ports import ServerPorts
from katib.api_server.resources import ResourceType
from katib.api_server.selectors import Facts, Selection, facts_in, parse_fields, parse_labels
from katib.api_server.services import Call
from katib.api_server.statuses import bad_request, expired, forbidden, not_yet
from katib.api_server.tables import as_table
from katib.ports.resource_store import ResourceStore, ResourceText, Selector

#: How often a snapshot is tried again when something was written meanwhile.
_TRIES = 5


class _Token(Struct, frozen=True):
    """Where the next page begins, and what version the first one showed."""

    version: int
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list.

    Attributes:
        version: where a watch goes on from; the same for all pages of a list.
        texts: the objects, by namespace and name.
        token: asks for the next page; empty when this is the last.
        remaining: how many are behind this page; ``None`` when that is not told.
    """

    version: int
    texts: Sequence[ResourceText]
    token: str = ""
    remaining: int | None = None

    @property
    def metadata(self) -> Manifest:
        """The list's own metadata."""
        found: Manifest = {"resourceVersion": str(self.version)}
        if self.token:
            found["continue"] = self.token
        if self.remaining:
            found["remainingItemCount"] = self.remaining
        return found


def selection_of(call: Call) -> Selection:
    """What the options and the path of a request select.

    Raises:
        StatusError: 400, a selector cannot be read.
    """
    target = call.target
    fields = parse_fields(call.query.text("fieldSelector"), target.type)
    if target.name is not None:
        fields += parse_fields(f"metadata.name={target.name}", target.type)
    labels = parse_labels(call.query.text("labelSelector"))
    return Selection(target.namespace, labels, fields)


def find_page(call: Call, selection: Selection) -> Page:
    """The part of a list that a request asks for. May read a disk.

    Raises:
        StatusError: 400, 410 or 504, by its options.
    """
    token = _read_token(call.query.text("continue"))
    _check_version(call, token)
    version, found = snapshot(call.services.ports, call.target.type, selection)
    found.sort(key=lambda one: one.key)
    if token is not None:
        version = token.version
        start = Key(token.namespace, token.name)
        found = [one for one in found if one.key > start]
    limit = call.query.number("limit") or 0
    if not limit or len(found) <= limit:
        return Page(version, found)
    last = found[limit - 1].key
    following = _write_token(_Token(version, last.namespace, last.name))
    remaining = len(found) - limit if selection.is_everything else None
    return Page(version, found[:limit], following, remaining)


def snapshot(
    ports: ServerPorts, type: ResourceType, selection: Selection
) -> tuple[int, list[ResourceText]]:
    """What is selected, and a version that all of it has been seen at.

    A watch from that version misses nothing. It may tell again what the list holds already.
    """
    store = ports.store
    for _ in range(_TRIES):
        version = store.version
        found = _select(ports, type, selection)
        if store.version == version:
            break
    return version, found


def list_bytes(type: ResourceType, page: Page) -> bytes:
    """The list as JSON."""
    head = msgspec.json.encode(
        {
            "kind": f"{type.kind.name}List",
            "apiVersion": type.kind.api_version,
            "metadata": page.metadata,
        }
    )
    items = b",".join(one.data for one in page.texts)
    return head[:-1] + b',"items":[' + items + b"]}"


def table_of(call: Call, texts: Iterable[bytes], metadata: Manifest | None = None) -> Manifest:
    """Objects as columns and rows, with the metadata of the list if they are one."""
    return table_of_manifests(call, (msgspec.json.decode(one) for one in texts), metadata)


def table_of_manifests(
    call: Call, manifests: Iterable[Manifest], metadata: Manifest | None = None
) -> Manifest:
    """The same from plain data."""
    table = as_table(
        call.target.type,
        manifests,
        call.services.ports.clock.now(),
        call.query.include_object,
    )
    stated: Manifest = dict(table)
    stated["apiVersion"] = f"meta.k8s.io/{call.form.table_version}"
    if metadata is not None:
        stated["metadata"] = metadata
    return stated


def find_one(ports: ServerPorts, kind: Kind[Any], key: Key) -> Resource | None:
    """One object, wherever its kind is kept."""
    if kind.address == EVENTS.address:
        told = ports.list_events(key.namespace, None)
        return next((event for event in told if event.metadata.name == key.name), None)
    found: Resource | None = ports.store.find(kind, key)
    return found or find_built_in(ports, kind, key)


def find_built_in(ports: ServerPorts, kind: Kind[Any], key: Key) -> Resource | None:
    """What is there of this name without being in the store."""
    return next((one for one in _built_in(ports, kind) if one.key == key), None)


def check_not_built_in(call: Call) -> None:
    """See that a request to change something that is not in the store is not of what is built in.

    Raises:
        StatusError: 403, it is.
    """
    target = call.target
    if find_built_in(call.services.ports, target.type.kind, target.key) is not None:
        name = target.name or ""
        raise forbidden(target.type, name, "it is built in: create one of that name to replace it")


def _built_in(ports: ServerPorts, kind: Kind[Any]) -> Sequence[Resource]:
    address = kind.address
    return [one for one in ports.built_in if (one.api_version, one.kind) == address]


def _select(ports: ServerPorts, type: ResourceType, selection: Selection) -> list[ResourceText]:
    if type.kind.address == EVENTS.address:
        uid = selection.field("involvedObject.uid")
        told = ports.list_events(selection.namespace, uid)
        found: Sequence[ResourceText] = [_text(one) for one in told]
    else:
        found = _with_built_in(ports, type, _candidates(ports.store, type, selection))
    if not selection.fields:
        return [one for one in found if selection.fits(Facts(one.metadata, {}))]
    return [one for one in found if selection.fits(facts_in(one, type.kind))]


def _text(resource: Resource) -> ResourceText:
    return ResourceText(resource.key, resource.metadata, encode(resource))


def _with_built_in(
    ports: ServerPorts, type: ResourceType, stored: Sequence[ResourceText]
) -> Sequence[ResourceText]:
    built_in = _built_in(ports, type.kind)
    hidden = {one.key for one in stored} if built_in else ()
    return [*stored, *(_text(one) for one in built_in if one.key not in hidden)]


def _candidates(
    store: ResourceStore, type: ResourceType, selection: Selection
) -> Sequence[ResourceText]:
    name, namespace = selection.field("metadata.name"), selection.namespace
    if name is not None and (namespace is not None or not type.is_namespaced):
        one = store.find(type.kind, Key(namespace or "", name))
        return [] if one is None else [_text(one)]
    return store.list_texts(type.kind, Selector(namespace=namespace, labels=selection.equal_labels))


def _check_version(call: Call, token: _Token | None) -> None:
    wanted = call.query.number("resourceVersion")
    if not wanted:
        return
    if token is not None:
        raise bad_request("specifying resource version is not allowed when using continue")
    present = call.services.ports.store.version
    if wanted > present:
        raise not_yet(wanted, present)
    if call.query.text("resourceVersionMatch") == "Exact" and wanted != present:
        raise expired(wanted, present)


def _write_token(token: _Token) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(token)).decode().rstrip("=")


def _read_token(text: str) -> _Token | None:
    if not text:
        return None
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        return typed(_Token, data)
    except (binascii.Error, ValueError, msgspec.DecodeError) as error:
        raise bad_request(f"continue key is not valid: {error}") from error
