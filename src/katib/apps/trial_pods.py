"""What the operator does for the pods of trials: gives them collectors, and hears of their ends."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from katib.api.trial import Trial
from katib.api.values import Key, Unstructured
from katib.apps.clock import SystemClock
from katib.apps.cluster_door import ClusterDoor
from katib.apps.tokens import Tokens
from katib.apps.trial_stops import TrialStops
from katib.apps.webhook_certificates import (
    CertificateSource,
    MountedCertificates,
    Place,
    RotatingCertificates,
)
from katib.apps.webhook_server import WebhookServer
from katib.apps.webhooks import OwnerReader, Pods, experiment_of, make_app
from katib.configuration import KatibConfig
from katib.configuration.defaults import TOKEN_SECRET, WEBHOOK_SECRET, WEBHOOK_SERVICE
from katib.configuration.in_cluster import InCluster
from katib.kubernetes.client import KubernetesClient
from katib.kubernetes.discovery import Discovery
from katib.kubernetes.secrets import keep_secret
from katib.kubernetes.server_version import has_native_sidecars
from katib.kubernetes.sidecars import EARLY_STOPPING_PORT, READ_KINDS, Cluster
from katib.kubernetes.templates import prepare
from katib.ports.event_recorder import EventRecorder
from katib.ports.resource_store import ResourceStore
from katib.rpc.trial_status import TrialStatuses, serve_trial_statuses
from katib.search.algorithms import ALGORITHMS
from katib.search.stopping import STOPPING_RULES

#: The key of the Secret that tokens are sealed with, and how long it is, in bytes.
SEAL, SEAL_BYTES = "seal", 32

#: Where certificates are found that something else makes, as Katib has it.
MOUNTED = Path("/tmp/cert")


#: Where the ends of trials are heard unless that is said.
STATUSES = f"0.0.0.0:{EARLY_STOPPING_PORT}"


@dataclass(frozen=True, slots=True)
class Station:
    """Where the operator is, as pods and the API server see it.

    Attributes:
        namespace: its own.
        db_manager: where metrics are reported, ``host:port``.
        image: its own image; empty when it is not known, and collectors must be configured then.
        statuses: where the ends of trials are heard, ``host:port``.
    """

    namespace: str
    db_manager: str
    image: str = ""
    statuses: str = STATUSES


class TrialPods:
    """Prepares the pods of trials.

    Args:
        client: of the cluster.
        store: where trials and their experiments are.
        config: how Katib is configured, as it is now.
        around: where the operator is.

    Raises:
        ConfigurationError: the tokens' Secret cannot be kept.
        StoreAwayError: the API server cannot be reached.
    """

    def __init__(
        self,
        client: KubernetesClient,
        store: ResourceStore,
        config: Callable[[], KatibConfig],
        around: Station,
    ) -> None:
        self._client, self._store, self._config, self._around = client, store, config, around
        self._is_native = has_native_sidecars(client)
        key = Key(around.namespace, TOKEN_SECRET)
        self._tokens = Tokens(store, keep_secret(client, key, _with_seal)[SEAL])
        self._ends = ExitStack()
        self._webhooks: WebhookServer | None = None

    @property
    def is_ready(self) -> bool:
        """Whether everything is served that is to be."""
        return self._webhooks is None or self._webhooks.is_ready

    def usable(self) -> InCluster:
        """What experiments can use now."""
        kinds = READ_KINDS if self._around.image else ()
        return InCluster(self._config(), ALGORITHMS, STOPPING_RULES, kinds)

    def prepare(self, trial: Trial, run: Unstructured) -> Unstructured:
        """A trial's run whose pods have what they need.

        Raises:
            ConfigurationError: no image is known for the kind of collector.
            RenderError: a pod is such that its metrics cannot be read.
        """
        return prepare(run, trial, experiment_of(trial, self._store), self.cluster())

    def cluster(self) -> Cluster:
        """What the containers of pods are told now."""
        around = self._around
        config = self._config()
        service = config.init.cert_generator.webhook_service_name or WEBHOOK_SERVICE
        return Cluster(
            config=config,
            db_manager=around.db_manager,
            operator=f"{service}.{around.namespace}:{EARLY_STOPPING_PORT}",
            image=around.image,
            has_native_sidecars=self._is_native,
            token_of=lambda trial: self._tokens.token_of(trial.key, trial.metadata.uid),
        )

    def serve_statuses(self, events: EventRecorder) -> int:
        """Hear from now on which trials were stopped early; the port.

        Raises:
            ConfigurationError: the address cannot be had.
        """
        stops = TrialStops(self._store, events, SystemClock())
        statuses = TrialStatuses(self._tokens.find_trial, stops.stop)
        server = serve_trial_statuses(statuses, self._around.statuses)
        self._ends.callback(server.close)
        return server.port

    def serve_webhooks(self, door: ClusterDoor) -> None:
        """Answer the API server from now on, where there is a certificate for it.

        Raises:
            ConfigurationError: the port cannot be had.
        """
        config = self._config()
        source = self._certificates(config)
        if source is None:
            return
        discovery = Discovery(self._client)
        owners = OwnerReader(self._client, lambda kind, key: discovery.get(kind).path(*key))
        app = make_app(door.admit, Pods(self._store, owners, self.cluster))
        server = WebhookServer(app, source, port=config.init.controller.webhook_port)
        self._ends.callback(server.close)
        server.start()
        self._webhooks = server

    def close(self) -> None:
        """Answer what is being asked, and stop."""
        self._ends.close()

    def _certificates(self, config: KatibConfig) -> CertificateSource | None:
        generator = config.init.cert_generator
        if generator.enable:
            place = Place(
                self._around.namespace,
                generator.webhook_secret_name or WEBHOOK_SECRET,
                generator.webhook_service_name or WEBHOOK_SERVICE,
            )
            return RotatingCertificates(self._client, place, SystemClock())
        return MountedCertificates(MOUNTED) if MOUNTED.is_dir() else None


def _with_seal(data: Mapping[str, bytes]) -> Mapping[str, bytes]:
    is_good = len(data.get(SEAL, b"")) >= SEAL_BYTES
    return data if is_good else {**data, SEAL: secrets.token_bytes(SEAL_BYTES)}
