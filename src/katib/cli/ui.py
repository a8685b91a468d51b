"""``katib ui``: the web UI of a home or of a cluster."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from katib.apps.server_record import UI_PORT
from katib.cli.options import HomeOption, open_home
from katib.cli.serving import LOOPBACK, bracketed, serve_until_signal
from katib.errors import ConfigurationError, StoreUnavailableError

if TYPE_CHECKING:
    from katib.client.backend import Backend

AddressOption = Annotated[str, typer.Option("--address", metavar="HOST", help="Where to listen.")]
PortOption = Annotated[
    int | None,
    typer.Option(
        "--port",
        help="Which port; 0 for a free one. Default: 8080, or a free one when it is taken.",
        show_default=False,
    ),
]
KubeconfigOption = Annotated[
    Path | None,
    typer.Option(
        "--kubeconfig",
        metavar="FILE",
        help="Show this cluster, not a home. Default in a pod: its own.",
    ),
]
NamespacesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--namespace",
        "-n",
        metavar="NAME",
        help="Show this namespace only; may be given again. Without it, all are shown.",
    ),
]
PrefixOption = Annotated[
    str, typer.Option("--prefix", metavar="PATH", help="The path it is served under.")
]
UserHeaderOption = Annotated[
    str,
    typer.Option(
        "--user-header",
        metavar="NAME",
        help="The header by which a proxy tells the user, as kubeflow-userid; the cluster's rules "
        "then decide what each user sees and does.",
    ),
]
HostsOption = Annotated[
    list[str] | None,
    typer.Option("--allow-host", metavar="NAME", help="A name that browsers call it by."),
]
FramersOption = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-framing", metavar="ORIGIN", help="A site whose pages may show it inside."
    ),
]
OpenOption = Annotated[
    bool, typer.Option("--disable-auth", help="Let everybody in, to see and do everything.")
]


def ui(
    address: AddressOption = LOOPBACK,
    port: PortOption = None,
    home: HomeOption = None,
    kubeconfig: KubeconfigOption = None,
    namespace: NamespacesOption = None,
    prefix: PrefixOption = "",
    user_header: UserHeaderOption = "",
    allow_host: HostsOption = None,
    allow_framing: FramersOption = None,
    disable_auth: OpenOption = False,
) -> None:
    """.

    Without a server in the home, an engine is started for as long as the UI runs. In a pod of a
    cluster, that cluster is shown, with the rights of the pod's account.

    Examples:

      katib ui
      katib ui --port 0 --home ./experiments
    """
    from katib.apps.addresses import list_names
    from katib.apps.listening import listen, listen_anywhere
    from katib.apps.ui import Options, UiService
    from katib.web.guarding import Door

    is_cluster = kubeconfig is not None or (home is None and _is_in_pod())
    if user_header and not is_cluster:
        raise ConfigurationError(
            "--user-header is for a cluster, whose rules say what a user may do; name it with "
            "--kubeconfig FILE. Whoever is let into a home may do everything there"
        )
    backend, token = _open(home, kubeconfig)
    if not is_cluster:
        # An engine that must be started first is not what the first browser waits for.
        backend.ask("GET", "/version")
    door = Door(
        token="" if user_header or disable_auth else token,
        user_header=user_header,
        hosts=(*list_names(address), *(allow_host or ())),
        framers=allow_framing or (),
        prefix=prefix.rstrip("/"),
    )
    listener = listen_anywhere(address, UI_PORT) if port is None else listen(address, port)
    options = Options(door=door, asks_rights=bool(user_header), namespaces=tuple(namespace or ()))
    service = UiService(backend, listener, options)
    query = f"?token={door.token}" if door.token else ""
    typer.echo(f"Open http://{bracketed(address)}:{service.port}{door.prefix}/{query}")
    try:
        serve_until_signal(service, "the web UI", address)
    finally:
        backend.close()


def _open(home: Path | None, kubeconfig: Path | None) -> tuple[Backend, str]:
    """What is shown, and the token that browsers are asked for: a home's own, else a new one."""
    from katib.apps.kubeconfig import read_token
    from katib.apps.program import GuestBackend
    from katib.apps.server_record import find_server
    from katib.client.finding import find_backend

    if kubeconfig is not None:
        return find_backend(str(kubeconfig)), secrets.token_urlsafe(24)
    if home is None and _is_in_pod():
        return find_backend(), secrets.token_urlsafe(24)
    place = open_home(home)
    try:
        place.path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreUnavailableError(place.path, error.strerror or str(error)) from error
    backend = find_backend(home=place.path) if find_server(place) is None else GuestBackend(place)
    return backend, read_token(place)


def _is_in_pod() -> bool:
    return "KUBERNETES_SERVICE_HOST" in os.environ
