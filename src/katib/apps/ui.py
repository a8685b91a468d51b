"""The web UI as a process: a listener, its pages, and the API server that they are drawn from."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

import uvicorn

from katib.client.backend import Backend
from katib.web.guarding import Door
from katib.web.reports import Reports
from katib.web.rights import ClusterRights, OwnerRights, Rights
from katib.web.serving import make_app
from katib.web.site import Site
from katib.web.tables import Tables
from katib.web.watched import Sources

#: How long open pages may go on when the UI is told to end, in seconds.
_GRACE = 2

#: How long a thread that computes keeps the interpreter while the event loop waits, in seconds.
_TURN = 0.001


@dataclass(frozen=True, slots=True)
class Options:
    """How the UI is served.

    Attributes:
        door: who is let in.
        asks_rights: whether the cluster is asked what each user may do.
        namespaces: those that may be shown; empty for all.
    """

    door: Door = field(default_factory=Door)
    asks_rights: bool = False
    namespaces: tuple[str, ...] = ()


class UiService:
    """Serves the UI until it is stopped; one for each process.

    Args:
        backend: the API server.
        listener: a socket that listens; closed with the service.
        options: how it is served.
    """

    def __init__(
        self, backend: Backend, listener: socket.socket, options: Options | None = None
    ) -> None:
        options = options or Options()
        self._sources = Sources(backend)
        rights = _rights(backend, options)
        site = Site(
            backend=backend,
            rights=rights,
            sources=self._sources,
            tables=Tables(self._sources),
            reports=Reports(backend),
            door=options.door,
            namespaces=options.namespaces,
        )
        self._socket = listener
        self.port: int = self._socket.getsockname()[1]
        self._listener = _Listener(
            uvicorn.Config(
                make_app(site),
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=_GRACE,
                loop="asyncio",
                ws="websockets-sansio",
            )
        )

    def run(self, tell: Callable[[], None]) -> None:
        """Serve until :meth:`stop` is called; ``tell`` is called when browsers are answered."""
        self._listener.tell = tell
        sys.setswitchinterval(_TURN)
        try:
            self._listener.run(sockets=[self._socket])
        finally:
            self._sources.close()
            self._socket.close()

    def stop(self) -> None:
        """End soon."""
        self._listener.should_exit = True


def _rights(backend: Backend, options: Options) -> Rights:
    if not options.asks_rights:
        return OwnerRights()
    # Who shows single namespaces may have no rights in others, not even to such a question.
    return ClusterRights(backend, is_local=bool(options.namespaces))


class _Listener(uvicorn.Server):
    """Says when it has started, and leaves signals to the command."""

    tell: Callable[[], None]

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self.tell()

    def install_signal_handlers(self) -> None:
        """The command has its own."""
