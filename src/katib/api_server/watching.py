"""Watches: every change of what is selected, one JSON line each, as long as the client listens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence

import anyio.to_thread
import msgspec
from starlette.responses import StreamingResponse

from katib.api.codec import encode, to_manifest
from katib.api.kinds import EVENTS
from katib.api.values import Key, Manifest, Resource
from katib.api_server.answers import JSON
from katib.api_server.changes import Change, object_bytes
from katib.api_server.listing import snapshot, table_of, table_of_manifests
from katib.api_server.selectors import Selection
from katib.api_server.services import Call
from katib.api_server.statuses import StatusError, bad_request, cut_off, expired, not_yet
from katib.ports.resource_store import EventType

#: How many changes are written at once.
_BATCH = 128

#: Marks the bookmark after the objects that there were at the beginning.
INITIAL_EVENTS_END = "k8s.io/initial-events-end"


def watch(call: Call, selection: Selection) -> StreamingResponse:
    """Answer with a stream of changes.

    Raises:
        StatusError: 400 or 504, by the options.
    """
    is_of_events = call.target.type.kind.address == EVENTS.address
    stream = EventsWatch(call, selection) if is_of_events else Watch(call, selection)
    return StreamingResponse(stream.lines(), media_type=JSON)


class Watch:
    """One watch of what the store keeps.

    Args:
        call: the request.
        selection: what is watched.
    """

    def __init__(self, call: Call, selection: Selection) -> None:
        self._call, self._selection = call, selection
        self._type, self._changes = call.target.type, call.services.changes
        self._lines = Lines(call)
        query = call.query
        self._since = query.number("resourceVersion") or 0
        self._wants_bookmarks = query.flag("allowWatchBookmarks")
        self._sends_initial = query.flag("sendInitialEvents")
        stated = query.text("resourceVersionMatch")
        if self._sends_initial and stated not in ("", "NotOlderThan"):
            raise bad_request(
                f'resourceVersionMatch: Unsupported value: "{stated}": sendInitialEvents needs '
                '"NotOlderThan"'
            )
        self._begins_with_all = self._sends_initial or (
            not self._since and not query.text("sendInitialEvents")
        )
        present = call.services.ports.store.version
        if self._since > present:
            raise not_yet(self._since, present)
        self._seconds = query.number("timeoutSeconds") or call.services.pace.longest_watch
        self._end = self._bookmark_at = 0.0
        self._position = 0
        self._is_idle = self._is_over = False

    async def lines(self) -> AsyncIterator[bytes]:
        """The changes, as they come."""
        self._end = _now() + self._seconds
        with self._changes.waking(self._type) as wake:
            for line in await self._begin():
                yield line
            while not self._is_over:
                wake.clear()
                data = self._go_on()
                if data:
                    yield data
                if self._is_idle and not self._is_over:
                    await _wait(wake, min(self._end, self._bookmark_at) - _now())

    async def _begin(self) -> list[bytes]:
        """What there is already, if that is wanted; then the place to go on from."""
        shown: list[bytes] = []
        if self._begins_with_all:
            self._since, found = await self._look()
            shown = [self._lines.of_resource(EventType.ADDED, one) for one in found]
            if self._sends_initial and self._wants_bookmarks:
                shown.append(self._lines.bookmark(self._since, {INITIAL_EVENTS_END: "true"}))
        elif not self._since:
            self._since = self._changes.version
        position = self._changes.begin(self._type, self._since)
        if position is None:
            oldest = self._changes.ring(self._type).forgotten
            shown.append(self._end_with(expired(self._since, oldest)))
        else:
            self._position = position
        self._bookmark_at = _now() + self._call.services.pace.bookmarks
        return shown

    def _go_on(self) -> bytes:
        """What is new; a bookmark when nothing is and it is time for one."""
        batch = self._changes.read(self._type, self._position, _BATCH)
        if batch is None:
            return self._end_with(cut_off())
        self._position += len(batch)
        self._is_idle = not batch
        if batch:
            return b"".join(self._shown(batch))
        self._is_over = self._changes.is_closed or _now() >= self._end
        if self._is_over or _now() >= self._bookmark_at:
            self._bookmark_at = _now() + self._call.services.pace.bookmarks
            return self._bookmark()
        return b""

    def _end_with(self, error: StatusError) -> bytes:
        self._is_over = True
        return self._lines.error(error.body)

    async def _look(self) -> tuple[int, list[Resource]]:
        ports = self._call.services.ports
        return await anyio.to_thread.run_sync(snapshot, ports, self._type, self._selection)

    def _shown(self, batch: Sequence[Change]) -> Iterator[bytes]:
        for change in batch:
            if change.event.version > self._since:
                type = change.type_for(self._selection)
                if type is not None:
                    yield self._lines.of_change(type, change)

    def _bookmark(self) -> bytes:
        version = self._changes.version_at(self._type, self._position)
        if not self._wants_bookmarks or version is None:
            return b""
        return self._lines.bookmark(version)


class EventsWatch:
    """A watch of Kubernetes events, which are kept elsewhere: they are looked at again and again.

    Args:
        call: the request.
        selection: what is watched.
    """

    def __init__(self, call: Call, selection: Selection) -> None:
        self._call, self._selection = call, selection
        self._lines = Lines(call)
        seconds = call.query.number("timeoutSeconds")
        self._seconds = seconds or call.services.pace.longest_watch
        # Read before the answer begins: what cannot be read is answered with 400.
        self._is_known = bool(call.query.number("resourceVersion"))

    async def lines(self) -> AsyncIterator[bytes]:
        """The events that are new or told again; also the present ones if no version is given."""
        services = self._call.services
        end = _now() + self._seconds
        seen: dict[Key, Manifest] = {}
        is_known = self._is_known
        while _now() < end and not services.changes.is_closed:
            found = await anyio.to_thread.run_sync(
                snapshot, services.ports, self._call.target.type, self._selection
            )
            present = {one.key: to_manifest(one) for one in found[1]}
            for key, manifest in present.items():
                if seen.get(key) != manifest and not is_known:
                    type = EventType.MODIFIED if key in seen else EventType.ADDED
                    yield self._lines.of_manifest(type, manifest)
            seen, is_known = present, False
            await asyncio.sleep(min(services.pace.polling, max(0.0, end - _now())))


class Lines:
    """Writes what a watcher reads, in the form that it wants.

    Args:
        call: the request.
    """

    def __init__(self, call: Call) -> None:
        self._call = call
        self._type, self._changes = call.target.type, call.services.changes
        form = call.form
        self._variant = f"{form.table_version}/{call.query.include_object}"
        self._is_table = form.is_table

    def of_change(self, type: EventType, change: Change) -> bytes:
        """A change; its text is made once for all watchers who want it in this form."""
        variant = f"{type}/{self._variant}"
        return self._changes.encoded(change, variant, self._encoder(type, change))

    def of_resource(self, type: EventType, resource: Resource) -> bytes:
        """An object as it is now."""
        if self._is_table:
            return _line(type, msgspec.json.encode(table_of(self._call, [resource])))
        return _line(type, encode(resource))

    def of_manifest(self, type: str, manifest: Manifest) -> bytes:
        """Plain data."""
        if self._is_table:
            manifest = table_of_manifests(self._call, [manifest])
        return _line(type, msgspec.json.encode(manifest))

    def bookmark(self, version: int, annotations: Manifest | None = None) -> bytes:
        """How far the watcher has seen everything."""
        metadata: Manifest = {"resourceVersion": str(version), "creationTimestamp": None}
        if annotations:
            metadata["annotations"] = annotations
        kind = self._type.kind
        bookmark = {"kind": kind.name, "apiVersion": kind.api_version, "metadata": metadata}
        return self.of_manifest("BOOKMARK", bookmark)

    def error(self, status: Manifest) -> bytes:
        """Why the watch ends."""
        return _line("ERROR", msgspec.json.encode(status))

    def _encoder(self, type: EventType, change: Change) -> Callable[[], bytes]:
        if self._is_table:
            return lambda: self.of_resource(type, change.event.resource)
        shared = f"object/{change.event.version}"
        return lambda: _line(
            type, self._changes.encoded(change, shared, lambda: object_bytes(change))
        )


def _line(type: str, data: bytes) -> bytes:
    return b'{"type":"' + type.encode() + b'","object":' + data + b"}\n"


def _now() -> float:
    return asyncio.get_running_loop().time()


async def _wait(wake: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(max(0.0, seconds)):
            await wake.wait()
    except TimeoutError:
        return
