"""The library's files, read and compressed once: a page needs twenty before it is seen."""

from __future__ import annotations

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
        if key not in self._kept:
            await self._app(scope, receive, self._keeping(key, send))
            return
        start, body = self._kept[key]
        await send(start)
        await send({"type": "http.response.body", "body": body})

    def _keeping(self, key: tuple[str, bool], send: Send) -> Send:
        start: Message = {}
        parts: list[bytes] = []

        async def keep(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
            elif message["type"] == "http.response.body":
                parts.append(message.get("body", b""))
                is_whole = start.get("status") == 200 and not message.get("more_body")
                if is_whole and len(self._kept) < _MOST_FILES:
                    self._kept[key] = start, b"".join(parts)
            await send(message)

        return keep


def _is_of_file(scope: Scope) -> bool:
    return (
        scope["type"] == "http"
        and scope["method"] == "GET"
        and _FILES.search(scope["path"]) is not None
        and not any(name in _CONDITIONS for name, _ in scope["headers"])
    )
