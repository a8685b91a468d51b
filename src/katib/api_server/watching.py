"""Watches: every change of what is selected, one JSON line each, as long as the client listens."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from functools import partial
from itertools import chain

import anyio.to_thread
import msgspec
from starlette.responses import StreamingResponse

from katib.api.codec import encode
from katib.api.kinds import EVENTS
from katib.api.values import Key, Manifest, Resource, Unstructured
from katib.api_server.answers import JSON
from katib.api_server.listing import snapshot, table_of, table_of_manifests
from katib.api_server.rounds import Place
from katib.api_server.selectors import Selection, facts_of
from katib.api_server.services import Call
from katib.api_server.statuses import StatusError, bad_request, cut_off, not_yet
from katib.ports.resource_store import EventType

#: How many changes a watcher looks at in one turn, and from how many bytes on no more are sent.
_MOST, _BYTES = 512, 128 * 1024

#: How many Kubernetes events may wait for a watcher who reads slowly.
_HEARD = 10_000

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
        self._is_over = False

    async def lines(self) -> AsyncIterator[bytes]:
        """The changes, as they come."""
        self._end = _now() + self._seconds
        self._bookmark_at = _now() + self._call.services.pace.bookmarks
        with self._changes.place(self._type) as place:
            if self._begins_with_all:
                for piece in await self._present():
                    yield piece
            elif not self._since:
                self._since = self._changes.version
            try:
                place.position = self._changes.begin(self._type, self._since)
                while not self._is_over:
                    data = self._news(place) + self._bookmark(place)
                    if data:
                        yield data
                    if not self._is_over:
                        until = min(self._end, self._bookmark_at)
                        await self._changes.rounds.wait(place, until - _now())
            except StatusError as error:
                yield self._lines.error(error.body)

    async def _present(self) -> Iterator[bytes]:
        """What there is already, in pieces."""
        ports = self._call.services.ports
        self._since, found = await anyio.to_thread.run_sync(
            snapshot, ports, self._type, self._selection
        )
        lines = (self._lines.of_text(EventType.ADDED, one.data) for one in found)
        if self._sends_initial and self._wants_bookmarks:
            end = self._lines.bookmark(self._since, {INITIAL_EVENTS_END: "true"})
            return chain(_pieces(lines), (end,))
        return _pieces(lines)

    def _news(self, place: Place) -> bytes:
        """As much of what is new as is sent in one piece."""
        data = b""
        if place.lag:
            same = (self._type, self._selection, self._lines.variant, place.position)
            data, place.position = self._changes.shared(same, partial(self._piece, place.position))
        self._is_over = _now() >= self._end or (self._changes.is_closed and not place.lag)
        return data

    def _piece(self, position: int) -> tuple[bytes, int]:
        """The lines of some changes, and the position behind them."""
        lines, size = [], 0
        for change in self._changes.read(self._type, position, _MOST):
            type = change.type_for(self._selection)
            if type is not None:
                lines.append(self._lines.of_resource(type, change.event.resource))
                size += len(lines[-1])
            position += 1
            if size >= _BYTES:
                break
        return b"".join(lines), position

    def _bookmark(self, place: Place) -> bytes:
        """How far the watcher has seen everything, when it is time to tell."""
        if not self._is_over and _now() < self._bookmark_at:
            return b""
        self._bookmark_at = _now() + self._call.services.pace.bookmarks
        version = self._changes.version_at(self._type, place.position)
        if not self._wants_bookmarks or version is None:
            return b""
        return self._lines.bookmark(version)


class EventsWatch:
    """A watch of Kubernetes events, which are kept elsewhere: what is told meanwhile is passed on.

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
        # One more than may wait, to be told when there were too many.
        self._heard: deque[Unstructured] = deque(maxlen=_HEARD + 1)

    async def lines(self) -> AsyncIterator[bytes]:
        """The events that are new or told again; also the present ones if no version is given."""
        services, end = self._call.services, _now() + self._seconds
        stop = services.ports.hear_events(self._heard.append)
        try:
            present = {} if self._is_known else await self._present()
            for data in present.values():
                yield self._lines.of_text(EventType.ADDED, data)
            while _now() < end and not services.changes.is_closed:
                if len(self._heard) > _HEARD:
                    yield self._lines.error(cut_off().body)
                    return
                for line in self._news(present):
                    yield line
                present.clear()
                await asyncio.sleep(min(services.pace.polling, max(0.0, end - _now())))
        finally:
            stop()

    async def _present(self) -> dict[Key, bytes]:
        type, ports = self._call.target.type, self._call.services.ports
        _, found = await anyio.to_thread.run_sync(snapshot, ports, type, self._selection)
        return {one.key: one.data for one in found}

    def _news(self, present: Mapping[Key, bytes]) -> Iterator[bytes]:
        """What was heard, each event once, and not what is present as it is."""
        newest: dict[Key, tuple[EventType, Unstructured]] = {}
        for _ in range(len(self._heard)):
            event = self._heard.popleft()
            is_first = event.body.get("count") == 1 and event.key not in present
            type = EventType.ADDED if is_first else EventType.MODIFIED
            type, _ = newest.pop(event.key, (type, event))
            newest[event.key] = type, event
        for type, event in newest.values():
            data = encode(event)
            if self._selection.fits(facts_of(event)) and present.get(event.key) != data:
                yield self._lines.of_text(type, data)


class Lines:
    """Writes what a watcher reads, in the form that it wants.

    Args:
        call: the request.

    Attributes:
        variant: the form; who agrees in it reads the same.
    """

    def __init__(self, call: Call) -> None:
        self._call, self._type = call, call.target.type
        self.variant = (call.form.table_version, call.query.include_object)

    def of_resource(self, type: EventType, resource: Resource) -> bytes:
        """An object as it is after a change."""
        return self.of_text(type, encode(resource))

    def of_text(self, type: EventType, data: bytes) -> bytes:
        """The same from its JSON text."""
        if self._call.form.is_table:
            data = msgspec.json.encode(table_of(self._call, [data]))
        return _line(type, data)

    def of_manifest(self, type: str, manifest: Manifest) -> bytes:
        """Plain data."""
        if self._call.form.is_table:
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


def _pieces(lines: Iterable[bytes]) -> Iterator[bytes]:
    """The lines, as many together as are sent at once."""
    piece, size = [], 0
    for line in lines:
        piece.append(line)
        size += len(line)
        if size >= _BYTES:
            yield b"".join(piece)
            piece, size = [], 0
    if piece:
        yield b"".join(piece)


def _line(type: str, data: bytes) -> bytes:
    return b'{"type":"' + type.encode() + b'","object":' + data + b"}\n"


def _now() -> float:
    return asyncio.get_running_loop().time()
