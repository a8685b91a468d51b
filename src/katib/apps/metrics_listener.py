"""The listener of the endpoint by which trials push metrics: HTTP on the loopback, in a thread."""

from __future__ import annotations

import logging
import socket
import threading

import uvicorn
from starlette.types import ASGIApp

from katib.api_server.serving import configure

LOOPBACK = "127.0.0.1"

#: How many connections there are at once; more are told to come again.
MOST_CONNECTIONS = 512

#: How long a connection is kept on which nothing happens, in seconds.
IDLE = 15


class MetricsListener:
    """Serves an application until it is closed.

    Args:
        app: what is served.
        port: where; 0 takes any port that is free.

    Attributes:
        port: where it listens.

    Raises:
        OSError: the port cannot be had.
    """

    def __init__(self, app: ASGIApp, port: int = 0) -> None:
        self._socket = socket.create_server((LOOPBACK, port), backlog=MOST_CONNECTIONS)
        self.port = int(self._socket.getsockname()[1])
        config = configure(app, LOOPBACK, self.port)
        config.limit_concurrency, config.timeout_keep_alive = MOST_CONNECTIONS, IDLE
        # That somebody speaks no HTTP is no news for whoever looks at the engine's output.
        logging.getLogger("uvicorn").setLevel(logging.ERROR)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run,
            kwargs={"sockets": [self._socket]},
            name="metrics-endpoint",
            daemon=True,
        )
        self._thread.start()

    def close(self) -> None:
        """Answer what is being asked, and stop."""
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()
