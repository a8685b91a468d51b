"""Looking: one object, a list, a watch."""

from __future__ import annotations

from functools import partial

import anyio
import anyio.to_thread
from starlette.responses import Response

from katib.api.codec import encode
from katib.api.kinds import EVENTS, TRAIN_JOBS
from katib.api.trial import TRIALS, Trial
from katib.api.values import Resource
from katib.api_server.answers import answer
from katib.api_server.listing import find_one, find_page, list_bytes, selection_of, table_of
from katib.api_server.resources import NAMESPACES
from katib.api_server.services import Call
from katib.api_server.statuses import not_found, not_yet
from katib.api_server.watching import watch


async def read_collection(call: Call) -> Response:
    """``list`` and ``watch``."""
    _see_namespaces(call)
    selection = selection_of(call)
    if call.query.flag("watch"):
        return watch(call, selection)
    return await anyio.to_thread.run_sync(partial(_list, call))


async def read_object(call: Call) -> Response:
    """``get``, also of the status: that is the whole object too."""
    if call.query.flag("watch"):
        return await read_collection(call)
    _see_namespaces(call)
    wanted, present = call.query.number("resourceVersion"), call.services.ports.store.version
    if wanted and wanted > present:
        raise not_yet(wanted, present)
    target = call.target
    if target.type.kind.address == EVENTS.address:
        # Events are on a disk.
        found = await anyio.to_thread.run_sync(
            find_one, call.services.ports, target.type.kind, target.key
        )
    else:
        found = find_one(call.services.ports, target.type.kind, target.key)
    if found is None:
        found = await _awaited(call)
    if found is None:
        raise not_found(target.type, target.name or "")
    return show(call, found)


async def _awaited(call: Call) -> Resource | None:
    """A TrainJob that a trial is about to have.

    Kubeflow's SDK lists trials and then reads the TrainJob of each; one that is not there yet fails
    the whole call, and its user cannot know when to ask again.
    """
    services, target = call.services, call.target
    if target.type.kind is not TRAIN_JOBS:
        return None
    store, patience = services.ports.store, services.pace.patience
    with anyio.move_on_after(patience):
        while _is_starting(store.find(TRIALS, target.key)):
            found: Resource | None = store.find(target.type.kind, target.key)
            if found is not None:
                return found
            await anyio.sleep(services.pace.polling)
    return store.find(target.type.kind, target.key)


def _is_starting(trial: Trial | None) -> bool:
    if trial is None or trial.is_completed:
        return False
    return trial.metadata.deletion_timestamp is None


def show(call: Call, resource: Resource) -> Response:
    """One object as an answer."""
    if call.form.is_table:
        version = {"resourceVersion": resource.metadata.resource_version}
        return answer(table_of(call, [encode(resource)], version), call.form)
    return answer(encode(resource), call.form)


def _list(call: Call) -> Response:
    page = find_page(call, selection_of(call))
    if call.form.is_table:
        rows = (one.data for one in page.texts)
        return answer(table_of(call, rows, page.metadata), call.form)
    return answer(list_bytes(call.target.type, page), call.form)


def _see_namespaces(call: Call) -> None:
    if call.target.type.kind is NAMESPACES:
        call.services.namespaces.keep_used()
