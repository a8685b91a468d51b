from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from katib.api.values import Key
from katib.client.routes import DropRoute, GrpcRoute, HttpRoute, Pace, ReportError, Sender
from katib.collectors.push import PushCollector
from katib.collectors.reports import read_report
from katib.errors import TokenRefusedError
from katib.observations.memory import MemoryObservationLog
from katib.ports.collector import CollectorSource
from katib.ports.observation_log import MetricEntry
from katib.rpc.db_manager import Guard, serve
from katib.testing.clocks import FakeClock

TIME = datetime(2026, 5, 1, 12, 0, 0, 250_000, UTC)
VALUES = {"loss": "0.10", "accuracy": "nan"}
ENTRIES = [MetricEntry(TIME, "loss", "0.10"), MetricEntry(TIME, "accuracy", "nan")]
LOOPBACK = "127.0.0.1"


class Service:
    """Answers one status after the other, the last for ever; knows what it was sent."""

    def __init__(self, *statuses: int) -> None:
        self.sent: list[tuple[str, dict[str, str], bytes]] = []
        waiting = list(statuses)
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                service.sent.append((self.path, dict(self.headers), body))
                self.send_response(waiting.pop(0) if len(waiting) > 1 else waiting[0])
                self.end_headers()
                self.wfile.write(b"because\n")

            def log_message(self, format: str, *words: object) -> None:
                """Nothing: what is sent is looked at by the tests."""

        self.server = HTTPServer((LOOPBACK, 0), Handler)
        self.url = f"http://{LOOPBACK}:{self.server.server_port}/trials/a/b/metrics"
        self._thread = Thread(target=self.server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self._thread.join()
        self.server.server_close()


@contextmanager
def served(*statuses: int) -> Iterator[Service]:
    service = Service(*statuses)
    try:
        yield service
    finally:
        service.close()


def patient(seconds: float) -> Pace:
    """A pace whose time passes when somebody sleeps, and at no other time."""
    clock = FakeClock()
    return Pace(seconds, clock.monotonic, clock.advance)


def nobody() -> int:
    """A port where nobody listens."""
    with socket.socket() as held:
        held.bind((LOOPBACK, 0))
        return int(held.getsockname()[1])


def test_a_report_by_http_is_what_an_endpoint_reads() -> None:
    with served(204) as service:
        HttpRoute(service.url, "secret", patient(1)).send(VALUES, TIME)
    [(path, headers, body)] = service.sent
    assert path == "/trials/a/b/metrics"
    assert headers["Authorization"] == "Bearer secret"
    assert read_report(body, headers["Content-Type"], datetime.now(UTC)) == ENTRIES


def test_a_report_is_tried_again_as_the_same_one() -> None:
    with served(503, 503, 204) as service:
        route = HttpRoute(service.url, "secret", patient(60))
        route.send(VALUES, TIME)
        route.send(VALUES, TIME)
    keys = [headers["Idempotency-Key"] for _, headers, _ in service.sent]
    assert len(service.sent) == 4
    assert len(set(keys[:3])) == 1
    assert keys[3] != keys[0]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413])
def test_what_will_not_be_accepted_later_is_not_tried_again(status: int) -> None:
    with (
        served(status) as service,
        pytest.raises(
            RuntimeError, match=rf"Unable to push metrics to http.*: {status} .*: because"
        ),
    ):
        HttpRoute(service.url, "secret", patient(60)).send(VALUES, TIME)
    assert len(service.sent) == 1


def test_an_endpoint_that_stays_away_is_given_up() -> None:
    url = f"http://{LOOPBACK}:{nobody()}/trials/a/b/metrics"
    with pytest.raises(ReportError) as caught:
        HttpRoute(url, "secret", patient(30)).send(VALUES, TIME)
    told = str(caught.value)
    assert told.startswith(f"Unable to push metrics to {url}: [Errno ")
    assert told.endswith("Connection refused; given up after 30 s")
    assert "secret" not in told


def test_an_endpoint_that_comes_back_is_found() -> None:
    port, clock = nobody(), FakeClock()
    services: list[Service] = []

    def come_back(seconds: float) -> None:
        clock.advance(seconds)
        if not services and clock.monotonic() > 5:
            services.append(Service(204))
            route._url = services[0].url

    route = HttpRoute(f"http://{LOOPBACK}:{port}/", "t", Pace(60, clock.monotonic, come_back))
    try:
        route.send(VALUES, TIME)
        assert len(services[0].sent) == 1
    finally:
        for service in services:
            service.close()


def test_a_report_into_a_file_is_what_a_collector_reads(tmp_path: Path) -> None:
    drop = tmp_path / "drop"
    route = DropRoute(str(drop))
    route.send(VALUES, TIME)
    route.send(VALUES, TIME)
    found = PushCollector(CollectorSource(("loss", "accuracy"), (), drop)).read(False)
    assert found == ([*ENTRIES, *ENTRIES], True)
    assert len([json.loads(line) for line in drop.read_text().splitlines()]) == 2


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match=f"metrics to {tmp_path}: Is a directory"):
        DropRoute(str(tmp_path)).send(VALUES, TIME)


def test_a_report_by_grpc_arrives_with_its_token() -> None:
    log, trial = MemoryObservationLog(), Key("team-a", "tune-x1")

    def find_caller(token: str, peer: str) -> Key | None:
        if token != "secret":
            raise TokenRefusedError
        return trial

    guard = Guard(find_caller, lambda key, entries, _: log.report(key, entries))
    server = serve(log, lambda name: trial, f"{LOOPBACK}:0", guard)
    address = f"{LOOPBACK}:{server.port}"
    try:
        GrpcRoute(address, Sender(trial.name, "team-a", "secret"), Pace(20)).send(VALUES, TIME)
        assert log.read(trial) == ENTRIES
        with pytest.raises(ReportError, match="UNAUTHENTICATED: the token is that of no trial"):
            GrpcRoute(address, Sender(trial.name, token="wrong"), Pace(20)).send(VALUES, TIME)
    finally:
        server.close()


def test_a_report_by_grpc_is_for_the_trial_of_its_namespace() -> None:
    log = MemoryObservationLog()
    server = serve(log, lambda name: Key("", name), f"{LOOPBACK}:0")
    try:
        address = f"{LOOPBACK}:{server.port}"
        GrpcRoute(address, Sender("tune-x1", "team-b"), Pace(20)).send(VALUES, TIME)
    finally:
        server.close()
    assert log.read(Key("team-b", "tune-x1")) == ENTRIES
    assert log.read(Key("", "tune-x1")) == []


def test_a_manager_that_stays_away_is_given_up() -> None:
    address = f"{LOOPBACK}:{nobody()}"
    with pytest.raises(ReportError, match=r"DEADLINE_EXCEEDED: .*; given up after 0.2 s"):
        GrpcRoute(address, Sender("tune-x1"), Pace(0.2)).send(VALUES, TIME)
