"""``katib suggestion``: our search algorithms as a gRPC service."""

from __future__ import annotations

import signal
from typing import Annotated

import typer

from katib.errors import UnknownNameError

#: Where Katib's suggestion services listen.
PORT = 6789

LOOPBACK = "127.0.0.1"


def suggestion(
    address: Annotated[
        str,
        typer.Option(
            "--address",
            metavar="HOST",
            help="Where to listen. 0.0.0.0 is for containers: nobody is asked who they are.",
        ),
    ] = LOOPBACK,
    port: Annotated[
        int, typer.Option("--port", help="Which port; 0 for a free one. Katib's is 6789.")
    ] = PORT,
    algorithm: Annotated[
        list[str] | None,
        typer.Option(
            "--algorithm",
            metavar="NAME",
            help="Serve this algorithm only; may be given again. Without it, all are served.",
        ),
    ] = None,
) -> None:
    """.

    The service is api.v1.beta1.Suggestion, with gRPC health. It keeps nothing that the next request
    does not bring again: it may be stopped and started at any moment, and serves any number of
    experiments, whose seeds are made of their names where they set no random_state.

    Examples:

      katib suggestion
      katib suggestion --address 0.0.0.0 --algorithm tpe --algorithm cmaes
    """
    from katib.apps.suggestion import SuggestionService

    host = f"[{address}]" if ":" in address else address
    try:
        service = SuggestionService(f"{host}:{port}", algorithm or ())
    except UnknownNameError as error:
        raise typer.BadParameter(f"--algorithm {error.name}: {error}") from error

    def stop(number: int, _: object) -> None:
        service.stop()

    signals = (signal.SIGINT, signal.SIGTERM)
    old = {one: signal.signal(one, stop) for one in signals}
    try:
        service.run(lambda: _tell(host, service.port, algorithm or ()))
    finally:
        for one, handler in old.items():
            signal.signal(one, handler)


def _tell(host: str, port: int, algorithms: list[str] | tuple[()]) -> None:
    served = ", ".join(algorithms) or "every algorithm"
    print(f"Serving {served} at {host}:{port}; stop it with Ctrl-C.", flush=True)
