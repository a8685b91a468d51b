"""The process of a cluster's engine: it waits for what it needs, leads, answers probes, and stops.

Several may run; one of them leads, and the others are ready to.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from prometheus_client import CollectorRegistry

from katib.api.experiment import EXPERIMENTS
from katib.api.kinds import DEPLOYMENTS, PERSISTENT_VOLUME_CLAIMS, SERVICES
from katib.api.suggestion import SUGGESTIONS
from katib.api.trial import TRIALS
from katib.api.values import Kind
from katib.apps.clock import SystemClock
from katib.apps.cluster_config import cluster_config
from katib.apps.health import HealthServer, served_everywhere
from katib.apps.operator import ORDINARY, ClusterEngine, DBManager, Site
from katib.apps.operator_meters import OperatorMeters
from katib.apps.trial_secret import read_trial_secret
from katib.apps.trial_stops import TrialStops
from katib.apps.webhook_certificates import (
    CertificateSource,
    MountedCertificates,
    Place,
    RotatingCertificates,
)
from katib.apps.webhook_server import WebhookServer
from katib.apps.webhooks import OwnerReader, Pods, make_app
from katib.configuration.defaults import WEBHOOK_SECRET, WEBHOOK_SERVICE
from katib.configuration.models import InitConfig
from katib.errors import ConfigurationError, KatibError, NotFoundError, RequestRefusedError
from katib.kubernetes.client import KubernetesClient
from katib.kubernetes.discovery import Discovery
from katib.kubernetes.events import KubernetesEventRecorder
from katib.kubernetes.leader import Candidate, LeaderElection
from katib.kubernetes.sidecars import EARLY_STOPPING_PORT
from katib.kubernetes.version import has_grpc_probes, has_native_sidecars
from katib.metering import ResourceMeter, serve_registry
from katib.rpc.trial_status import TrialStatuses, serve_trial_statuses
from katib.stores.kubernetes import KubernetesStore

_LOG = logging.getLogger(__name__)

#: How long it is waited before what is needed is looked for again, in seconds.
LOOK_AGAIN = 2.0

#: Where the certificate of the webhooks is mounted when something else makes it.
MOUNTED = Path("/tmp/cert")

#: How often it is looked whether the engine still works, in seconds.
LOOK_EVERY = 0.5

T = TypeVar("T")

#: What there must be, and may be read, before anything can be done: all that the engine looks at
#: when it begins.
_KINDS: tuple[Kind[Any], ...] = (
    EXPERIMENTS,
    SUGGESTIONS,
    TRIALS,
    DEPLOYMENTS,
    SERVICES,
    PERSISTENT_VOLUME_CLAIMS,
)


class _StoppedError(Exception):
    """The operator is to stop while it waits for something."""


@dataclass(frozen=True, slots=True)
class Options:
    """How an operator works.

    Attributes:
        namespace: whose experiments it runs; ``None`` for those of all namespaces.
        config: a KatibConfig; ``None`` for the one in Katib's ConfigMap.
        db_manager: where observation logs are.
        core_namespace: of that ConfigMap, and of the operator's own Secret and Service.
        image: that holds our own metrics collector; empty when it is not known.
        stops_address: where collectors say that they have stopped a trial.
    """

    db_manager: DBManager
    core_namespace: str
    namespace: str | None = None
    config: Path | None = None
    image: str = ""
    stops_address: str = f":{EARLY_STOPPING_PORT}"


class Operator:
    """Runs the experiments of a cluster until it is stopped.

    That the API server is away, that a kind is not installed or a right is missing does not end it:
    it waits, and says for what at ``/readyz`` and in its log.

    Args:
        client: speaks to the API server; closed at the end.
        options: how it works.
    """

    def __init__(self, client: KubernetesClient, options: Options) -> None:
        self._client, self._options = client, options
        self._stopping = threading.Event()
        self._trouble = "the operator has just been started"
        self._webhooks: WebhookServer | None = None
        self._election: LeaderElection | None = None
        self._is_lost = False

    def run(self, tell: Callable[[], None]) -> None:
        """Work until :meth:`stop` is called.

        Args:
            tell: called once, when experiments are run.

        Raises:
            ConfigurationError: the configuration is not legal, or an address cannot be had.
            KatibError: the work cannot go on; another process should take over.
        """
        try:
            with ExitStack() as ends:
                self._work(ends, tell)
        except _StoppedError:
            return

    def stop(self) -> None:
        """End soon. From any thread."""
        self._stopping.set()
        election = self._election
        if election is not None and not election.is_leader:
            # It may wait for its turn.
            election.release()

    def _work(self, ends: ExitStack, tell: Callable[[], None]) -> None:
        options, clock = self._options, SystemClock()
        ends.callback(self._client.close)
        store = KubernetesStore(self._client, clock, options.namespace)
        ends.callback(store.close)
        config = cluster_config(options.config, store, options.core_namespace, clock)
        init = self._wait_for("the configuration", config.now).init
        registry = CollectorRegistry()
        meters = OperatorMeters(registry)
        meters.count_calls(self._client)
        find_trouble = partial(self._find_trouble, store)
        health = HealthServer(served_everywhere(init.controller.healthz_addr), find_trouble)
        ends.callback(health.close)
        ends.callback(serve_registry(registry, served_everywhere(init.controller.metrics_addr)))
        if init.controller.enable_leader_election:
            self._election = self._take_part(init.controller.leader_election_id)
            ends.callback(self._election.release)
            if self._stopping.is_set():
                # Who stopped it has found no election to end.
                self._election.release()
        self._wait_for("the namespace", self._check_namespace)
        for kind in _KINDS:
            self._wait_for(kind.plural, partial(store.list, kind))
        site = self._wait_for("what the API server says of itself", partial(self._site, init))
        events = KubernetesEventRecorder(self._client, clock, ORDINARY)
        ends.callback(events.close)
        engine = ClusterEngine(store, events, config, site, meters.note_reconcile)
        ends.callback(engine.close)
        stops = TrialStops(store, events, clock)
        statuses = TrialStatuses(engine.tokens.find_trial, stops.stop)
        ends.callback(
            serve_trial_statuses(statuses, served_everywhere(options.stops_address)).close
        )
        self._serve_webhooks(ends, engine, init)
        # Who waits for its turn to lead is ready to.
        self._trouble = ""
        if self._election is not None:
            _LOG.info("Ready; it waits for its turn to lead")
            if not self._election.acquire():
                return
        # Only who leads counts, or everything would be counted by several.
        meter = ResourceMeter(store)
        ends.callback(meter.close)
        registry.register(meter)
        engine.start()
        tell()
        self._watch_over(engine)

    def _check_namespace(self) -> None:
        """Raise when there is none of the name that was given: nothing would ever happen in it."""
        namespace = self._options.namespace
        if namespace in (None, self._client.namespace):
            # A pod's own is there, and it needs no right to look at namespaces.
            return
        try:
            self._client.request("GET", f"/api/v1/namespaces/{namespace}")
        except NotFoundError as error:
            raise ConfigurationError(
                f'there is no namespace "{namespace}", so there are no experiments to run; name '
                f"another with --namespace, or make it: kubectl create namespace {namespace}"
            ) from error
        except RequestRefusedError:
            # Rights in a namespace are given where it is.
            return

    def _take_part(self, name: str) -> LeaderElection:
        """This process's part in the choice of the operator that leads."""
        identity = f"{socket.gethostname()}_{uuid4()}"
        candidate = Candidate(self._options.core_namespace, name, identity)
        return LeaderElection(self._client, SystemClock(), candidate, self._lose)

    def _lose(self) -> None:
        self._is_lost = True
        # At once: another may lead before everything here has ended in good order.
        self._client.close()

    def _site(self, init: InitConfig) -> Site:
        options = self._options
        secret = init.cert_generator.webhook_secret_name or WEBHOOK_SECRET
        service = init.cert_generator.webhook_service_name or WEBHOOK_SERVICE
        return Site(
            options.db_manager,
            f"{service}.{options.core_namespace}:{EARLY_STOPPING_PORT}",
            read_trial_secret(self._client, options.core_namespace, secret),
            options.image,
            has_native_sidecars(self._client),
            has_grpc_probes(self._client),
        )

    def _serve_webhooks(self, ends: ExitStack, engine: ClusterEngine, init: InitConfig) -> None:
        """Serve them where there is a certificate, or one can be made."""
        generator, namespace = init.cert_generator, self._options.core_namespace
        source: CertificateSource
        if generator.enable:
            place = Place(namespace, generator.webhook_secret_name, generator.webhook_service_name)
            source = RotatingCertificates(self._client, place, SystemClock())
        elif MOUNTED.is_dir():
            source = MountedCertificates(MOUNTED)
        else:
            return
        discovery = Discovery(self._client)
        owners = OwnerReader(self._client, lambda kind, key: discovery.get(kind).path(*key))
        app = make_app(engine.door.admit, Pods(engine.store, owners, engine.cluster))
        server = WebhookServer(app, source, port=init.controller.webhook_port)
        ends.callback(server.close)
        server.start()
        self._webhooks = server

    def _find_trouble(self, store: KubernetesStore) -> str:
        trouble = self._trouble or next(filter(None, map(store.find_refusal, _KINDS)), "")
        if trouble or self._webhooks is None or self._webhooks.is_ready:
            return trouble
        return "the webhooks have no certificate yet; the log says why"

    def _watch_over(self, engine: ClusterEngine) -> None:
        while not self._stopping.wait(LOOK_EVERY):
            if self._is_lost:
                raise KatibError("another operator leads now; this one begins anew")
            if engine.failed.is_set():
                raise engine.failure or KatibError("the engine stopped without saying why")

    def _wait_for(self, what: str, ask: Callable[[], T]) -> T:
        """What is there once it is asked for without an error.

        Raises:
            ConfigurationError: waiting would not help.
        """
        while True:
            try:
                return ask()
            except ConfigurationError:
                raise
            except KatibError as error:
                self._tell_trouble(f"waiting for {what}: {error}")
            if self._stopping.wait(LOOK_AGAIN):
                raise _StoppedError

    def _tell_trouble(self, trouble: str) -> None:
        if trouble != self._trouble:
            _LOG.warning("%s", trouble)
        self._trouble = trouble
