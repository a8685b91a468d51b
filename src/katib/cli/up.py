"""``katib up``: the engine of a home as a server, for kubectl, the SDKs and ``katib run``."""

from __future__ import annotations

import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from katib.apps.server_record import LOOPBACK, PORT, UI_PORT, log_path
from katib.cli.options import (
    ConfigOption,
    HomeOption,
    ImageOption,
    PythonOption,
    find_interpreter,
    open_config,
    open_home,
)
from katib.cli.results import ExitCode
from katib.cli.run import find_images

if TYPE_CHECKING:
    from katib.apps.home import Home
    from katib.apps.server import ServerOptions
    from katib.apps.server_record import ServerRecord

#: How long a server in the background may take until it answers, in seconds.
LONGEST_START = 60.0

#: How often it is asked whether it answers, in seconds.
_ASK_EVERY = 0.1


TlsOption = Annotated[
    bool,
    typer.Option(
        "--tls/--no-tls",
        help="HTTPS, which kubectl needs, and which addresses off this machine need.",
    ),
]
UiPortOption = Annotated[
    int | None,
    typer.Option(
        "--ui-port",
        help="Which port the web UI has, 0 for a free one. Default: 8080, or a free one when it is "
        "taken.",
        show_default=False,
    ),
]
NoUiOption = Annotated[bool, typer.Option("--no-ui", envvar="KATIB_NO_UI", help="Serve no web UI.")]


def up(
    address: Annotated[
        str, typer.Option("--address", metavar="HOST", help="Where to listen.")
    ] = LOOPBACK,
    port: Annotated[int, typer.Option("--port", help="Which port; 0 for a free one.")] = PORT,
    home: HomeOption = None,
    detach: Annotated[
        bool,
        typer.Option("--detach", "-d", help="Return when it answers; it goes on by itself."),
    ] = False,
    tls: TlsOption = True,
    stop_trials: Annotated[
        bool,
        typer.Option("--stop-trials", help="End running trials when the server is stopped."),
    ] = False,
    image: ImageOption = None,
    python: PythonOption = None,
    config: ConfigOption = None,
    ui_port: UiPortOption = None,
    no_ui: NoUiOption = False,
) -> None:
    """.

    The server goes on with every experiment of the home that is not finished. When it is stopped,
    running trials are left alone, and the next one adopts them.

    Examples:

      katib up
      katib up --detach --port 0
    """
    from katib.apps.server_record import find_server

    place = open_home(home)
    record = find_server(place)
    if record is not None:
        _tell_of_other(place, record)
        raise typer.Exit(ExitCode.UNAVAILABLE)
    if detach:
        where = ["--home", str(place.path), "--address", address, "--port", str(port)]
        switches = ["--tls" if tls else "--no-tls", *(["--stop-trials"] if stop_trials else [])]
        switches += ["--no-ui"] if no_ui else []
        switches += [] if ui_port is None else ["--ui-port", str(ui_port)]
        images = [word for one in image or [] for word in ("--image", one)]
        files = [*_option("--python", python), *_option("--config", config)]
        words = [*where, *switches, *images, *files]
        raise typer.Exit(_start_in_background(place, words, ui_port))
    from katib.apps.embedded import Options
    from katib.apps.server import ServerOptions

    options = ServerOptions(
        address=address,
        port=port,
        is_secure=tls,
        stops_trials=stop_trials,
        config="" if config is None else str(config.expanduser().absolute()),
        engine=Options(
            images=find_images(image or []),
            config=open_config(place, config),
            python=find_interpreter(python),
        ),
        has_ui=not no_ui,
        ui_port=ui_port,
    )
    _serve(place, options)


def _serve(place: Home, options: ServerOptions) -> None:
    from katib.apps.server import Server

    server = Server(place, options)

    def stop(number: int, _: object) -> None:
        server.stop(stops_trials=number == signal.SIGUSR1)

    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
    old = {one: signal.signal(one, stop) for one in signals}
    try:
        left = server.run(lambda record: _tell(place, record, options.ui_port))
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
    goes = "trial goes" if left == 1 else "trials go"
    more = f" {left} {goes} on by themselves; the next engine adopts them." if left else ""
    typer.echo(f"Stopped.{more}")


def _tell(place: Home, record: ServerRecord, ui_port: int | None) -> None:
    from katib.apps.kubeconfig import kubeconfig_path
    from katib.cli.status import ui_address

    path = shlex.quote(str(kubeconfig_path(place)))
    lines = [
        f"Katib serves {place.path} at {record.address} (process {record.pid}).",
        f"  export KUBECONFIG={path}",
    ]
    if record.address.startswith("https:"):
        lines.append("  kubectl get experiments,trials")
    else:
        lines.append("  (not for kubectl, which sends no token without TLS)")
    if record.ui:
        is_other = ui_port is None and urlsplit(record.ui).port != UI_PORT
        why = f" (port {UI_PORT} is taken)" if is_other else ""
        lines.append(f"Open {ui_address(place, record)}{why}")
    for line in lines:
        print(line, flush=True)


def _tell_of_other(place: Home, record: ServerRecord) -> None:
    from katib.api.codec import format_time

    stop = "stop it with katib down"
    if record.program:
        stop = f"that is {record.program}, a program of yours: end it"
    typer.echo(
        f"katib: {place.path} is served already, at {record.address} by process {record.pid} since "
        f"{format_time(record.started)}; {stop}, or serve another home with --home DIR",
        err=True,
    )


def _start_in_background(place: Home, words: Sequence[str], ui_port: int | None) -> int:
    """Start the server as a process of its own; the exit code, when it answers or has ended."""
    from katib.errors import StoreUnavailableError

    path = log_path(place)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as log:
            begin = log.tell()
            process = subprocess.Popen(
                [sys.executable, "-m", "katib", "up", *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
    except OSError as error:
        raise StoreUnavailableError(path, error.strerror or str(error)) from error
    record = _wait_until_ready(place, process)
    if record is not None:
        _tell(place, record, ui_port)
        typer.echo(f"It goes on in the background; its log is {path}. Stop it with: katib down")
        return ExitCode.OPTIMUM_FOUND
    with path.open("rb") as log:
        log.seek(begin)
        typer.echo(log.read().decode(errors="replace").rstrip(), err=True)
    code = process.poll()
    if code is None:
        typer.echo(
            f"katib: the server does not answer after {LONGEST_START:.0f} s; its log is {path}, "
            "and katib status tells when it does",
            err=True,
        )
    return code or ExitCode.FAILED


def _option(name: str, path: Path | None) -> list[str]:
    return [] if path is None else [name, str(path)]


def _wait_until_ready(place: Home, process: subprocess.Popen[bytes]) -> ServerRecord | None:
    from katib.apps.connection import connect
    from katib.apps.server_record import find_server

    deadline = time.monotonic() + LONGEST_START
    while time.monotonic() < deadline and process.poll() is None:
        record = find_server(place)
        is_ours = record is not None and record.pid == process.pid
        if record is not None and is_ours and connect(place, record).is_ready():
            return record
        time.sleep(_ASK_EVERY)
    return None
