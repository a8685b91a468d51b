"""The door of the UI: who is let in, by which name, and what every answer says to browsers."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from katib.web.rights import VISITOR, Visitor

#: Shows that a browser has been let in.
COOKIE = "katib-ui"

#: Asked by whoever starts or probes the UI; tells nothing.
HEALTH = ("/healthz", "/readyz")

_LONGEST_LOGIN = 4096


@dataclass(frozen=True, slots=True)
class Door:
    """Who is let in.

    Attributes:
        token: what a browser must have been told; empty when a proxy knows its users instead, or
            when everybody may come.
        user_header: by which the proxy before the UI tells the user; empty without a proxy.
        user_prefix: stands before the user's name there, and is taken off.
        hosts: names by which browsers may call the UI; a ``*`` for any. Others are sites that have
            pointed their own name at it.
        framers: origins whose pages may show the UI inside, as ``https://kubeflow.example.org``;
            ``'self'`` for its own.
        prefix: the path under which it is served, as ``/katib``; empty for none.
    """

    token: str = ""
    user_header: str = ""
    user_prefix: str = ":"
    hosts: Sequence[str] = field(default=("localhost", "127.0.0.1", "::1"))
    framers: Sequence[str] = ()
    prefix: str = ""


class Guard:
    """Lets in whom the door lets in, over HTTP and over web sockets, and no other site's pages.

    Args:
        app: what is guarded.
        door: who is let in.
    """

    def __init__(self, app: ASGIApp, door: Door) -> None:
        self._app, self._door = app, door
        self._pass = hashlib.sha256(f"katib-ui:{door.token}".encode()).hexdigest()
        self._headers = tuple(
            (name.lower().encode(), value.encode()) for name, value in _headers(door).items()
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; see ASGI."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        answer = await self._refuse(scope, receive)
        if answer is None:
            await self._app(scope, receive, self._telling(send))
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 4403})
        else:
            await answer(scope, receive, self._telling(send))

    def _telling(self, send: Send) -> Send:
        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                ours = {name for name, _ in self._headers}
                kept = [one for one in message.get("headers", ()) if one[0].lower() not in ours]
                message = {**message, "headers": [*kept, *self._headers]}
            await send(message)

        return tell

    async def _refuse(self, scope: Scope, receive: Receive) -> Response | None:
        """What is answered instead of the page; ``None`` when the visitor is let in."""
        headers = _texts(scope)
        if scope["path"].removeprefix(self._door.prefix) in HEALTH:
            # Probes call it by an address that nobody knows beforehand, and are told nothing.
            return PlainTextResponse("ok")
        host = _host(headers.get("host", ""))
        if "*" not in self._door.hosts and host not in self._door.hosts:
            return PlainTextResponse(
                f"This UI is not served as {host!r}; start it with --allow-host {host}", 421
            )
        if not self._is_own(scope, headers):
            return PlainTextResponse("Another site's page has asked for this", 403)
        if self._door.user_header:
            return self._know_user(scope, headers)
        return await self._know_browser(scope, receive, headers)

    def _is_own(self, scope: Scope, headers: Mapping[str, str]) -> bool:
        """Whether a page of the UI's own asks, when what is asked may change something."""
        if scope["type"] == "http" and scope["method"] in ("GET", "HEAD", "OPTIONS"):
            return True
        origin = headers.get("origin", "")
        # Programs that are no browsers send none; they carry no cookie that is not theirs either.
        return not origin or urlsplit(origin).netloc == headers.get("host", "")

    def _know_user(self, scope: Scope, headers: Mapping[str, str]) -> Response | None:
        told = headers.get(self._door.user_header.lower(), "")
        name = told.replace(self._door.user_prefix, "", 1) if self._door.user_prefix else told
        if not name:
            return PlainTextResponse("user header not present", 401)
        scope[VISITOR] = Visitor(name)
        return None

    async def _know_browser(
        self, scope: Scope, receive: Receive, headers: Mapping[str, str]
    ) -> Response | None:
        scope[VISITOR] = Visitor()
        if not self._door.token or self._is_known(headers):
            return None
        if scope["type"] == "websocket":
            return PlainTextResponse("", 403)
        told = parse_qsl(scope.get("query_string", b"").decode("latin-1"))
        token = dict(told).get("token", "")
        rest = urlencode([(name, value) for name, value in told if name != "token"])
        if not token and scope["method"] == "POST":
            token = await _told_in_form(receive)
        if not token:
            return HTMLResponse(_LOGIN.format(problem=""), 401)
        if not hmac.compare_digest(token.encode(), self._door.token.encode()):
            return HTMLResponse(_LOGIN.format(problem=_WRONG), 401)
        path = scope.get("root_path", "") + scope["path"].removeprefix(scope.get("root_path", ""))
        answer = RedirectResponse(f"{path}?{rest}" if rest else path, 303)
        secure = scope.get("scheme") in ("https", "wss")
        answer.set_cookie(
            f"{COOKIE}-{_port(headers.get('host', ''))}",
            self._pass,
            max_age=30 * 24 * 3600,
            path=self._door.prefix or "/",
            secure=secure,
            httponly=True,
            samesite="strict",
        )
        return answer

    def _is_known(self, headers: Mapping[str, str]) -> bool:
        bearer = headers.get("authorization", "").removeprefix("Bearer ")
        if hmac.compare_digest(bearer.encode(), self._door.token.encode()):
            return True
        try:
            cookies = SimpleCookie(headers.get("cookie", ""))
        except CookieError:
            return False
        # Cookies know no ports: each UI of a machine has its own.
        found = cookies.get(f"{COOKIE}-{_port(headers.get('host', ''))}")
        return found is not None and hmac.compare_digest(found.value, self._pass)


def visitor_of(scope: Scope) -> Visitor:
    """Who asks; the door has let them in."""
    visitor: Visitor = scope[VISITOR]
    return visitor


def _headers(door: Door) -> Mapping[str, str]:
    framers = " ".join(door.framers) or "'none'"
    policy = (
        # The library compiles its templates in the browser. Nothing comes from another host.
        "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
        "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
        "worker-src 'self' blob:; connect-src 'self'; object-src 'none'; base-uri 'self'; "
        f"form-action 'self'; frame-ancestors {framers}"
    )
    found = {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
    }
    if not door.framers:
        found["X-Frame-Options"] = "DENY"
    return found


def _texts(scope: Scope) -> dict[str, str]:
    pairs: Iterable[tuple[bytes, bytes]] = scope["headers"]
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in pairs}


def _host(text: str) -> str:
    return urlsplit(f"//{text}").hostname or ""


def _port(text: str) -> int:
    try:
        return urlsplit(f"//{text}").port or 0
    except ValueError:
        return 0


async def _told_in_form(receive: Receive) -> str:
    body = b""
    while len(body) <= _LONGEST_LOGIN:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    return dict(parse_qsl(body[:_LONGEST_LOGIN].decode("latin-1"))).get("token", "").strip()


_WRONG = '<p role="alert">That is not the token.</p>'

_LOGIN = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Katib: sign in</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>:root{{color-scheme:light dark}}body{{font:16px/1.5 system-ui,sans-serif;max-width:32rem;
margin:15vh auto;padding:0 1rem}}input,button{{font:inherit;padding:.5rem;border-radius:.3rem;
border:1px solid GrayText}}input{{width:100%;box-sizing:border-box;margin:.3rem 0 1rem}}</style>
</head><body><main><h1>Katib</h1>{problem}
<form method="post"><label for="token">Token</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus>
<button type="submit">Sign in</button></form>
<p>The command that started this page has printed an address with the token in it; the token is
also in the file <code>token</code> of the home.</p></main></body></html>
"""
