"""Web sockets belong to visitors: what comes by one acts on pages of the same visitor only.

NiceGUI lets whoever names a page speak for it. Nobody can guess that name, but it stands in
addresses, and so in logs. So the visitor by whom a page was asked for is compared with the one by
whom the socket was opened; both were let in by the door.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import Any
from urllib.parse import parse_qs

from nicegui import Client, core
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from katib.web.rights import VISITOR, Visitor

#: What a browser says of a page: each names it.
_EVENTS = ("handshake", "event", "javascript_response", "ack", "log")

#: Below which paths sockets are opened, and what belongs to one page is asked for.
_SOCKETS, _PAGES = "/_nicegui_ws/", "/client/"

_MARK = "_katib_owned"

_Handler = Callable[..., Any]


def own_sockets() -> None:
    """Let NiceGUI hear only what the visitor of a page says of it. Done once for each process."""
    server = core.sio
    handlers = server.handlers["/"]
    for event in _EVENTS:
        if not hasattr(handlers[event], _MARK):
            server.on(event, _owned(handlers[event], lambda data: str(data.get("client_id"))))
    if not hasattr(handlers["connect"], _MARK):
        server.on("connect", _owned(handlers["connect"], _named_by_connection))


def _owned(handler: _Handler, page_of: Callable[[dict[str, Any]], str]) -> _Handler:
    async def heard(sid: str, data: dict[str, Any], *more: Any) -> Any:
        if not _is_own(sid, page_of(data)):
            return False
        answer = handler(sid, data, *more)
        return await answer if isawaitable(answer) else answer

    setattr(heard, _MARK, True)
    return heard


def _named_by_connection(environment: dict[str, Any]) -> str:
    """The page of which a socket says that it is as it is opened."""
    query = parse_qs(environment.get("QUERY_STRING", ""))
    (name, *_) = query.get("client_id") or [""]
    return str(name)


def _is_own(sid: str, page: str) -> bool:
    client = Client.instances.get(page)
    if client is None:
        return True  # There is nothing to act on, and NiceGUI says so.
    opened_by = core.sio.get_environ(sid)["asgi.scope"].get(VISITOR)
    return opened_by is not None and _visitor_of_page(client) == opened_by


def _visitor_of_page(client: Client) -> Visitor | None:
    request = client.request
    found: Visitor | None = None if request is None else request.scope.get(VISITOR)
    return found


class OwnedRequests:
    """Refuses requests that go on with a socket, or belong to a page, of another visitor.

    Args:
        app: what is asked; the door stands before.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; see ASGI."""
        if scope["type"] in ("http", "websocket") and not _goes_on_with_own(scope):
            answer: Awaitable[None]
            if scope["type"] == "websocket":
                await receive()
                answer = send({"type": "websocket.close", "code": 4403})
            else:
                refusal = PlainTextResponse("This belongs to another visitor", 403)
                answer = refusal(scope, receive, send)
            await answer
            return
        await self._app(scope, receive, send)


def _goes_on_with_own(scope: Scope) -> bool:
    path: str = scope["path"]
    if _SOCKETS in path:
        sid = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("sid") or [""]
        opened = core.sio.environ.get(sid[0])
        return opened is None or opened["asgi.scope"].get(VISITOR) == scope.get(VISITOR)
    if _PAGES in path:
        client = Client.instances.get(path.partition(_PAGES)[2].partition("/")[0])
        return client is None or _visitor_of_page(client) == scope.get(VISITOR)
    return True
