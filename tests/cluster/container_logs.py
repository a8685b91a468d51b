"""The port of a node at which the API server asks for what containers have printed."""

from __future__ import annotations

import http.server
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

#: How long a log that is followed is left alone, in seconds.
_PAUSE = 0.05


class ContainerLog(NamedTuple):
    """What a container prints.

    Attributes:
        path: the file.
        is_over: whether it prints no more.
    """

    path: Path
    is_over: Callable[[], bool]


#: Namespace, pod and container → its log; ``None`` when there is none.
FindLog = Callable[[str, str, str], ContainerLog | None]


class LogServer:
    """Answers as a kubelet does.

    Args:
        certificate: whom the API server trusts.
        find: the logs that there are.
    """

    def __init__(self, certificate: Path, find: FindLog) -> None:
        handler = type("Logs", (_Handler,), {"find": staticmethod(find)})
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, name="logs", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return self._server.server_port

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(http.server.BaseHTTPRequestHandler):
    find: FindLog

    def do_GET(self) -> None:
        split = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(split.query).items()}
        _, kind, namespace, pod, container = split.path.split("/")
        assert kind == "containerLogs", self.path
        log = self.find(namespace, pod, container)
        if query.get("previous") == "true" or log is None:
            told = f'previous terminated container "{container}" in pod "{pod}" not found'
            self._begin(400)
            self.wfile.write(told.encode())
            return
        self._begin(200)
        for line in _lines(log, query.get("follow") == "true", query.get("tailLines")):
            self.wfile.write(_stamped(line) if query.get("timestamps") == "true" else line)
            self.wfile.flush()

    def _begin(self, code: int) -> None:
        self.send_response(code)
        self.send_header("Content-Type", "text/plain")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


def _lines(log: ContainerLog, follows: bool, tail: str | None) -> Iterator[bytes]:
    """The last lines, then those that come."""
    with log.path.open("rb") as file:
        lines = file.readlines()
        yield from lines if tail is None else lines[len(lines) - int(tail) :]
        while follows:
            # Asked before the file is read: what a container printed last is read then.
            is_over = log.is_over()
            yield from file.readlines()
            if is_over:
                return
            time.sleep(_PAUSE)


def _stamped(line: bytes) -> bytes:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z ").encode() + line
