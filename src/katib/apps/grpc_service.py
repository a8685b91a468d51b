"""A process that answers gRPC until it is told to stop."""

from __future__ import annotations

import threading
from collections.abc import Callable

from katib.rpc.serving import Server


class GrpcService:
    """Serves until it is stopped.

    Args:
        server: what answers already.

    Attributes:
        port: where it listens.
    """

    def __init__(self, server: Server) -> None:
        self._is_stopping = threading.Event()
        self._server = server
        self.port = server.port

    def run(self, tell: Callable[[], None]) -> None:
        """Answer until :meth:`stop` is called.

        Args:
            tell: called once, when callers are answered.
        """
        try:
            tell()
            self._is_stopping.wait()
        finally:
            self._server.close()

    def stop(self) -> None:
        """End soon; calls that are being answered have two seconds. From any thread."""
        self._is_stopping.set()
