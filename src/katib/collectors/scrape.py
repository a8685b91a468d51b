"""One look at what a program serves over HTTP: bounded in time and in size, and never elsewhere."""

from __future__ import annotations

import http.client
import io
import re
import socket
import ssl
from time import monotonic

from katib.ports.collector import Address

#: How long an answer may take in all, in seconds, and how large it may be, in bytes.
LONGEST_SECONDS, LARGEST_BYTES = 5.0, 1 << 20

_CONTENT_LENGTH = re.compile(rb"(?i)\r\ncontent-length:[ \t]*(\d{1,18})[ \t]*\r\n")
_HEAD_END = b"\r\n\r\n"
_MIB = 1 << 20


class ScrapeError(Exception):
    """There was no answer that can be read; the message says what there was, for the user."""


class NobodyThereError(ScrapeError):
    """Nobody listens: the program has not begun, or has ended."""


class BrokenOffError(ScrapeError):
    """The connection was closed without an answer, as by a program that ends meanwhile."""


def fetch(address: Address) -> str:
    """The text that a program serves.

    Nothing is followed: a redirect is an error, as it leads away from what the user named. As with
    Kubernetes' own probes, certificates are not checked.

    Raises:
        ScrapeError: there is none, or it is no text.
    """
    end = monotonic() + LONGEST_SECONDS
    try:
        return _body(_ask(address, end))
    except ConnectionRefusedError as error:
        raise NobodyThereError("nobody listens") from error
    except ConnectionResetError as error:
        raise BrokenOffError("the connection was closed without an answer") from error
    except TimeoutError as error:
        raise ScrapeError(f"the answer takes longer than {LONGEST_SECONDS:g} s") from error
    except (OSError, OverflowError, UnicodeError) as error:
        raise ScrapeError(f"it cannot be read: {error}") from error
    except (http.client.HTTPException, ValueError) as error:
        raise ScrapeError(f"the answer is no HTTP ({error!r})") from error


def _ask(address: Address, end: float) -> bytes:
    with socket.create_connection((address.host, address.port), LONGEST_SECONDS) as plain:
        connection = _secured(plain, address.host) if address.is_secure else plain
        with connection:
            connection.sendall(_request(address))
            return _receive(connection, end)


def _secured(connection: socket.socket, host: str) -> socket.socket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(connection, server_hostname=host)


def _request(address: Address) -> bytes:
    # HTTP 1.0 asks for an answer in one piece, with nothing behind it.
    lines = [
        f"GET {address.path} HTTP/1.0",
        f"Host: {address.host}:{address.port}",
        "Accept: text/plain; version=0.0.4, */*; q=0.1",
        "Connection: close",
        *(f"{name}: {value}" for name, value in address.headers),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


def _receive(connection: socket.socket, end: float) -> bytes:
    data = bytearray()
    whole = LARGEST_BYTES
    while len(data) < whole:
        left = end - monotonic()
        if left <= 0:
            raise TimeoutError
        connection.settimeout(left)
        piece = connection.recv(1 << 16)
        if not piece:
            return bytes(data)
        data += piece
        if whole == LARGEST_BYTES:
            whole = _whole(data)
    if len(data) >= LARGEST_BYTES:
        raise ScrapeError(f"the answer is larger than {LARGEST_BYTES // _MIB} MiB")
    return bytes(data)


def _whole(data: bytearray) -> int:
    """How long the answer is, if it says so; not every server closes the connection."""
    head = data.find(_HEAD_END)
    said = _CONTENT_LENGTH.search(data, 0, head + 2) if head >= 0 else None
    return LARGEST_BYTES if said is None else min(head + 4 + int(said[1]), LARGEST_BYTES)


class _Answer:
    """What was received, as the reader of answers wants it."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, *_: object, **__: object) -> io.BytesIO:
        return io.BytesIO(self._data)


def _body(data: bytes) -> str:
    if not data:
        raise BrokenOffError("the connection was closed without an answer")
    answer = http.client.HTTPResponse(_Answer(data))  # type: ignore[arg-type]  # all it calls
    answer.begin()
    if 300 <= answer.status < 400:
        place = answer.getheader("Location", "")[:200]
        raise ScrapeError(f"the answer is a redirect to {place!r}, which is not followed")
    if answer.status != http.client.OK:
        raise ScrapeError(f"the answer is {answer.status} {answer.reason[:100]}".rstrip())
    try:
        return answer.read().decode()
    except UnicodeDecodeError as error:
        kind = answer.getheader("Content-Type", "unknown")[:100]
        raise ScrapeError(f"the answer is no text, but {kind}") from error
