from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from katib.client.backend import AwayError, RefusedError
from katib.client.http import Access, HttpBackend


class Handler(BaseHTTPRequestHandler):
    """Says what it was asked, and hangs up where its path says so."""

    protocol_version = "HTTP/1.1"
    seen: list[tuple[str, str, str]]
    connections: set[Any]
    has_hung_up: threading.Event

    def do_GET(self) -> None:
        self.seen.append((self.command, self.path, self.headers.get("Authorization", "")))
        self.connections.add(self.client_address)
        if self.path == "/hangs-up":
            self.close_connection = True
            return
        if self.path == "/late":
            threading.Event().wait(2)
        status = int(self.path.rpartition("/")[2]) if self.path.startswith("/status") else 200
        length = int(self.headers.get("Content-Length") or 0)
        body = b'{"message": "so it is", "reason": "Because", "sent": %d}' % length
        if self.path == "/text":
            body = b"plain words"
        self.rfile.read(length)
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        if self.path == "/last":
            self.close_connection = True

    do_POST = do_GET

    def finish(self) -> None:
        """The end reaches the other side some time after the answer: tests can wait for it."""
        super().finish()
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
        self.has_hung_up.set()

    def log_message(self, format: str, *words: Any) -> None:
        """Nothing is printed."""


@pytest.fixture
def server() -> Iterator[tuple[str, type[Handler]]]:
    handler: type[Handler] = type(
        "Own", (Handler,), {"seen": [], "connections": set(), "has_hung_up": threading.Event()}
    )
    listener = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=listener.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{listener.server_port}", handler
    listener.shutdown()
    thread.join()
    listener.server_close()


def test_connections_are_kept(server: tuple[str, type[Handler]]) -> None:
    address, handler = server
    backend = HttpBackend(Access(address, headers=lambda: {"Authorization": "Bearer x"}))
    for _ in range(3):
        assert backend.ask("GET", "/one")["message"] == "so it is"
    assert len(handler.connections) == 1
    assert handler.seen == [("GET", "/one", "Bearer x")] * 3
    backend.close()


def test_a_connection_that_has_ended_is_opened_anew(server: tuple[str, type[Handler]]) -> None:
    address, handler = server
    backend = HttpBackend(Access(address))
    backend.ask("GET", "/last")
    assert handler.has_hung_up.wait(10)
    assert backend.ask("POST", "/two", {"a": 1})["sent"] == 8
    assert len(handler.connections) == 2
    backend.close()


def test_a_refusal_has_its_code_reason_and_message(server: tuple[str, type[Handler]]) -> None:
    backend = HttpBackend(Access(server[0]))
    with pytest.raises(RefusedError, match="so it is") as caught:
        backend.ask("GET", "/status/409")
    assert (caught.value.code, caught.value.reason) == (409, "Because")
    assert backend.ask("GET", "/text") == {"message": "plain words"}
    backend.close()


def test_a_request_that_may_have_had_effect_says_so(server: tuple[str, type[Handler]]) -> None:
    backend = HttpBackend(Access(server[0], advice="Look there"))
    with pytest.raises(AwayError, match=r"does not answer: .+\. Look there") as caught:
        backend.ask("POST", "/hangs-up", {})
    assert caught.value.was_sent
    assert not caught.value.is_late
    backend.close()


def test_nobody_there_means_that_nothing_happened() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(AwayError) as caught:
        HttpBackend(Access(f"http://127.0.0.1:{port}")).ask("POST", "/one", {})
    assert not caught.value.was_sent


def test_an_answer_that_does_not_come_in_time_is_late(server: tuple[str, type[Handler]]) -> None:
    backend = HttpBackend(Access(server[0]))
    with pytest.raises(AwayError) as caught:
        backend.ask("GET", "/late", patience=0.05)
    assert caught.value.is_late
    backend.close()


def test_a_path_of_the_address_stands_before_all(server: tuple[str, type[Handler]]) -> None:
    address, handler = server
    backend = HttpBackend(Access(f"{address}/k8s/"))
    assert list(backend.stream("/text")) == [
        b'{"message": "so it is", "reason": "Because", "sent": 0}'
    ]
    assert handler.seen[0][1] == "/k8s/text"
    backend.close()
