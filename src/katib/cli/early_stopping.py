"""``katib early-stopping``: our early stopping algorithms as a gRPC service."""

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

#: Where Katib's early stopping service listens.
PORT = 6788


def early_stopping(
    address: HostOption = LOOPBACK,
    port: Annotated[
        int, typer.Option("--port", help="Which port; 0 for a free one. Katib's is 6788.")
    ] = PORT,
    algorithm: AlgorithmOption = None,
    db_manager: Annotated[
        str,
        typer.Option(
            "--db-manager",
            metavar="HOST:PORT",
            help="The observation logs of those who name none. Default: as the variables "
            "KATIB_DB_MANAGER_SERVICE_IP and _PORT say.",
            show_default=False,
        ),
    ] = "",
) -> None:
    """.

    The service is api.v1.beta1.EarlyStopping, with gRPC health. Rules are computed from the
    observation logs of the database manager that a request names. It writes nothing: that a trial
    was stopped is told to the operator.

    Examples:

      katib early-stopping
      katib early-stopping --address 0.0.0.0 --algorithm medianstop
    """
    from katib.apps.early_stopping import serve_early_stopping

    place = f"{bracketed(address)}:{port}"
    try:
        service = serve_early_stopping(place, algorithm or (), db_manager)
    except UnknownNameError as error:
        raise typer.BadParameter(f"--algorithm {error.name}: {error}") from error
    serve_until_signal(service, ", ".join(algorithm or ()) or "every early stopping rule", address)
