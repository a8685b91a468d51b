"""The door of the UI, asked as browsers, proxies and strangers ask."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from katib.web.guarding import COOKIE, Door, Guard, visitor_of


async def page(scope: Scope, receive: Receive, send: Send) -> None:
    """Tells who asks."""
    name = visitor_of(scope).name or "the owner"
    await PlainTextResponse(f"{name} at {Request(scope).url.path}")(scope, receive, send)


def ask(door: Door, method: str = "GET", path: str = "/", **more: object) -> httpx.Response:
    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(Guard(page, door))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8080") as one:
            return await one.request(method, path, **more)  # type: ignore[arg-type]  # as given

    return asyncio.run(send())


TOKEN = Door(token="secret")
PROXY = Door(user_header="kubeflow-userid", hosts=("*",))


def test_who_shows_nothing_is_asked_to_sign_in() -> None:
    answer = ask(TOKEN)
    assert answer.status_code == 401
    assert 'type="password"' in answer.text


def test_a_wrong_token_is_told() -> None:
    assert "not the token" in ask(TOKEN, path="/?token=wrong").text


def test_a_token_in_the_address_becomes_a_cookie_and_leaves_the_address() -> None:
    answer = ask(TOKEN, path="/experiment/a/b?token=secret&tab=trials")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/experiment/a/b?tab=trials"
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "secret" not in cookie
    name, _, value = cookie.partition(";")[0].partition("=")
    assert name == f"{COOKIE}-8080"
    assert ask(TOKEN, headers={"cookie": f"{name}={value}"}).text == "the owner at /"
    assert ask(TOKEN, headers={"cookie": f"{COOKIE}-8081={value}"}).status_code == 401


def test_a_token_may_be_typed_and_programs_carry_it() -> None:
    assert ask(TOKEN, "POST", data={"token": "secret"}).status_code == 303
    assert ask(TOKEN, headers={"authorization": "Bearer secret"}).status_code == 200


def test_a_proxy_tells_the_user() -> None:
    answer = ask(PROXY, headers={"kubeflow-userid": ":ada@example.org"})
    assert answer.text == "ada@example.org at /"


@pytest.mark.parametrize("header", [{}, {"kubeflow-userid": ""}, {"kubeflow-userid": ":"}])
def test_without_a_user_nobody_is_let_in(header: dict[str, str]) -> None:
    answer = ask(PROXY, headers=header)
    assert (answer.status_code, answer.text) == (401, "user header not present")


def test_a_name_that_others_pointed_here_is_refused() -> None:
    answer = ask(TOKEN, headers={"host": "evil.example"})
    assert answer.status_code == 421
    assert "--allow-host evil.example" in answer.text


def test_another_sites_page_changes_nothing() -> None:
    headers = {"origin": "https://evil.example", "authorization": "Bearer secret"}
    assert ask(TOKEN, "POST", headers=headers).status_code == 403
    own = {**headers, "origin": "http://localhost:8080"}
    assert ask(TOKEN, "POST", headers=own).status_code == 200


def test_nobody_may_show_it_inside_unless_allowed() -> None:
    headers = ask(TOKEN).headers
    assert headers["x-frame-options"] == "DENY"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    door = Door(framers=("https://kubeflow.example",))
    allowed = ask(door).headers
    assert "x-frame-options" not in allowed
    assert "frame-ancestors https://kubeflow.example" in allowed["content-security-policy"]


def test_health_is_told_to_everybody_under_the_prefix_too() -> None:
    door = Door(token="secret", prefix="/katib")
    assert ask(door, path="/healthz").status_code == 200
    assert ask(door, path="/katib/readyz").text == "ok"


@pytest.mark.parametrize(
    ("headers", "is_let_in"),
    [
        ({"origin": "http://localhost:8080", "authorization": "Bearer secret"}, True),
        ({"origin": "http://localhost:8080"}, False),
        ({"origin": "https://evil.example", "authorization": "Bearer secret"}, False),
    ],
)
def test_web_sockets_are_guarded_too(headers: dict[str, str], is_let_in: bool) -> None:
    sent: list[str] = []

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept"})

    async def receive() -> dict[str, str]:
        return {"type": "websocket.connect"}

    async def send(message: dict[str, str]) -> None:
        sent.append(message["type"])

    named = {"host": "localhost:8080", **headers}
    scope = {
        "type": "websocket",
        "path": "/_nicegui_ws/socket.io/",
        "scheme": "ws",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in named.items()],
    }
    asyncio.run(Guard(inner, TOKEN)(scope, receive, send))  # type: ignore[arg-type]  # as ASGI has it
    assert sent == ["websocket.accept" if is_let_in else "websocket.close"]
