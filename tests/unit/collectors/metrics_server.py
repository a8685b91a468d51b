"""A program that serves its metrics, well or badly, over real connections."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

Answer = Callable[[socket.socket], None]


def well(text: str, head: str = "HTTP/1.0 200 OK\r\nContent-Type: text/plain") -> Answer:
    """Serves a text, and closes the connection."""
    return lambda connection: connection.sendall(f"{head}\r\n\r\n{text}".encode())


class MetricsServer:
    """Answers each connection on the loopback until it is left.

    Args:
        answer: what is sent; may be set anew at any time.
        port: where; 0 for any.
        context: of TLS.
    """

    def __init__(
        self, answer: Answer, port: int = 0, context: ssl.SSLContext | None = None
    ) -> None:
        self.answer, self.requests = answer, list[bytes]()
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port: int = self._listener.getsockname()[1]
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._serve)

    def wait_closed(self) -> None:
        """For answers that never end by themselves."""
        self._closed.wait(60)

    def drip(self, pieces: Sequence[bytes]) -> Answer:
        """Serves a piece now and then, until the server is left."""

        def answer(connection: socket.socket) -> None:
            for piece in pieces:
                if self._closed.wait(0.01):
                    return
                connection.sendall(piece)

        return answer

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closed.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _serve(self) -> None:
        while not self._closed.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            try:
                self._answer(connection)
            except OSError:
                # Who asked has gone.
                continue

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            if self._context is not None:
                connection = self._context.wrap_socket(connection, server_side=True)
            data = b""
            while b"\r\n\r\n" not in data and (piece := connection.recv(4096)):
                data += piece
            self.requests.append(data)
            self.answer(connection)
            connection.close()
