"""A way to the API server that a test can cut."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from pathlib import Path

import yaml

#: How much is passed on at once, in bytes.
_CHUNK = 1 << 16


class Proxy:
    """Passes connections on to an address, until they are cut.

    Args:
        host: whose.
        port: of the server.

    Attributes:
        port: where it listens, on the loopback.
        is_open: whether it lets connections in.
    """

    def __init__(self, host: str, port: int) -> None:
        self._target = host, port
        self.is_open = True
        self._lock = threading.Lock()
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()

    def cut(self) -> int:
        """End all connections; how many there were."""
        with self._lock:
            pairs, self._pairs = self._pairs, set()
        for pair in pairs:
            for one in pair:
                _end(one)
        return len(pairs)

    def close(self) -> None:
        """Listen no more, and end all connections."""
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                inner, _ = self._listener.accept()
            except OSError:
                return
            try:
                if not self.is_open:
                    raise ConnectionRefusedError
                outer = socket.create_connection(self._target, timeout=5)
                outer.settimeout(None)
            except OSError:
                inner.close()
                continue
            pair = inner, outer
            with self._lock:
                self._pairs.add(pair)
            for one, other in (pair, pair[::-1]):
                threading.Thread(target=self._pass, args=(one, other, pair), daemon=True).start()

    def _pass(
        self, one: socket.socket, other: socket.socket, pair: tuple[socket.socket, socket.socket]
    ) -> None:
        with suppress(OSError):
            while data := one.recv(_CHUNK):
                other.sendall(data)
        for end in pair:
            _end(end)
        with self._lock:
            self._pairs.discard(pair)


def _end(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()


def through_proxy(kubeconfig: Path, folder: Path) -> tuple[Path, Proxy]:
    """A kubeconfig that leads through a proxy, and the proxy."""
    config = yaml.safe_load(kubeconfig.read_text())
    cluster = config["clusters"][0]["cluster"]
    host, _, port = cluster["server"].removeprefix("https://").partition(":")
    proxy = Proxy(host, int(port))
    cluster["server"] = f"https://127.0.0.1:{proxy.port}"
    path = folder / "through-proxy.yaml"
    path.write_text(yaml.safe_dump(config))
    return path, proxy
