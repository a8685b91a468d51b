"""The process that serves our search algorithms over gRPC."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from katib.errors import UnknownNameError
from katib.rpc.suggestion import serve
from katib.search.algorithms import ALGORITHMS
from katib.suggesters.in_process import InProcessSuggester


class SuggestionService:
    """Serves until it is stopped.

    Args:
        address: ``host:port``; port 0 takes any that is free.
        algorithms: the only ones that are served; empty for all that are built in or installed.

    Raises:
        ConfigurationError: the address cannot be had.
        UnknownNameError: there is no such algorithm.
    """

    def __init__(self, address: str, algorithms: Sequence[str] = ()) -> None:
        for name in algorithms:
            if name not in ALGORITHMS:
                raise UnknownNameError("algorithm", name, ALGORITHMS)
        self._is_stopping = threading.Event()
        self._server = serve(InProcessSuggester(), address, algorithms)
        self.port = self._server.port

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
