"""``katib ui``: the web UI of a home or of a cluster."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Annotated

import typer

from katib.cli.options import HomeOption, open_home
from katib.cli.serving import LOOPBACK, bracketed, serve_until_signal

UI_PORT = 8080


def ui(
    address: Annotated[
        str, typer.Option("--address", metavar="HOST", help="Where to listen.")
    ] = LOOPBACK,
    port: Annotated[int, typer.Option("--port", help="Which port; 0 for a free one.")] = UI_PORT,
    home: HomeOption = None,
    kubeconfig: Annotated[
        Path | None,
        typer.Option("--kubeconfig", metavar="FILE", help="Show this cluster, not a home."),
    ] = None,
    prefix: Annotated[
        str, typer.Option("--prefix", metavar="PATH", help="The path it is served under.")
    ] = "",
    user_header: Annotated[
        str,
        typer.Option(
            "--user-header",
            metavar="NAME",
            help="The header by which a proxy tells the user, as kubeflow-userid; the cluster's "
            "rules then decide what each user sees and does.",
        ),
    ] = "",
    allow_host: Annotated[
        list[str] | None,
        typer.Option("--allow-host", metavar="NAME", help="A name that browsers call it by."),
    ] = None,
    allow_framing: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-framing", metavar="ORIGIN", help="A site whose pages may show it inside."
        ),
    ] = None,
    disable_auth: Annotated[
        bool,
        typer.Option("--disable-auth", help="Let everybody in, to see and do everything."),
    ] = False,
) -> None:
    """.

    Without a server in the home, an engine is started for as long as the UI runs.

    Examples:

      katib ui
      katib ui --port 0 --home ./experiments
    """
    from katib.apps.kubeconfig import read_token
    from katib.apps.ui import Options, UiService
    from katib.client.finding import find_backend
    from katib.web.guarding import Door

    in_cluster = kubeconfig is not None or "KUBERNETES_SERVICE_HOST" in os.environ
    place = open_home(home)
    if in_cluster:
        backend = find_backend(None if kubeconfig is None else str(kubeconfig))
    else:
        backend = find_backend(home=place.path)
    token = "" if user_header or disable_auth else secrets.token_urlsafe(24)
    if token and not in_cluster:
        token = read_token(place)
    hosts = [address, "localhost", "127.0.0.1", "::1", *(allow_host or [])]
    door = Door(
        token=token,
        user_header=user_header,
        hosts=hosts,
        framers=allow_framing or [],
        prefix=prefix.rstrip("/"),
    )
    options = Options(address=address, port=port, door=door, asks_rights=bool(user_header))
    service = UiService(backend, options)
    query = f"?token={token}" if token else ""
    where = f"http://{bracketed(address)}:{service.port}{door.prefix}/{query}"
    typer.echo(f"Open {where}")
    serve_until_signal(service, "the web UI", address)
    backend.close()
