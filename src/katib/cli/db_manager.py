"""``katib db-manager``: observation logs as a gRPC service."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from katib.cli.databases import UrlArgument, find_url
from katib.errors import ConfigurationError

if TYPE_CHECKING:
    from katib.rpc.serving import Access

_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?")


AddressOption = Annotated[
    str,
    typer.Option(
        "--listen-address",
        "-listen-address",
        metavar="HOST:PORT",
        help="Where to listen; port 0 for a free one. Katib's is 0.0.0.0:6789.",
    ),
]
TimeoutOption = Annotated[
    str,
    typer.Option(
        "--connect-timeout",
        "-connect-timeout",
        metavar="DURATION",
        help="How long the database may be away at the start, as 90s or 2m.",
    ),
]
TokenOption = Annotated[
    Path | None,
    typer.Option(
        "--token-file",
        metavar="FILE",
        help="Holds the token that callers must carry, as authorization: Bearer TOKEN.",
    ),
]
TrialSecretOption = Annotated[
    Path | None,
    typer.Option(
        "--trial-secret",
        metavar="FILE",
        help="Holds the secret by which the operator knows its trials, trials.key of its Secret: "
        "each trial may then report for itself and nobody else. With --token-file.",
    ),
]
CertificateOption = Annotated[
    Path | None,
    typer.Option("--tls-certificate", metavar="FILE", help="PEM; with --tls-key, TLS is spoken."),
]
KeyOption = Annotated[
    Path | None, typer.Option("--tls-key", metavar="FILE", help="The certificate's key, PEM.")
]
InsecureOption = Annotated[
    bool,
    typer.Option(
        "--insecure", help="Let other machines call without a token, as Katib's clients do."
    ),
]


def db_manager(
    url: UrlArgument = None,
    listen_address: AddressOption = "127.0.0.1:6789",
    connect_timeout: TimeoutOption = "60s",
    token_file: TokenOption = None,
    trial_secret: TrialSecretOption = None,
    tls_certificate: CertificateOption = None,
    tls_key: KeyOption = None,
    insecure: InsecureOption = False,
) -> None:
    """.

    The service is api.v1.beta1.DBManager, with gRPC health. The database gets the table of this
    version first, unless SKIP_DB_INITIALIZATION is set. Any number of these may serve one database
    of a server.

    Examples:

      katib db-manager postgresql://katib@localhost/katib
      DB_NAME=mysql katib db-manager -listen-address 0.0.0.0:6789 --insecure
    """
    from katib.apps.db_manager import DBManagerService, Options
    from katib.configuration.databases import skips_initialization

    options = Options(
        url=find_url(url),
        address=listen_address,
        access=_read_access(token_file, tls_certificate, tls_key),
        trial_secret=_read("--trial-secret", trial_secret),
        is_open=insecure,
        prepares=not skips_initialization(os.environ),
        connect_seconds=_read_duration(connect_timeout),
    )
    service = DBManagerService(options)

    def stop(number: int, _: object) -> None:
        service.stop()

    signals = (signal.SIGINT, signal.SIGTERM)
    old = {one: signal.signal(one, stop) for one in signals}
    host = listen_address.rpartition(":")[0]
    try:
        service.run(lambda port: _tell(f"{host}:{port}"), _tell_waiting)
    finally:
        for one, handler in old.items():
            signal.signal(one, handler)


def _tell(address: str) -> None:
    print(f"Serving observation logs at {address}; stop it with Ctrl-C.", flush=True)


def _tell_waiting(problem: str) -> None:
    typer.echo(f"Waiting for the database: {problem}", err=True)


def _read_access(
    token_file: Path | None, tls_certificate: Path | None, tls_key: Path | None
) -> Access:
    from katib.rpc.serving import Access

    if (tls_certificate is None) != (tls_key is None):
        raise typer.BadParameter("--tls-certificate and --tls-key go together")
    token = _read("--token-file", token_file).decode(errors="replace").strip()
    if token_file is not None and not token:
        raise ConfigurationError(f"--token-file {token_file} is empty; it should hold a token")
    return Access(token, _read("--tls-key", tls_key), _read("--tls-certificate", tls_certificate))


def _read(option: str, path: Path | None) -> bytes:
    if path is None:
        return b""
    try:
        return path.expanduser().read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{option} {path}: {error.strerror or error}") from error


def _read_duration(text: str) -> float:
    found = _DURATION.fullmatch(text)
    if not text or found is None:
        raise typer.BadParameter(f"--connect-timeout {text}: write a duration, as 90s or 2m")
    hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return hours * 3600 + minutes * 60 + seconds
