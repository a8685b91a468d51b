"""The endpoints by which a cluster asks a process how it is: ``/healthz`` and ``/readyz``."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from katib.errors import ConfigurationError
from katib.metering import parse_address

#: Where a process of a cluster listens when an address names only a port: probes come from the
#: node, and Prometheus from another pod.
EVERYWHERE = "0.0.0.0"

#: How long who calls may say nothing, in seconds: each has a thread.
SILENT_FOR = 10.0


def served_everywhere(address: str) -> str:
    """The address, as ``:8080`` with all of this machine's."""
    return f"{EVERYWHERE}{address}" if address.startswith(":") else address


class HealthServer:
    """Answers probes until it is closed.

    A process that answers is healthy: ``/healthz`` is 200. ``/readyz`` is 503 with a sentence as
    long as something is waited for.

    Args:
        address: as :func:`katib.metering.parse_address` reads it.
        find_trouble: why the process is not ready; empty when it is. Called by any thread.

    Attributes:
        port: where it listens.

    Raises:
        ConfigurationError: the address is none, or cannot be had.
    """

    def __init__(self, address: str, find_trouble: Callable[[], str]) -> None:
        class Handler(BaseHTTPRequestHandler):
            timeout = SILENT_FOR

            def do_GET(self) -> None:
                self._answer(*_answer_to(self.path, find_trouble))

            def log_message(self, format: str, *args: object) -> None:
                """Probes come every few seconds, and are no news."""

            def _answer(self, status: int, text: str) -> None:
                body = text.encode()
                self.send_response(status)
                self.send_header("Content-Type", "text/plain; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        host, port = parse_address(address)
        try:
            self._server = ThreadingHTTPServer((host, port), Handler)
        except OSError as error:
            raise ConfigurationError(
                f"health cannot be served at {address}: {error.strerror or error}; name another "
                "address in init.controller.healthzAddr, as :18080"
            ) from error
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="health", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _answer_to(path: str, find_trouble: Callable[[], str]) -> tuple[int, str]:
    if path == "/healthz":
        return 200, "ok"
    if path != "/readyz":
        return 404, "ask for /healthz or /readyz"
    trouble = find_trouble()
    return (503, trouble) if trouble else (200, "ok")
