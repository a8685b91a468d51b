from __future__ import annotations

import socket
import ssl
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
import urllib3
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from katib.apps.certificates import Authority, Pem, make_authority, sign
from katib.apps.webhook_server import WebhookServer
from katib.errors import StoreAwayError

LOOPBACK = "127.0.0.1"


class Source:
    """A certificate that comes after a while, and is another one later."""

    def __init__(self) -> None:
        self.authority: Authority = make_authority(datetime.now(UTC))
        self.pem: Pem | None = None
        self.problem: Exception = StoreAwayError("/api/v1/secrets", "connection refused")
        self.asked = threading.Condition()
        self.count = 0

    def renew(self) -> None:
        self.pem = sign(self.authority, [LOOPBACK], datetime.now(UTC))

    def ensure(self) -> Pem:
        with self.asked:
            self.count += 1
            self.asked.notify_all()
        if self.pem is None:
            raise self.problem
        return self.pem

    def wait_until_asked(self, count: int) -> None:
        with self.asked:
            assert self.asked.wait_for(lambda: self.count >= count, 60)


async def hello(request: Request) -> PlainTextResponse:
    return PlainTextResponse("hello")


APP = Starlette(routes=[Route("/", hello)])


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch) -> Source:
    monkeypatch.setattr("katib.apps.webhook_server.LOOK_EVERY", 0.02)
    monkeypatch.setattr("katib.apps.webhook_server.LOOK_AGAIN", 0.02)
    return Source()


def ask(server: WebhookServer, source: Source, folder: Path) -> str:
    """The answer to a client that trusts the authority, and keeps no connection."""
    trusted = folder / "ca.crt"
    trusted.write_bytes(source.authority.pem.certificate)
    with urllib3.PoolManager(ca_certs=str(trusted)) as pool:
        answer = pool.request("GET", f"https://{LOOPBACK}:{server.port}/", retries=False)
        return answer.data.decode()


def is_ready(server: WebhookServer) -> bool:
    return server.is_ready


def shown(server: WebhookServer) -> str:
    return ssl.get_server_certificate((LOOPBACK, server.port))


def test_it_serves_once_there_is_a_certificate_and_renews_it(
    source: Source, tmp_path: Path
) -> None:
    server = WebhookServer(APP, source, LOOPBACK, 0)
    server.start()
    try:
        source.wait_until_asked(3)
        assert not is_ready(server)
        source.renew()
        while not is_ready(server):
            source.wait_until_asked(source.count + 1)
        assert ask(server, source, tmp_path) == "hello"
        first = shown(server)
        source.renew()
        source.wait_until_asked(source.count + 2)
        assert shown(server) != first
        assert ask(server, source, tmp_path) == "hello"
        source.pem = Pem(b"none", b"none")
        source.wait_until_asked(source.count + 2)
        # What holds is shown until there is something better.
        assert ask(server, source, tmp_path) == "hello"
    finally:
        server.close()


def test_a_fault_of_our_own_does_not_end_the_renewals(source: Source) -> None:
    source.problem = ValueError()
    server = WebhookServer(APP, source, LOOPBACK, 0)
    server.start()
    try:
        source.wait_until_asked(3)
    finally:
        server.close()


def test_it_can_be_closed_before_it_has_begun(source: Source) -> None:
    server = WebhookServer(APP, source, LOOPBACK, 0)
    server.close()
    with socket.socket() as again:
        again.bind((LOOPBACK, server.port))
