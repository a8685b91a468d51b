from __future__ import annotations

import socket
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from katib.apps import health
from katib.apps.health import HealthServer, served_everywhere
from katib.errors import ConfigurationError


class Served:
    def __init__(self) -> None:
        self.trouble = ""
        self.server = HealthServer("127.0.0.1:0", lambda: self.trouble)

    def ask(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.server.port}{path}") as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()


@pytest.fixture
def served() -> Iterator[Served]:
    served = Served()
    yield served
    served.server.close()


def test_a_process_that_answers_is_healthy(served: Served) -> None:
    served.trouble = "waiting for trials"
    assert served.ask("/healthz") == (200, "ok")


def test_what_is_waited_for_is_told(served: Served) -> None:
    served.trouble = "waiting for trials"
    assert served.ask("/readyz") == (503, "waiting for trials")
    served.trouble = ""
    assert served.ask("/readyz") == (200, "ok")


def test_there_is_nothing_else(served: Served) -> None:
    assert served.ask("/") == (404, "ask for /healthz or /readyz")


def test_an_address_that_is_taken_is_refused(served: Served) -> None:
    with pytest.raises(ConfigurationError, match="health cannot be served at 127"):
        HealthServer(f"127.0.0.1:{served.server.port}", lambda: "")


def test_it_answers_no_more_once_it_is_closed() -> None:
    served = Served()
    served.server.close()
    with pytest.raises(urllib.error.URLError):
        served.ask("/healthz")


def test_a_port_alone_is_served_to_the_cluster() -> None:
    assert served_everywhere(":8080") == "0.0.0.0:8080"
    assert served_everywhere("127.0.0.1:8080") == "127.0.0.1:8080"


def test_who_says_nothing_is_not_listened_to_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "SILENT_FOR", 0.1)
    server = HealthServer("127.0.0.1:0", str)
    try:
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as silent:
            assert silent.recv(1) == b"", "the other end has closed it"
    finally:
        server.close()
