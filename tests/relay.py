"""A relay between a client and a server on this machine, which a test may cut or close."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Self


class Relay:
    """Passes bytes on to a port of the loopback.

    Attributes:
        port: its own.

    Args:
        target: the server's port.
        host: where clients find the relay.
    """

    def __init__(self, target: int, host: str = "127.0.0.1") -> None:
        self._target, self._host = target, host
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._threads: set[threading.Thread] = set()
        self._lock = threading.Lock()
        self._listener = self._listen(0)
        self.port = int(self._listener.getsockname()[1])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._shut()

    def cut(self) -> None:
        """Break every connection; new ones are taken."""
        with self._lock:
            # Under the lock they are not yet closed.
            for end in chain.from_iterable(self._pairs):
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    @contextmanager
    def closed(self) -> Iterator[None]:
        """Break every connection, and refuse new ones until the end."""
        self._shut()
        yield
        self._listener = self._listen(self.port)

    def _shut(self) -> None:
        # An accept that waits is woken by this, and not by closing alone.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._acceptor.join()
        self._listener.close()
        self.cut()
        for thread in tuple(self._threads):
            thread.join()

    def _listen(self, port: int) -> socket.socket:
        listener = socket.create_server((self._host, port))
        self._acceptor = threading.Thread(target=self._accept, args=(listener,), daemon=True)
        self._acceptor.start()
        return listener

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(near,), daemon=True)
            self._threads.add(thread)
            thread.start()

    def _serve(self, near: socket.socket) -> None:
        try:
            far = socket.create_connection(("127.0.0.1", self._target))
        except OSError:
            near.close()
            return
        pair = (near, far)
        with near, far:
            with self._lock:
                self._pairs.add(pair)
            back = threading.Thread(target=_pass_on, args=(far, near), daemon=True)
            back.start()
            _pass_on(near, far)
            back.join()
            with self._lock:
                self._pairs.discard(pair)
        self._threads.discard(threading.current_thread())


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(2**16):
            sink.sendall(data)
    for end in (source, sink):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
