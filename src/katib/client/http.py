"""Asks an API server by HTTP, over connections that are kept."""

from __future__ import annotations

import http.client
import json
import os
import select
import ssl
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from katib.api.values import Manifest
from katib.client.backend import PATIENCE, AwayError, Cause, RefusedError

#: Methods after which the same request may be sent again: nothing happens twice.
REPEATABLE = frozenset(("GET", "PUT", "DELETE"))

#: How long a watch or a log may be silent, in seconds; servers end watches before.
_LONGEST_SILENCE = 3600.0

_LOOK = "See that it runs and can be reached from here"


def _nothing() -> Mapping[str, str]:
    return {}


@dataclass(frozen=True, slots=True)
class Access:
    """Where an API server is, and how it is spoken to.

    Attributes:
        address: as ``https://127.0.0.1:7443``, with a path where the server has one.
        namespace: the one that is meant when none is said.
        home: the folder of its engine; ``None`` for a cluster's.
        headers: of every request, by which the caller shows who it is; asked anew each time.
        tls: whom to trust; ``None`` without TLS.
        proxy: ``http://host:port`` through which the server is reached; empty for none.
        advice: what to do when it does not answer; a sentence or more.
    """

    address: str
    namespace: str = "default"
    home: Path | None = None
    headers: Callable[[], Mapping[str, str]] = field(default=_nothing)
    tls: ssl.SSLContext | None = None
    proxy: str = ""
    advice: str = _LOOK


class HttpBackend:
    """A backend by HTTP; see :class:`katib.client.backend.Backend`.

    Args:
        access: where the server is.
        patience: how long an answer may take, in seconds, when a request does not say.
    """

    def __init__(self, access: Access, patience: float = PATIENCE) -> None:
        self._access, self._patience = access, patience
        parts = urlsplit(access.address)
        self._host, self._port = parts.hostname or "", parts.port
        self._is_secure = parts.scheme == "https"
        self._prefix = parts.path.rstrip("/")
        self._idle: deque[http.client.HTTPConnection] = deque()
        self._process = os.getpid()

    @property
    def namespace(self) -> str:
        """The one that is meant when none is said."""
        return self._access.namespace

    @property
    def home(self) -> Path | None:
        """The folder of the engine; ``None`` for a cluster's."""
        return self._access.home

    def is_ready(self) -> bool:
        """Whether the server answers."""
        try:
            connection, response = self._send("GET", "/readyz", None, "", self._patience)
            self._keep(connection, response)
        except AwayError:
            return False
        return response.status == 200

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        media_type: str = "application/json",
        patience: float | None = None,
    ) -> Manifest:
        """See :class:`Backend`."""
        data = None if body is None else json.dumps(body).encode()
        patience = self._patience if patience is None else patience
        connection, response = self._send(method, path, data, media_type, patience)
        data = self._keep(connection, response)
        answer = _read(data)
        if response.status >= 300:
            raise _refusal(response.status, answer)
        return answer

    def stream(self, path: str) -> Iterator[bytes]:
        """See :class:`Backend`."""
        connection, response = self._send("GET", path, None, "", self._patience)
        if response.status >= 300:
            raise _refusal(response.status, _read(self._keep(connection, response)))
        try:
            if connection.sock is not None:
                connection.sock.settimeout(_LONGEST_SILENCE)
            while line := response.readline():
                yield line.rstrip(b"\r\n")
        except (OSError, http.client.HTTPException) as error:
            raise self._away(error, was_sent=True) from error
        finally:
            connection.close()

    def close(self) -> None:
        """See :class:`Backend`."""
        while self._idle:
            self._idle.pop().close()

    def __del__(self) -> None:
        """Nobody has to close what costs nothing to leave."""
        self.close()

    def _send(
        self, method: str, path: str, data: bytes | None, media_type: str, patience: float
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        headers = {"Accept": "application/json, */*", **self._access.headers()}
        if data is not None:
            headers["Content-Type"] = media_type
        while True:
            connection, is_used = self._take(patience)
            was_sent = False
            try:
                if connection.sock is None:
                    connection.connect()
                was_sent = True
                connection.request(method, f"{self._prefix}{path}", data, headers)
                return connection, connection.getresponse()
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                is_late = isinstance(error, TimeoutError)
                # A kept connection may have ended just now; a fresh one tells more.
                if is_used and method in REPEATABLE and not is_late:
                    continue
                raise self._away(error, was_sent=was_sent) from error

    def _take(self, patience: float) -> tuple[http.client.HTTPConnection, bool]:
        """A connection, and whether it has been used before."""
        if self._process != os.getpid():
            # After a fork, the connections are the other process's.
            self._idle, self._process = deque(), os.getpid()
        while self._idle:
            try:
                connection = self._idle.pop()
            except IndexError:
                break
            if connection.sock is not None and not _is_readable(connection.sock.fileno()):
                connection.sock.settimeout(patience)
                return connection, True
            connection.close()
        return self._open(patience), False

    def _open(self, patience: float) -> http.client.HTTPConnection:
        host, port, proxy = self._host, self._port, None
        if self._access.proxy:
            proxy = urlsplit(self._access.proxy)
            host, port = proxy.hostname or "", proxy.port
        connection: http.client.HTTPConnection
        if self._is_secure:
            connection = http.client.HTTPSConnection(
                host, port, timeout=patience, context=self._access.tls
            )
        else:
            connection = http.client.HTTPConnection(host, port, timeout=patience)
        if proxy is not None:
            connection.set_tunnel(self._host, self._port)
        return connection

    def _keep(
        self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse
    ) -> bytes:
        """The rest of an answer; its connection is kept for the next."""
        try:
            data = response.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise self._away(error, was_sent=True) from error
        if response.will_close:
            connection.close()
        else:
            self._idle.append(connection)
        return data

    def _away(self, error: Exception, *, was_sent: bool) -> AwayError:
        problem = str(error) or type(error).__name__
        is_late = was_sent and isinstance(error, TimeoutError)
        access = self._access
        return AwayError(access.address, problem, access.advice, was_sent=was_sent, is_late=is_late)


def _is_readable(file: int) -> bool:
    """Whether the other end has hung up, since it has nothing to say."""
    poll = select.poll()
    poll.register(file, select.POLLIN)
    return bool(poll.poll(0))


def _read(data: bytes) -> Manifest:
    try:
        answer = json.loads(data)
    except ValueError:
        answer = None
    if isinstance(answer, dict):
        return answer
    return {"message": data.decode(errors="replace")}


def _refusal(code: int, answer: Manifest) -> RefusedError:
    message = str(answer.get("message") or f"HTTP {code}")
    details = answer.get("details")
    listed = details.get("causes") if isinstance(details, dict) else None
    causes = [
        Cause(str(one.get("field") or ""), str(one.get("message") or ""))
        for one in (listed if isinstance(listed, list) else ())
        if isinstance(one, dict)
    ]
    return RefusedError(code, str(answer.get("reason") or ""), message, causes)
