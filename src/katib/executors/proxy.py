"""A proxy for programs that look for a cluster's services: a few names lead to this machine."""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

LOOPBACK = "127.0.0.1"

#: How many connections there are at once; more are refused.
MOST_CONNECTIONS = 512

#: How long what is asked for may be, in bytes, and how long asking for it may take, in seconds.
MOST_HEAD_BYTES, HEAD_SECONDS = 8 * 1024, 10.0

#: How long it may take to reach a target, in seconds.
CONNECT_SECONDS = 30.0

#: How long one who was refused may take to go away, in seconds.
LINGER_SECONDS = 1.0

#: How much is passed on at once, in bytes.
CHUNK_BYTES = 64 * 1024

_CONNECT = re.compile(rb"CONNECT ([^\s:]+|\[[0-9A-Fa-f:.]+\]):(\d{1,5}) HTTP/1\.[01]\r\n")
_AUTHORIZATION = re.compile(rb"(?i)\r\nproxy-authorization:[ \t]*basic[ \t]+([\w+/=]+)[ \t]*\r\n")
_NAME = re.compile(r"katib-db-manager(?:\.[\w.-]+)?", re.ASCII)
_PORT = 6789


class Target(NamedTuple):
    """Where somebody wants to go."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Upstream:
    """The proxy that the user has for everything else.

    Attributes:
        target: where it is.
        authorization: the value of ``Proxy-Authorization``; empty for none.
    """

    target: Target
    authorization: str = ""

    @staticmethod
    def of(url: str) -> Upstream | None:
        """The proxy of a URL ``http://[user:password@]host:port``; ``None`` for any other text."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port or 80
        except ValueError:
            return None
        if parts.scheme != "http" or not host:
            return None
        if not parts.username:
            return Upstream(Target(host, port))
        user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        return Upstream(Target(host, port), f"Basic {base64.b64encode(user.encode()).decode()}")

    def request(self, target: Target) -> bytes:
        """What asks it for a target."""
        host = f"[{target.host}]" if ":" in target.host else target.host
        place = f"{host}:{target.port}"
        lines = [f"CONNECT {place} HTTP/1.1", f"Host: {place}"]
        if self.authorization:
            lines.append(f"Proxy-Authorization: {self.authorization}")
        return "\r\n".join([*lines, "", ""]).encode()


def is_db_manager(target: Target) -> bool:
    """Whether a program means the database manager: its service in any namespace of a cluster."""
    return target.port == _PORT and _NAME.fullmatch(target.host) is not None


class _RefusedError(Exception):
    """What is asked for is refused; the text is the status line's end."""


class ConnectProxy:
    """Answers HTTP ``CONNECT`` on the loopback, in a thread of its own, until it is closed.

    Args:
        db_manager: where the database manager answers on this machine. Every other target is
            connected as asked.
        port: where to listen; 0 takes any port that is free.
        upstream: the proxy that leads to every other target.
        passwords: filled with what askers gave as a password whom we connected with the database
            manager, by the port from which it sees them come. A user's name beside a password means
            nothing.

    Attributes:
        port: where it listens.

    Raises:
        OSError: the port cannot be had.
    """

    def __init__(
        self,
        db_manager: Target,
        port: int = 0,
        upstream: Upstream | None = None,
        passwords: dict[int, str] | None = None,
    ) -> None:
        self._db_manager, self._upstream = db_manager, upstream
        self._passwords = {} if passwords is None else passwords
        self._connections: set[asyncio.Task[None]] = set()
        self._started: Future[int] = Future()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(
            target=self._run, args=(port,), name="connect-proxy", daemon=True
        )
        self._thread.start()
        try:
            self.port = self._started.result()
        except Exception:
            self._thread.join()
            raise

    def close(self) -> None:
        """End every connection, and stop."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self, port: int) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve(port))

    async def _serve(self, port: int) -> None:
        try:
            server = await asyncio.start_server(self._accept, LOOPBACK, port, limit=MOST_HEAD_BYTES)
        except Exception as error:
            # Whatever it is: the one who waits must hear of it.
            self._started.set_exception(error)
            return
        async with server:
            self._started.set_result(int(server.sockets[0].getsockname()[1]))
            await self._stop.wait()
            server.close()
            for connection in self._connections:
                connection.cancel()
            await asyncio.gather(*self._connections, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.current_task()
        assert connection is not None
        self._connections.add(connection)
        try:
            if len(self._connections) > MOST_CONNECTIONS:
                await _refuse((reader, writer), "503 Too many connections")
            else:
                await self._handle(reader, writer)
        except asyncio.CancelledError:
            # The proxy is being closed; a task that ends so would be reported as a failure.
            writer.transport.abort()
        finally:
            self._connections.discard(connection)

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            target, password = await _read_request(reader)
            there, is_asked = await self._reach(target)
        except _RefusedError as refusal:
            await _refuse((reader, writer), str(refusal))
            return
        port = int(there[1].get_extra_info("sockname")[1])
        if is_db_manager(target):
            self._passwords[port] = password
        if not is_asked:
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await _join((reader, writer), there, lambda: self._passwords.pop(port, None))

    async def _reach(self, target: Target) -> tuple[_Stream, bool]:
        """The way to a target, and whether somebody else answers the asker."""
        if is_db_manager(target):
            return await _connect(self._db_manager), False
        if self._upstream is None:
            return await _connect(target), False
        there = await _connect(self._upstream.target)
        there[1].write(self._upstream.request(target))
        return there, True


_Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _read_request(reader: asyncio.StreamReader) -> tuple[Target, str]:
    """Where the asker wants to go, and the password that came along; empty when none did.

    Raises:
        _RefusedError: it does not say so, or not in time.
    """
    try:
        async with asyncio.timeout(HEAD_SECONDS):
            head = await reader.readuntil(b"\r\n\r\n")
    except TimeoutError as error:
        raise _RefusedError("408 Request timeout") from error
    except asyncio.LimitOverrunError as error:
        raise _RefusedError("431 Request header fields too large") from error
    except (asyncio.IncompleteReadError, ConnectionError) as error:
        raise _RefusedError("400 Bad request") from error
    found = _CONNECT.match(head)
    if found is None:
        is_other = re.match(rb"[A-Z]+ \S+ HTTP/1\.[01]\r\n", head) and not head.startswith(b"CONN")
        raise _RefusedError("405 Only CONNECT is answered here" if is_other else "400 Bad request")
    host = found[1].decode("ascii", "replace").strip("[]")
    return Target(host, int(found[2])), _password(head)


def _password(head: bytes) -> str:
    found = _AUTHORIZATION.search(head)
    try:
        told = base64.b64decode(found[1], validate=True) if found else b""
    except binascii.Error:
        return ""
    return told.partition(b":")[2].decode("utf-8", "replace")


async def _connect(target: Target) -> _Stream:
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            return await asyncio.open_connection(*target, limit=CHUNK_BYTES)
    except TimeoutError as error:
        raise _RefusedError("504 Target does not answer") from error
    # A port above 65535 and a name that no encoding knows are the asker's faults.
    except (OSError, OverflowError, UnicodeError) as error:
        raise _RefusedError("502 Target cannot be reached") from error


async def _join(here: _Stream, there: _Stream, finish: Callable[[], object]) -> None:
    """Pass on what either side says, until both have ended or one breaks off.

    Args:
        here: the asker.
        there: the target.
        finish: called then, before the port of either is free for others.
    """
    try:
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(_pass_on(here[0], there[1]))
                both.create_task(_pass_on(there[0], here[1]))
        finally:
            finish()
        await _close(there[1])
        await _close(here[1])
    except* OSError:
        # One side broke off: so does the other.
        pass
    finally:
        for _, writer in (here, there):
            writer.transport.abort()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(CHUNK_BYTES):
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()


async def _refuse(asker: _Stream, status: str) -> None:
    reader, writer = asker
    head = f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    with suppress(OSError):
        writer.write(head.encode())
        writer.write_eof()
        # What is closed with bytes unread is broken off, and the answer may be lost.
        async with asyncio.timeout(LINGER_SECONDS):
            while await reader.read(CHUNK_BYTES):
                pass
    await _close(writer)


async def _close(writer: asyncio.StreamWriter) -> None:
    """Close when all that was written is sent."""
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
