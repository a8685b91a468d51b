from __future__ import annotations

import gzip
import socket
import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metrics_server import MetricsServer, well

from katib.apps.certificates import prepare_certificates
from katib.collectors import scrape
from katib.collectors.scrape import LARGEST_BYTES, NobodyThereError, ScrapeError, fetch
from katib.ports.collector import Address


def ask(server: MetricsServer, **more: object) -> str:
    return fetch(Address("127.0.0.1", server.port, **more))  # type: ignore[arg-type]  # its fields


def test_a_text_is_fetched_as_it_is() -> None:
    with MetricsServer(well("löss 1\n")) as server:
        headers = [("Authorization", "Bearer x")]
        assert ask(server, path="/m?a=b", headers=headers) == "löss 1\n"
    (request,) = server.requests
    assert request.startswith(b"GET /m?a=b HTTP/1.0\r\nHost: 127.0.0.1:")
    assert b"\r\nAuthorization: Bearer x\r\n" in request
    assert b"Encoding" not in request


def test_nobody_listens() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        with pytest.raises(NobodyThereError, match="nobody listens"):
            fetch(Address("127.0.0.1", probe.getsockname()[1]))


def test_a_connection_that_stays_open_does_not_hold_it_up() -> None:
    head = "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\ncontent-length: 7\r\n\r\nloss 1\n"
    with MetricsServer(well("")) as server:

        def answer(connection: socket.socket) -> None:
            connection.sendall(head.encode())
            server.wait_closed()

        server.answer = answer
        assert ask(server) == "loss 1\n"


def test_an_answer_in_chunks() -> None:
    chunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked"
    with MetricsServer(well("5\r\nloss \r\n2\r\n1\n\r\n0\r\n\r\n", chunks)) as server:
        assert ask(server) == "loss 1\n"


BAD: dict[str, tuple[str | bytes, str]] = {
    "a redirect": (
        "HTTP/1.0 302 Found\r\nLocation: http://elsewhere.test/\r\n\r\n",
        "a redirect to 'http://elsewhere.test/', which is not followed",
    ),
    "a path that is not there": ("HTTP/1.0 404 Not Found\r\n\r\n", "the answer is 404 Not Found"),
    "a fault": ("HTTP/1.0 500 \r\n\r\n", "the answer is 500$"),
    "nothing": ("", "closed without an answer"),
    "no HTTP": ("loss 1\n", "the answer is no HTTP"),
    "half an answer": (
        "HTTP/1.0 200 OK\r\nContent-Length: 100\r\n\r\nloss 1\n",
        "the answer is no HTTP .*IncompleteRead",
    ),
    "no text": (
        b"HTTP/1.0 200 OK\r\nContent-Type: image/png\r\n\r\n\x89PNG\r\n\x1a\n\xff",
        "the answer is no text, but image/png",
    ),
    "something compressed": (
        b"HTTP/1.0 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(b"loss 1\n" * 9),
        "the answer is no text",
    ),
    "more than it may be": (
        b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * LARGEST_BYTES,
        "the answer is larger than 1 MiB",
    ),
    "more than it may be, as it says": (
        b"HTTP/1.0 200 OK\r\nContent-Length: 99999999999\r\n\r\n" + b"x" * LARGEST_BYTES,
        "the answer is larger than 1 MiB",
    ),
    "endless headers": (b"HTTP/1.0 200 OK\r\n" + b"A: b\r\n" * 9999, "the answer is no HTTP"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_is_told(case: str) -> None:
    answer, told = BAD[case]
    data = answer if isinstance(answer, bytes) else answer.encode()
    with (
        MetricsServer(lambda connection: connection.sendall(data)) as server,
        pytest.raises(ScrapeError, match=told) as caught,
    ):
        ask(server)
    assert len(server.requests) == 1
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("first", [b"", b"HTTP/1.0 200 OK\r\n\r\n", b"HTTP/1.0 200 OK\r\nA: b"])
def test_an_answer_that_does_not_end_is_given_up(
    first: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scrape, "LONGEST_SECONDS", 0.2)
    with MetricsServer(well("")) as server:
        server.answer = server.drip([first, *[b"x"] * 6000])
        with pytest.raises(ScrapeError, match=r"the answer takes longer than 0\.2 s"):
            ask(server)


def test_a_host_that_does_not_exist_is_told() -> None:
    with pytest.raises(ScrapeError, match="it cannot be read: "):
        fetch(Address("no-such-host.invalid", 80))
    with pytest.raises(ScrapeError, match="it cannot be read: "):
        fetch(Address(f"{'x' * 70}.invalid", 80))


def test_a_certificate_need_not_be_known(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made = prepare_certificates(tmp_path, ["elsewhere.test"], datetime.now(UTC))
    context.load_cert_chain(made.certificate, made.key)
    with MetricsServer(well("loss 1\n"), context=context) as server:
        assert ask(server, is_secure=True) == "loss 1\n"


@settings(max_examples=100, deadline=None)
@given(data=st.binary(max_size=100), is_http=st.booleans())
def test_any_answer_is_a_text_or_told(data: bytes, is_http: bool) -> None:
    data = b"HTTP/1.0 200 OK\r\n" * is_http + data
    with MetricsServer(lambda connection: connection.sendall(data)) as server:
        try:
            found = ask(server)
        except ScrapeError:
            return
    assert isinstance(found, str)
