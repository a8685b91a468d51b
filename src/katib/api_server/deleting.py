"""Deleting: one object, or all that are selected."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import msgspec
from msgspec.structs import replace
from starlette.responses import Response

from katib.api.codec import encode
from katib.api.values import Manifest, ObjectMeta, Resource
from katib.api_server.answers import Form, answer
from katib.api_server.bodies import media_type_of, read_body, read_manifest
from katib.api_server.listing import check_not_built_in, find_page, list_bytes, selection_of
from katib.api_server.namespaces import ALWAYS
from katib.api_server.resources import NAMESPACES, RESOURCE_TYPES
from katib.api_server.services import Call
from katib.api_server.statuses import (
    StatusError,
    bad_request,
    conflict,
    forbidden,
    not_found,
    success,
    unmet,
)
from katib.api_server.targets import check_dry_runs
from katib.errors import ConflictError, NotFoundError
from katib.ports.resource_store import ResourceStore, Selector

ORPHAN, FOREGROUND = "Orphan", "Foreground"
POLICIES = (ORPHAN, "Background", FOREGROUND)

#: A deletion of these is answered with the object; of others with a ``Status``.
_ANSWERED_WITH_OBJECT = frozenset(("pods", "services", "persistentvolumeclaims", "serviceaccounts"))

#: How often dependents are let go again when somebody else wrote in between.
_TRIES = 5

#: How often it is looked at whether all that was owned has gone, in seconds.
_LOOK_EVERY = 0.02


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    """How something is to be deleted.

    Attributes:
        policy: what becomes of what it owns: ``Orphan`` keeps it, and ``Foreground`` is answered
            when it has gone.
        uid: delete this one only.
        version: delete it only as it was read.
        is_dry_run: do not.
    """

    policy: str = "Background"
    uid: str = ""
    version: str = ""
    is_dry_run: bool = False


async def delete_object(call: Call) -> Response:
    """``delete``."""
    options = await _options(call)
    target = call.target
    stored = call.services.ports.store.find(target.type.kind, target.key)
    if stored is None:
        check_not_built_in(call)
        raise not_found(target.type, target.name or "")
    left = _delete(call, stored.metadata, options)
    if options.policy == FOREGROUND and not options.is_dry_run:
        left = await _wait_for_all(call, stored.metadata.uid)
    if not options.is_dry_run:
        await call.services.durability.settle()
    form = Form(is_pretty=call.form.is_pretty)
    if left is not None:
        return answer(encode(left), form)
    if target.type.plural in _ANSWERED_WITH_OBJECT:
        return answer(encode(stored), form)
    return answer(success(target.type, target.name or "", stored.metadata.uid), form)


async def _wait_for_all(call: Call, uid: str) -> Resource | None:
    """Return when an object and all that it owned has gone, or soon; what is left of it.

    In a cluster the object stays until the rest has gone. Whoever waits for that finds the same
    here: when the object has gone, so has the rest.
    """
    clock, store = asyncio.get_running_loop().time, call.services.ports.store
    deadline = clock() + call.services.pace.patience
    while True:
        found: Resource | None = store.find(call.target.type.kind, call.target.key)
        left = found if found is not None and found.metadata.uid == uid else None
        owned = any(store.list(type.kind, Selector(owner=uid)) for type in RESOURCE_TYPES)
        if (left is None and not owned) or clock() >= deadline:
            return left
        await asyncio.sleep(_LOOK_EVERY)


async def delete_collection(call: Call) -> Response:
    """``deletecollection``; answers with what was there."""
    options = await _options(call)
    page = find_page(call, selection_of(call))
    for one in page.texts:
        try:
            _delete(call, one.metadata, options)
        except StatusError as error:
            # One that went with its owner, a moment ago, is what was asked for.
            if error.code != 404:
                raise
    if not options.is_dry_run:
        await call.services.durability.settle()
    return answer(list_bytes(call.target.type, page), Form(is_pretty=call.form.is_pretty))


def _delete(call: Call, stored: ObjectMeta, options: DeleteOptions) -> Resource | None:
    """What is left: the object, when finalizers hold it."""
    type, store = call.target.type, call.services.ports.store
    key, uid = stored.key, stored.uid
    _check_preconditions(call, stored, options)
    if type.kind is NAMESPACES and key.name in ALWAYS:
        raise forbidden(type, key.name, "this namespace may not be deleted")
    if options.is_dry_run:
        return None
    if options.policy == ORPHAN:
        _let_go(store, uid)
    if type.kind is NAMESPACES:
        call.services.namespaces.clear(key.name)
    try:
        store.delete(type.kind, key, uid=uid)
    except NotFoundError as error:
        raise not_found(type, key.name) from error
    except ConflictError as error:
        raise conflict(type, key.name) from error
    left: Resource | None = store.find(type.kind, key)
    return left if left is not None and left.metadata.uid == uid else None


def _check_preconditions(call: Call, present: ObjectMeta, options: DeleteOptions) -> None:
    if options.uid and options.uid != present.uid:
        problem = unmet("UID", options.uid, present.uid)
        raise conflict(call.target.type, present.name, problem)
    if options.version and options.version != present.resource_version:
        problem = unmet("ResourceVersion", options.version, present.resource_version)
        raise conflict(call.target.type, present.name, problem)


def _let_go(store: ResourceStore, owner: str) -> None:
    """Take an owner's name off everything that it owns."""
    for _ in range(_TRIES):
        owned = [
            (type.kind, resource)
            for type in RESOURCE_TYPES
            for resource in store.list(type.kind, Selector(owner=owner))
        ]
        if not owned:
            return
        for kind, resource in owned:
            others = tuple(one for one in resource.metadata.owner_references if one.uid != owner)
            metadata = replace(resource.metadata, owner_references=others)
            try:
                store.update(kind, replace(resource, metadata=metadata))
            except (ConflictError, NotFoundError):
                # It has changed meanwhile: the next look shows whether it is still owned.
                continue


async def _options(call: Call) -> DeleteOptions:
    """The options of the body, and of the address where the body says nothing."""
    data = await read_body(call.request)
    stated: Manifest = read_manifest(data, media_type_of(call.request)) if data.strip() else {}
    query = call.query
    policy = stated.get("propagationPolicy") or query.text("propagationPolicy")
    if not policy and (stated.get("orphanDependents") or query.flag("orphanDependents")):
        policy = ORPHAN
    if policy and policy not in POLICIES:
        text = (
            f'DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Unsupported value: '
            f'"{policy}": supported values: "Background", "Foreground", "Orphan"'
        )
        raise StatusError(422, "Invalid", text)
    try:
        conditions = msgspec.convert(stated.get("preconditions") or {}, dict[str, str])
        dry_runs = msgspec.convert(stated.get("dryRun") or [], list[str])
    except msgspec.ValidationError as error:
        raise bad_request(f"the DeleteOptions are not legal: {error}") from error
    is_dry_run = query.is_dry_run or check_dry_runs(dry_runs)
    return DeleteOptions(
        policy or "Background",
        conditions.get("uid", ""),
        conditions.get("resourceVersion", ""),
        is_dry_run,
    )
