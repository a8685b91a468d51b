"""The engine of one machine as a server: what Kubernetes clients take for a cluster.

The engine, the API and its listener live in one process. What is acknowledged is on disk, so a
server that is killed loses nothing of it; the next one in the same home adopts what runs.
"""

from __future__ import annotations

import ipaddress
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import NAMESPACE_URL, uuid5

import uvicorn
from msgspec.structs import replace
from prometheus_client import CollectorRegistry, generate_latest

from katib.api.codec import from_manifest
from katib.api.experiment import Experiment
from katib.api.kinds import CLUSTER_TRAINING_RUNTIMES
from katib.api.trial import TRIALS
from katib.api.values import Manifest, Unstructured
from katib.api_server.ports import ServerPorts
from katib.api_server.server import ApiServer
from katib.api_server.serving import TlsFiles, configure
from katib.apps.addresses import is_loopback, list_names, resolve
from katib.apps.certificates import prepare_certificates
from katib.apps.clock import SystemClock
from katib.apps.door import admission_context, admit_here
from katib.apps.embedded import EmbeddedEngine, Options
from katib.apps.home import Home
from katib.apps.kubeconfig import make_kubeconfig, read_token, write_kubeconfig
from katib.apps.listening import listen, listen_anywhere
from katib.apps.pod_logs import FilePodLogs
from katib.apps.server_record import (
    LOOPBACK,
    PORT,
    UI_PORT,
    ServerRecord,
    remove_record,
    write_record,
)
from katib.apps.ui_child import UiChild
from katib.errors import ConfigurationError, KatibError
from katib.executors.runtimes import builtin_runtimes
from katib.metering import ResourceMeter

#: How often it is looked at whether all goes well, in seconds.
_LOOK_EVERY = 0.5


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """How a home is served.

    Attributes:
        address: a host name or an IP address of this machine.
        port: 0 for a free one.
        is_secure: whether TLS is spoken. kubectl sends the token over nothing else.
        stops_trials: whether running trials are ended with the server; they start again with the
            next engine. Else they go on, and the next engine adopts them.
        config: the file that the engine's configuration is from; empty for the home's own, or none.
        engine: how the engine runs programs.
        has_ui: whether browsers are served, too, from this machine alone.
        ui_port: at which port, 0 for a free one; ``None`` for any, :data:`.UI_PORT` before others.
    """

    address: str = LOOPBACK
    port: int = PORT
    is_secure: bool = True
    stops_trials: bool = False
    config: str = ""
    engine: Options = field(default_factory=Options)
    has_ui: bool = False
    ui_port: int | None = None


class Server:
    """Serves a home until it is stopped.

    Args:
        home: its folder; locked while the server lives.
        options: how it is served.

    Raises:
        ConfigurationError: the address is not to be had, or would show the token to others.
        HomeLockedError: another engine works there.
        StoreUnavailableError: the disk refuses.
    """

    def __init__(self, home: Home, options: ServerOptions) -> None:
        check_address(options)
        self._home, self._options = home, options
        self._is_stopping = threading.Event()
        self._stops_trials = options.stops_trials
        self._engine = EmbeddedEngine(home, options.engine)
        try:
            self._meter = ResourceMeter(self._engine.store)
            token = read_token(home)
            self._api = ApiServer(_ports(self._engine, token, self._meter))
            self._socket = listen(options.address, options.port)
        except BaseException:
            self._engine.close()
            raise
        self._ui: UiChild | None = None
        try:
            if options.has_ui:
                self._ui = self._open_ui()
            self._listener, self.record = self._introduce(token)
        except BaseException:
            self._close_ui()
            self._socket.close()
            self._engine.close()
            raise

    def run(self, tell: Callable[[ServerRecord], None]) -> int:
        """Serve until :meth:`stop` is called; the number of trials that are left running.

        Args:
            tell: called once, when clients are answered.

        Raises:
            KatibError: the engine or the listener has ended by itself.
        """
        thread = threading.Thread(
            target=self._listener.run, kwargs={"sockets": [self._socket]}, name="api", daemon=True
        )
        try:
            self._engine.start()
            # Clients read observations there, as in a cluster, whether a trial pushes or not.
            self._engine.push.start()
            thread.start()
            write_record(self._home, self.record)
            tell(self.record)
            # It finds the engine by its record, and begins while clients are answered already.
            if self._ui is not None:
                self._ui.start()
            while not self._is_stopping.wait(_LOOK_EVERY):
                self._look(thread)
        finally:
            left = self._end(thread)
        return left

    def stop(self, stops_trials: bool = False) -> None:
        """End soon. From any thread; a second call cuts short what trials take to end.

        Args:
            stops_trials: end the running trials too, whatever the options say.
        """
        self._stops_trials = self._stops_trials or stops_trials
        if self._is_stopping.is_set() and self._stops_trials:
            self._engine.kill()
        self._is_stopping.set()

    def disown(self) -> None:
        """Let go of what a fork has left with this process; the server stays the other one's."""
        self._socket.close()
        if self._ui is not None:
            self._ui.disown()
        self._engine.disown()

    def _open_ui(self) -> UiChild:
        """Listen for browsers, who are answered when it is started."""
        port = self._options.ui_port
        if port is None:
            return UiChild(self._home, listen_anywhere(LOOPBACK, UI_PORT))
        return UiChild(self._home, listen(LOOPBACK, port, "--ui-port"))

    def _close_ui(self) -> None:
        if self._ui is not None:
            self._ui.close()

    def _introduce(self, token: str) -> tuple[uvicorn.Server, ServerRecord]:
        """The listener, and what the home tells of it."""
        options, now = self._options, datetime.now(UTC)
        port = self._socket.getsockname()[1]
        authority, tls = None, None
        if options.is_secure:
            names = list_names(options.address)
            found = prepare_certificates(self._home.path / "tls", names, now)
            authority, tls = found.authority, TlsFiles(found.certificate, found.key)
        listener = uvicorn.Server(configure(self._api.app, options.address, port, tls))
        address = _url(options, port)
        write_kubeconfig(self._home, make_kubeconfig(address, token, authority))
        record = ServerRecord(
            pid=os.getpid(),
            address=address,
            started=now.replace(microsecond=0),
            directory=str(options.engine.directory),
            config=options.config,
            program=options.engine.program,
            ui="" if self._ui is None else self._ui.url,
        )
        return listener, record

    def _look(self, thread: threading.Thread) -> None:
        if self._engine.failed.is_set():
            raise self._engine.failure or KatibError("the engine stopped without saying why")
        if not thread.is_alive():
            raise KatibError(f"the server no longer listens; see {self._home.log}")
        if self._ui is not None:
            self._ui.look()

    def _end(self, thread: threading.Thread) -> int:
        self._close_ui()
        # Watches end first: clients are told, and nobody waits for them.
        self._api.close()
        self._listener.should_exit = True
        if thread.ident is not None:
            thread.join()
        self._socket.close()
        if self._stops_trials:
            self._engine.interrupt()
        left = 0 if self._stops_trials else count_running(self._engine)
        self._meter.close()
        # While the home is still ours: the next server has a record of its own.
        remove_record(self._home)
        self._engine.close()
        return left


def count_running(engine: EmbeddedEngine) -> int:
    """How many trials have not ended."""
    return sum(not trial.is_completed for trial in engine.store.list(TRIALS))


def check_address(options: ServerOptions) -> None:
    """See that the token crosses no network in clear text.

    Raises:
        ConfigurationError: it would.
    """
    if not options.is_secure and not is_loopback(options.address):
        raise ConfigurationError(
            f"{options.address} can be reached from other machines, and without TLS everybody on "
            "the way could read the token: leave --no-tls out, or serve 127.0.0.1 only"
        )


def _url(options: ServerOptions, port: int) -> str:
    """How clients on this machine call the server."""
    host = options.address
    resolved = ipaddress.ip_address(resolve(host)[0])
    if resolved.is_unspecified:
        host = LOOPBACK if resolved.version == 4 else "::1"
    scheme = "https" if options.is_secure else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def _ports(engine: EmbeddedEngine, token: str, meter: ResourceMeter) -> ServerPorts:
    config = engine.options.config
    context = admission_context(engine.store.find, config)
    registry = CollectorRegistry()
    registry.register(meter)

    def admit(manifest: Manifest, old: Experiment | None) -> Experiment:
        return admit_here(manifest, context, old, config, engine.check_algorithm)

    return ServerPorts(
        store=engine.store,
        clock=SystemClock(),
        token=token,
        admit=admit,
        list_events=engine.list_events,
        hear_events=engine.hear_events,
        pod_logs=FilePodLogs(engine.store, engine.place),
        observations=engine.observations.read,
        metrics=lambda: generate_latest(registry).decode(),
        built_in=_runtimes(),
    )


def _runtimes() -> list[Unstructured]:
    """The training runtimes that are built in, as clients see them."""
    now = datetime.now(UTC).replace(microsecond=0)
    found = []
    for manifest in builtin_runtimes():
        runtime = from_manifest(CLUSTER_TRAINING_RUNTIMES, manifest)
        # The same for every server: a client that goes on after a restart sees no other object.
        uid = str(uuid5(NAMESPACE_URL, f"{runtime.api_version}/{runtime.metadata.name}"))
        metadata = replace(
            runtime.metadata, uid=uid, resource_version="1", generation=1, creation_timestamp=now
        )
        found.append(replace(runtime, metadata=metadata))
    return found
