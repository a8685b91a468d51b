"""The library's files, read and compressed once: a page needs twenty before it is seen."""

from __future__ import annotations

import asyncio
import re

from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: What never changes while the process lives; whatever else the library serves belongs to pages.
_FILES = re.compile(r"/_nicegui/[^/]+/(static|components|esm|libraries)/")

#: More files than the library has.
_MOST_FILES = 256

#: With these a browser asks for a part, or whether what it has is still right.
_CONDITIONS = (b"range", b"if-none-match", b"if-modified-since")


class LibraryFiles:
    """Answers from memory, on the event loop.

    Otherwise each piece of each file is read by a thread, which waits for its turn behind those
    that compute what the same page will show.

    Args:
        app: what has the files.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._kept: dict[tuple[str, bool], tuple[Message, bytes]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; see ASGI."""
        if not _is_of_file(scope):
            await self._app(scope, receive, send)
            return
        key = scope["path"], b"gzip" in dict(scope["headers"]).get(b"accept-encoding", b"")
        found = self._kept.get(key)
        if found is None:
            found = await self._read(scope)
            if found[0]["status"] == 200 and len(self._kept) < _MOST_FILES:
                self._kept[key] = found
        start, body = found
        await send({**start, "headers": list(start["headers"])})
        await send({"type": "http.response.body", "body": body})

    async def _read(self, scope: Scope) -> tuple[Message, bytes]:
        """The whole answer, for everybody: whoever asked for it may leave meanwhile."""
        start: Message = {}
        parts: list[bytes] = []
        is_asked = False

        async def receive() -> Message:
            nonlocal is_asked
            if is_asked:
                # Nobody leaves: what lies between would end the answer there, as if it were whole.
                await asyncio.Event().wait()
            is_asked = True
            return {"type": "http.request"}

        async def keep(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            else:
                parts.append(message.get("body", b""))

        await self._app(scope, receive, keep)
        return start, b"".join(parts)


def _is_of_file(scope: Scope) -> bool:
    return (
        scope["type"] == "http"
        and scope["method"] == "GET"
        and _FILES.search(scope["path"]) is not None
        and not any(name in _CONDITIONS for name, _ in scope["headers"])
    )
