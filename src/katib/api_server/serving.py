"""How the server listens: bounded, so that no client can tie it up."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

#: How long the head of a request may take to arrive, in seconds.
LONGEST_HEAD = 10.0

#: How long an idle connection is kept, in seconds.
IDLE = 75

#: How long open watches may go on when the server is told to end, in seconds.
GRACE = 3

#: The largest head of a request, in bytes.
LARGEST_HEAD = 64 * 1024

#: From how many bytes on that a client has not taken nothing more is made for it. With TLS, asyncio
#: would keep eight times as many.
LARGEST_REST = 64 * 1024


class PatientOnceProtocol(H11Protocol):
    """HTTP/1.1 that hangs up on who begins a request and does not go on."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """A client is there: its first request is awaited."""
        super().connection_made(transport)
        # Asyncio sees to it only for sockets that it makes itself. Without it, the body of an
        # answer waits until the client has confirmed the head: up to 40 milliseconds.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        transport.set_write_buffer_limits(high=LARGEST_REST)
        self._expect_head()

    def data_received(self, data: bytes) -> None:
        """Something has come; until a request is whole, time runs."""
        super().data_received(data)
        if self._is_answering():
            self._stop_expecting()
        elif self._deadline is None and not self.transport.is_closing():
            self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._stop_expecting()
        super().connection_lost(exc)

    def _is_answering(self) -> bool:
        # Before the first request there is no cycle, whatever uvicorn's annotation says.
        cycle: Any = self.cycle
        return cycle is not None and not cycle.response_complete

    def _expect_head(self) -> None:
        self._deadline = self.loop.call_later(LONGEST_HEAD, self._hang_up)

    def _stop_expecting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _hang_up(self) -> None:
        self._deadline = None
        if not self._is_answering():
            self.transport.close()


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """By what a server proves who it is: PEM files of its certificate and of the key to it."""

    certificate: Path
    key: Path


def configure(
    app: Any, host: str = "127.0.0.1", port: int = 0, tls: TlsFiles | None = None
) -> uvicorn.Config:
    """The configuration to make a ``uvicorn.Server`` of.

    Args:
        app: the ASGI application.
        host: the address to listen at.
        port: 0 for a free one.
        tls: to serve HTTPS. kubectl sends its token over nothing else, so that a server without
            it serves only clients of other makes.
    """
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        http=PatientOnceProtocol,
        ws="none",
        lifespan="off",
        # The same whatever else is installed: with uvloop, open connections outlive the server.
        loop="asyncio",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=IDLE,
        timeout_graceful_shutdown=GRACE,
        ssl_certfile=None if tls is None else tls.certificate,
        ssl_keyfile=None if tls is None else tls.key,
        h11_max_incomplete_event_size=LARGEST_HEAD,
    )
