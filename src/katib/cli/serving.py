"""What the commands have in common that serve until a signal comes."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Annotated, Protocol

import typer

LOOPBACK = "127.0.0.1"

HostOption = Annotated[
    str,
    typer.Option(
        "--address",
        metavar="HOST",
        help="Where to listen. 0.0.0.0 is for containers: nobody is asked who they are.",
    ),
]
AlgorithmOption = Annotated[
    list[str] | None,
    typer.Option(
        "--algorithm",
        metavar="NAME",
        help="Serve this algorithm only; may be given again. Without it, all are served.",
    ),
]


class Service(Protocol):
    """What a command starts, and a signal ends."""

    port: int

    def run(self, tell: Callable[[], None]) -> None:
        """Work until :meth:`stop` is called; ``tell`` is called when it does."""
        ...

    def stop(self) -> None:
        """End soon."""
        ...


def bracketed(host: str) -> str:
    """The host as it stands before a port."""
    return f"[{host}]" if ":" in host else host


def serve_until_signal(service: Service, what: str, host: str) -> None:
    """Run until SIGINT or SIGTERM comes; say what is served where."""

    def stop(number: int, _: object) -> None:
        service.stop()

    signals = (signal.SIGINT, signal.SIGTERM)
    old = {one: signal.signal(one, stop) for one in signals}
    try:
        service.run(lambda: _tell(f"{bracketed(host)}:{service.port}", what))
    finally:
        for one, handler in old.items():
            signal.signal(one, handler)


def _tell(address: str, what: str) -> None:
    print(f"Serving {what} at {address}; stop it with Ctrl-C.", flush=True)
