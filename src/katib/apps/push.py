"""Pushed metrics on one machine: what a trial's program needs to report to this engine.

A program may push by HTTP, to an address of its trial's own. One made for a cluster asks for the
database manager there. It finds this engine's through a proxy that its gRPC library is told of, and
the namespace of its trial in a file that Python is made to see. The proxy's address holds the
trial's token as a password, so that such a program shows who it is without knowing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TypeVar

import msgspec

from katib.api import names
from katib.api.codec import typed
from katib.api.experiment import EXPERIMENTS, CollectorSpec
from katib.api.trial import TRIALS, Trial
from katib.api.values import Key, Unstructured, Value
from katib.apps.tokens import Tokens, read_secret
from katib.collectors.inbox import Inbox, Report
from katib.errors import ConfigurationError, KatibError, StoreUnavailableError
from katib.executors import shim
from katib.ports.observation_log import MetricEntry, ObservationLog
from katib.ports.resource_store import ResourceReader
from katib.ports.sidecar import Outfit, Sidecar, Sidecars

LOOPBACK = "127.0.0.1"

#: Where gRPC looks for a proxy, and for what it reaches without one; the first that is set counts.
_PROXY_VARIABLES = ("grpc_proxy", "https_proxy", "http_proxy")
_DIRECT_VARIABLES = ("no_grpc_proxy", "no_proxy")

#: What everything else reaches without a proxy; some programs know one name only.
_OTHERS_DIRECT = ("no_proxy", "NO_PROXY")


class Ports(Value, frozen=True):
    """Where an engine answers on the loopback. Kept, so that programs outlive an engine.

    Attributes:
        db_manager: the database manager's gRPC service.
        proxy: leads to it by its name in a cluster.
        metrics: the endpoint that metrics are pushed to by HTTP.
    """

    db_manager: int = 0
    proxy: int = 0
    metrics: int = 0


class Push:
    """Serves an observation log to the trials that push. Costs nothing until it is started.

    Args:
        store: where trials are found.
        log: what is read.
        inbox: takes what is pushed.
        home: the folder in which the ports are kept, for the next engine and for users, and the
            secret of the trials' tokens.
        variables: this process's environment.
    """

    def __init__(
        self,
        store: ResourceReader,
        log: ObservationLog,
        inbox: Inbox,
        home: Path,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self._store, self._log, self._inbox = store, log, inbox
        self._file, self._secret = home / "push.json", home / "push.key"
        self._variables = os.environ if variables is None else variables
        self._lock = Lock()
        self._ports: Ports | None = None
        self._tokens: Tokens | None = None
        self._closers: list[Callable[[], None]] = []

    def start(self) -> str:
        """Serve from now on, if that is not so yet; the gRPC service's address, ``host:port``.

        Raises:
            ConfigurationError: this machine gives no port.
            StoreUnavailableError: the ports or the secret cannot be kept.
        """
        ports, _ = self._started()
        return f"{LOOPBACK}:{ports.db_manager}"

    def environment(self, trial: Trial) -> dict[str, str]:
        """The variables for a trial's program; the services are started for it.

        Raises:
            ConfigurationError: this machine gives no port.
            StoreUnavailableError: the ports or the secret cannot be kept.
        """
        # Starlette is loaded by those who push.
        from katib.collectors.endpoint import path_of

        ports, tokens = self._started()
        token = tokens.token_of(trial.key, trial.metadata.uid)
        given = self._variables
        path = [str(shim.FOLDER), *given.get("PYTHONPATH", "").split(os.pathsep)]
        return {
            names.ENV_METRICS_URL: f"http://{LOOPBACK}:{ports.metrics}{path_of(trial.key)}",
            names.ENV_METRICS_TOKEN: token,
            "KATIB_NAMESPACE": trial.metadata.namespace,
            # As in a cluster: by this name, and through the proxy, a trial is known.
            names.ENV_DB_MANAGER_HOST: "katib-db-manager",
            names.ENV_DB_MANAGER_NAMESPACE: "kubeflow",
            names.ENV_DB_MANAGER_PORT: "6789",
            "grpc_proxy": f"http://katib:{token}@{LOOPBACK}:{ports.proxy}",
            "no_grpc_proxy": _direct(_first(given, _DIRECT_VARIABLES)),
            **dict.fromkeys(_OTHERS_DIRECT, _direct(_first(given, _OTHERS_DIRECT))),
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

    def _started(self) -> tuple[Ports, Tokens]:
        with self._lock:
            if self._tokens is None:
                self._tokens = Tokens(self._store, read_secret(self._secret))
            if self._ports is None:
                try:
                    self._ports = self._open(_read(self._file), self._tokens)
                except BaseException:
                    self._stop()
                    raise
            return self._ports, self._tokens

    def _stop(self) -> None:
        while self._closers:
            self._closers.pop()()

    def _open(self, kept: Ports, tokens: Tokens) -> Ports:
        # gRPC, asyncio and a web server are loaded by those who push.
        from katib.apps.metrics_listener import MetricsListener
        from katib.collectors.endpoint import MetricsEndpoint
        from katib.executors.proxy import ConnectProxy, Target, Upstream
        from katib.rpc.db_manager import Guard, serve

        # By the port from which the proxy calls the service.
        passwords: dict[int, str] = {}
        guard = Guard(partial(_find_caller, tokens, passwords), self._take)
        server = _at(
            lambda port: serve(self._log, self.find_trial, f"{LOOPBACK}:{port}", guard),
            kept.db_manager,
        )
        self._closers.append(server.close)
        upstream = Upstream.of(_first(self._variables, _PROXY_VARIABLES))
        here = Target(LOOPBACK, server.port)
        proxy = _at(lambda port: ConnectProxy(here, port, upstream, passwords), kept.proxy)
        self._closers.append(proxy.close)
        app = MetricsEndpoint(self._inbox, tokens.find_trial, partial(datetime.now, UTC))
        listener = _at(lambda port: MetricsListener(app, port), kept.metrics)
        self._closers.append(listener.close)
        ports = Ports(db_manager=server.port, proxy=proxy.port, metrics=listener.port)
        if ports != kept:
            _write(self._file, ports)
        return ports

    def _take(self, trial: Key, entries: Sequence[MetricEntry], content: bytes) -> None:
        self._inbox.take(trial, Report(entries, content))


def _find_caller(tokens: Tokens, passwords: Mapping[int, str], token: str, peer: str) -> Key | None:
    """The trial of a token, else of a connection, which gRPC words as ``ipv4:127.0.0.1:50123``."""
    port = peer.rpartition(":")[2]
    token = token or (passwords.get(int(port), "") if port.isdigit() else "")
    return tokens.find_trial(token) if token else None


_Opened = TypeVar("_Opened")


def _at(open_at: Callable[[int], _Opened], port: int) -> _Opened:
    """Open something at a port, or at any other when that one cannot be had."""
    try:
        return open_at(port)
    except (ConfigurationError, OSError):
        if port == 0:
            raise
        return open_at(0)


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
        return _Equipped(sidecar, self._push.environment(trial))


class _Equipped:
    """A sidecar whose pod gets more variables."""

    def __init__(self, sidecar: Sidecar, additions: Mapping[str, str]) -> None:
        self._sidecar = sidecar
        self.environment = {**sidecar.environment, **additions}

    @property
    def note(self) -> str:
        return self._sidecar.note

    @property
    def stop_reason(self) -> str:
        return self._sidecar.stop_reason

    def advance(self, is_ended: bool, is_failed: bool = False) -> bool:
        return self._sidecar.advance(is_ended, is_failed)

    def note_stop(self, reason: str) -> None:
        self._sidecar.note_stop(reason)


def is_pushed(trial: Trial) -> bool:
    """Whether the trial's program reports its metrics itself."""
    return (trial.spec.metrics_collector.collector or CollectorSpec()).kind == "Push"


def _read(file: Path) -> Ports:
    """The ports of an earlier engine; none when they cannot be read."""
    try:
        ports = typed(Ports, file.read_bytes())
    except (OSError, msgspec.DecodeError):
        return Ports()
    kept = (ports.db_manager, ports.proxy, ports.metrics)
    is_legal = all(0 <= port < 1 << 16 for port in kept)
    return ports if is_legal else Ports()


def _write(file: Path, ports: Ports) -> None:
    try:
        file.write_bytes(msgspec.json.encode(ports) + b"\n")
    except OSError as error:
        raise StoreUnavailableError(file, error.strerror or str(error)) from error


def _direct(places: str) -> str:
    """A list of places that are reached without a proxy, with this machine at its beginning."""
    names = map(str.strip, ("localhost", LOOPBACK, *places.split(",")))
    return ",".join(dict.fromkeys(filter(None, names)))


def _first(variables: Mapping[str, str], wanted: tuple[str, ...]) -> str:
    return next((variables[name] for name in wanted if variables.get(name)), "")
