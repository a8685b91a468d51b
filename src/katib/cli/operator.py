"""``katib operator``: the engine of a cluster."""

from __future__ import annotations

import logging
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from katib.cli.options import ContextOption, KubeconfigOption, check_cluster_is_installed
from katib.errors import ConfigurationError

if TYPE_CHECKING:
    from katib.apps.operating import Operator

OnlyNamespaceOption = Annotated[
    str | None,
    typer.Option(
        "--namespace",
        "-n",
        help="Run the experiments of this namespace only. Default: those of all.",
        show_default=False,
    ),
]
KatibConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--katib-config",
        "-katib-config",
        metavar="FILE",
        help="A KatibConfig. Default: the ConfigMap katib-config in the namespace that "
        "KATIB_CORE_NAMESPACE names, when there is one.",
        show_default=False,
    ),
]
DBManagerOption = Annotated[
    str,
    typer.Option(
        "--db-manager",
        metavar="HOST:PORT",
        help="Where observation logs are kept. Default: as the variables "
        "KATIB_DB_MANAGER_SERVICE_IP, _NAMESPACE and _PORT say.",
        show_default=False,
    ),
]
DBManagerTokenOption = Annotated[
    Path | None,
    typer.Option(
        "--db-manager-token",
        metavar="FILE",
        help="Holds the token that the database manager asks for.",
    ),
]

ImageOption = Annotated[
    str,
    typer.Option(
        "--image",
        envvar="KATIB_IMAGE",
        metavar="REF",
        help="The image of Katib as the cluster knows it, for the metrics collectors of trials. "
        "Without one, only collectors whose images katib-config names can be used.",
        show_default=False,
    ),
]
StopsAddressOption = Annotated[
    str,
    typer.Option(
        "--early-stopping-address",
        metavar="HOST:PORT",
        help="Where the collectors of trials say that they have stopped them.",
    ),
]


CallsOption = Annotated[
    float,
    typer.Option(
        "--calls-per-second",
        min=1.0,
        help="How often the API server is called at most, in the long run.",
    ),
]


def operator(
    kubeconfig: KubeconfigOption = None,
    context: ContextOption = "",
    namespace: OnlyNamespaceOption = None,
    katib_config: KatibConfigOption = None,
    db_manager: DBManagerOption = "",
    db_manager_token: DBManagerTokenOption = None,
    image: ImageOption = "",
    stops_address: StopsAddressOption = ":6788",
    calls_per_second: CallsOption = 200.0,
) -> None:
    """.

    It does what katib up does on one machine: it asks the algorithms, makes the trials, creates
    their runs, and finds the optimum; the cluster runs them. Search and early stopping algorithms
    that are built in are asked in this process, others in Deployments that it makes for them. It
    may be killed at any moment: the next one goes on. It waits for what is away.

    Examples:

      katib operator
      katib operator --kubeconfig ~/.kube/config --namespace team-a --db-manager localhost:6789
    """
    check_cluster_is_installed("katib operator")
    from katib.apps.operating import Operator, Options
    from katib.apps.operator import DBManager
    from katib.configuration.environment import read_environment
    from katib.kubernetes.client import KubernetesClient
    from katib.kubernetes.pace import Pace

    _log_to_stderr()
    environment = read_environment()
    address = _check_address(db_manager or environment.db_manager_address)
    options = Options(
        DBManager(address, _read_token(db_manager_token)),
        environment.core_namespace,
        namespace,
        katib_config,
        image,
        stops_address,
    )
    pace = Pace(calls_per_second, burst=int(2 * calls_per_second))
    client = KubernetesClient.connect(kubeconfig, context, pace)
    _run(Operator(client, options), namespace)


def _run(operator: Operator, namespace: str | None) -> None:
    def stop(number: int, _: object) -> None:
        operator.stop()

    signals = (signal.SIGINT, signal.SIGTERM)
    old = {one: signal.signal(one, stop) for one in signals}
    where = "of all namespaces" if namespace is None else f"of the namespace {namespace}"
    try:
        operator.run(lambda: print(f"Running the experiments {where}.", flush=True))
    finally:
        for one, handler in old.items():
            signal.signal(one, handler)


def _log_to_stderr() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logger = logging.getLogger("katib")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)


def _check_address(address: str) -> str:
    host, _, port = address.rpartition(":")
    if not host or not (port.isascii() and port.isdigit() and 0 < int(port) < 1 << 16):
        raise typer.BadParameter(
            f"--db-manager {address}: write HOST:PORT, as katib-db-manager.kubeflow:6789"
        )
    return address


def _read_token(path: Path | None) -> str:
    if path is None:
        return ""
    try:
        token = path.expanduser().read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"--db-manager-token {path}: {error}") from error
    if not token:
        raise ConfigurationError(f"--db-manager-token {path} is empty; it should hold a token")
    return token
