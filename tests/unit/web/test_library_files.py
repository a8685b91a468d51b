"""The library's files are asked for once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import Message, Receive, Scope, Send

from katib.web.library_files import LibraryFiles

FILE = "/_nicegui/3.0/static/vue.js"

Headers = Sequence[tuple[bytes, bytes]]


class Library:
    """Answers with a number that grows, in two pieces."""

    def __init__(self, status: int = 200) -> None:
        self.asked, self._status = 0, status

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked += 1
        headers = [(b"x-number", str(self.asked).encode())]
        await send({"type": "http.response.start", "status": self._status, "headers": headers})
        await send({"type": "http.response.body", "body": b"file ", "more_body": True})
        await send({"type": "http.response.body", "body": str(self.asked).encode()})


def ask(files: LibraryFiles, path: str, headers: Headers = (), method: str = "GET") -> bytes:
    found: list[Message] = []

    is_asked = False

    async def receive() -> Message:
        nonlocal is_asked
        if is_asked:
            await asyncio.Event().wait()
        is_asked = True
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        found.append(message)

    scope = {"type": "http", "method": method, "path": path, "headers": list(headers)}
    asyncio.run(files(scope, receive, send))
    assert found[0]["type"] == "http.response.start"
    assert not found[-1].get("more_body")
    return b"".join(one.get("body", b"") for one in found)


def test_a_file_is_read_once() -> None:
    library = Library()
    files = LibraryFiles(library)
    assert [ask(files, FILE) for _ in range(3)] == [b"file 1"] * 3
    assert library.asked == 1
    assert ask(files, f"/katib{FILE}") == b"file 2", "another prefix is another address"


def test_who_wants_it_compressed_has_another_answer() -> None:
    files = LibraryFiles(Library())
    packed = [(b"accept-encoding", b"gzip, br")]
    assert ask(files, FILE) == b"file 1"
    assert ask(files, FILE, packed) == b"file 2"
    assert ask(files, FILE, packed) == b"file 2"


@pytest.mark.parametrize(
    ("path", "headers", "method"),
    [
        ("/experiment/default/one", [], "GET"),
        ("/_nicegui/client/7/static/one", [], "GET"),
        (FILE, [(b"range", b"bytes=0-1")], "GET"),
        (FILE, [(b"if-none-match", b"x")], "GET"),
        (FILE, [], "HEAD"),
    ],
)
def test_what_is_no_whole_file_is_always_asked_for(
    path: str, headers: Headers, method: str
) -> None:
    library = Library()
    files = LibraryFiles(library)
    for _ in range(2):
        ask(files, path, headers, method)
    assert library.asked == 2


def test_what_went_wrong_is_not_kept() -> None:
    library = Library(404)
    files = LibraryFiles(library)
    for _ in range(2):
        ask(files, FILE)
    assert library.asked == 2


def test_not_more_is_kept_than_there_are_files() -> None:
    library = Library()
    files = LibraryFiles(library)
    for number in range(300):
        ask(files, f"{FILE}?{number}")
    assert ask(files, f"{FILE}?0") == b"file 1"
    ask(files, f"{FILE}?299")
    assert library.asked == 301


async def leave(files: LibraryFiles) -> None:
    """Ask for the file, and be gone when its first piece has come."""
    has_come = asyncio.Event()
    is_asked = False

    async def receive() -> Message:
        nonlocal is_asked
        if not is_asked:
            is_asked = True
            return {"type": "http.request"}
        await has_come.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message.get("body"):
            has_come.set()
        # As much as a connection takes meanwhile.
        await asyncio.sleep(0.01)

    scope = {"type": "http", "method": "GET", "path": FILE, "headers": []}
    await files(scope, receive, send)


async def pass_on(request: Request, call_next: RequestResponseEndpoint) -> Response:
    return await call_next(request)


def test_who_leaves_half_way_leaves_no_half_file_to_others(tmp_path: Path) -> None:
    """What lies between ends the answer properly then, as if it were whole."""
    whole = bytes(1_000_000)
    (tmp_path / "vue.js").write_bytes(whole)
    library = Starlette(
        routes=[Mount("/_nicegui/3.0/static", StaticFiles(directory=tmp_path))],
        middleware=[Middleware(BaseHTTPMiddleware, dispatch=pass_on)],
    )
    files = LibraryFiles(library)
    asyncio.run(leave(files))
    assert ask(files, FILE) == whole
