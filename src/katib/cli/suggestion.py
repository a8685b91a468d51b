"""``katib suggestion``: our search algorithms as a gRPC service."""

from __future__ import annotations

from typing import Annotated

import typer

from katib.cli.serving import (
    LOOPBACK,
    AlgorithmOption,
    HostOption,
    bracketed,
    serve_until_signal,
)
from katib.errors import UnknownNameError

#: Where Katib's suggestion services listen.
PORT = 6789


def suggestion(
    address: HostOption = LOOPBACK,
    port: Annotated[
        int, typer.Option("--port", help="Which port; 0 for a free one. Katib's is 6789.")
    ] = PORT,
    algorithm: AlgorithmOption = None,
) -> None:
    """.

    The service is api.v1.beta1.Suggestion, with gRPC health. It keeps nothing that the next request
    does not bring again: it may be stopped and started at any moment, and serves any number of
    experiments, whose seeds are made of their names where they set no random_state.

    Examples:

      katib suggestion
      katib suggestion --address 0.0.0.0 --algorithm tpe --algorithm cmaes
    """
    from katib.apps.suggestion import serve_suggestion

    try:
        service = serve_suggestion(f"{bracketed(address)}:{port}", algorithm or ())
    except UnknownNameError as error:
        raise typer.BadParameter(f"--algorithm {error.name}: {error}") from error
    serve_until_signal(service, ", ".join(algorithm or ()) or "every algorithm", address)
