"""Pushed metrics on one machine: what a trial's program needs to report to this engine.

An unmodified program asks for the database manager of a cluster. It finds this engine's through a
proxy that its gRPC library is told of, and the namespace of its trial in a file that Python is made
to see.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Lock

import msgspec

from katib.api import names
from katib.api.experiment import EXPERIMENTS, CollectorSpec
from katib.api.trial import TRIALS, Trial
from katib.api.values import Key, Unstructured, Value
from katib.collectors.following import Bare
from katib.errors import ConfigurationError, KatibError, StoreUnavailableError
from katib.executors import shim
from katib.ports.observation_log import ObservationLog
from katib.ports.resource_store import ResourceReader
from katib.ports.sidecar import Outfit, Sidecar, Sidecars

LOOPBACK = "127.0.0.1"

#: Where gRPC looks for a proxy, and for what it reaches without one; the first that is set counts.
_PROXY_VARIABLES = ("grpc_proxy", "https_proxy", "http_proxy")
_DIRECT_VARIABLES = ("no_grpc_proxy", "no_proxy")


class Ports(Value, frozen=True):
    """Where an engine answers on the loopback. Kept, so that programs outlive an engine.

    Attributes:
        db_manager: the database manager's gRPC service.
        proxy: leads to it by its name in a cluster.
    """

    db_manager: int = 0
    proxy: int = 0


class Push:
    """Serves an observation log to the trials that push. Costs nothing until it is started.

    Args:
        store: where trials are found.
        log: what is reported to.
        ports: the file in which the ports are kept, for the next engine and for users.
        variables: this process's environment.
    """

    def __init__(
        self,
        store: ResourceReader,
        log: ObservationLog,
        ports: Path,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self._store, self._log, self._file = store, log, ports
        self._variables = os.environ if variables is None else variables
        self._lock = Lock()
        self._ports: Ports | None = None
        self._closers: list[Callable[[], None]] = []

    def start(self) -> str:
        """Serve from now on, if that is not so yet; the service's address, ``host:port``.

        Raises:
            ConfigurationError: this machine gives no port.
            StoreUnavailableError: the ports cannot be kept.
        """
        with self._lock:
            if self._ports is None:
                try:
                    self._ports = self._open(_read(self._file))
                except BaseException:
                    self._stop()
                    raise
            return f"{LOOPBACK}:{self._ports.db_manager}"

    def environment(self, namespace: str) -> dict[str, str]:
        """The variables for the trials of a namespace; the service is started for them.

        Raises:
            ConfigurationError: this machine gives no port.
            StoreUnavailableError: the ports cannot be kept.
        """
        self.start()
        ports = self._ports or Ports()
        given = self._variables
        direct = ["localhost", LOOPBACK, *_first(given, _DIRECT_VARIABLES).split(",")]
        path = [str(shim.FOLDER), *given.get("PYTHONPATH", "").split(os.pathsep)]
        return {
            "KATIB_NAMESPACE": namespace,
            "KATIB_DB_MANAGER_SERVICE_IP": LOOPBACK,
            # Empty, or the address would be that of a service of this name in that namespace.
            "KATIB_DB_MANAGER_SERVICE_NAMESPACE": "",
            "KATIB_DB_MANAGER_SERVICE_PORT": str(ports.db_manager),
            "grpc_proxy": f"http://{LOOPBACK}:{ports.proxy}",
            "no_grpc_proxy": ",".join(dict.fromkeys(filter(None, map(str.strip, direct)))),
            "PYTHONPATH": os.pathsep.join(dict.fromkeys(filter(None, path))),
        }

    def find_trial(self, name: str) -> Key | None:
        """The trial of a bare name; one that goes on before those that have ended.

        Raises:
            KatibError: several namespaces have a trial of that name.
        """
        namespaces = {one.metadata.namespace for one in self._store.list(EXPERIMENTS)}
        keys = [Key(namespace, name) for namespace in sorted(namespaces)]
        found = [trial for key in keys if (trial := self._store.find(TRIALS, key)) is not None]
        meant = [trial for trial in found if not trial.is_completed] or found
        if len(meant) > 1:
            places = " and ".join(trial.metadata.namespace for trial in meant)
            raise KatibError(
                f'the namespaces {places} all have a trial "{name}", and a report does not say '
                "which is meant; give one of the experiments another name"
            )
        return meant[0].key if meant else None

    def close(self) -> None:
        """Answer what is being asked, and stop; the ports stay known."""
        with self._lock:
            self._ports = None
            self._stop()

    def _stop(self) -> None:
        while self._closers:
            self._closers.pop()()

    def _open(self, kept: Ports) -> Ports:
        # gRPC and asyncio are loaded by those who push.
        from katib.executors.proxy import ConnectProxy, Target, Upstream
        from katib.rpc.db_manager import serve

        try:
            server = serve(self._log, self.find_trial, f"{LOOPBACK}:{kept.db_manager}")
        except ConfigurationError:
            if kept.db_manager == 0:
                raise
            server = serve(self._log, self.find_trial, f"{LOOPBACK}:0")
        self._closers.append(server.close)
        here = Target(LOOPBACK, server.port)
        upstream = Upstream.of(_first(self._variables, _PROXY_VARIABLES))
        try:
            proxy = ConnectProxy(here, kept.proxy, upstream)
        except OSError:
            proxy = ConnectProxy(here, 0, upstream)
        self._closers.append(proxy.close)
        ports = Ports(db_manager=server.port, proxy=proxy.port)
        if ports != kept:
            _write(self._file, ports)
        return ports


class PushSidecars:
    """Gives the pods of trials that push what they need for it; the others are left alone.

    Args:
        sidecars: attaches the sidecars.
        store: where trials are found.
        push: serves those that push.
    """

    def __init__(self, sidecars: Sidecars, store: ResourceReader, push: Push) -> None:
        self._sidecars, self._store, self._push = sidecars, store, push

    def attach(self, pod: Unstructured, outfit: Outfit) -> Sidecar | None:
        sidecar = self._sidecars.attach(pod, outfit)
        if sidecar is None:
            return None
        namespace = pod.metadata.namespace
        trial = self._store.find(
            TRIALS, Key(namespace, sidecar.environment.get(names.ENV_TRIAL_NAME, ""))
        )
        if trial is None or not is_pushed(trial):
            return sidecar
        additions = self._push.environment(namespace)
        return Bare({**sidecar.environment, **additions}, sidecar.stop_reason)


def is_pushed(trial: Trial) -> bool:
    """Whether the trial's program reports its metrics itself."""
    return (trial.spec.metrics_collector.collector or CollectorSpec()).kind == "Push"


def _read(file: Path) -> Ports:
    """The ports of an earlier engine; none when they cannot be read."""
    try:
        ports = msgspec.json.decode(file.read_bytes(), type=Ports)
    except (OSError, msgspec.DecodeError):
        return Ports()
    is_legal = all(0 <= port < 1 << 16 for port in (ports.db_manager, ports.proxy))
    return ports if is_legal else Ports()


def _write(file: Path, ports: Ports) -> None:
    try:
        file.write_bytes(msgspec.json.encode(ports) + b"\n")
    except OSError as error:
        raise StoreUnavailableError(file, error.strerror or str(error)) from error


def _first(variables: Mapping[str, str], wanted: tuple[str, ...]) -> str:
    return next((variables[name] for name in wanted if variables.get(name)), "")
