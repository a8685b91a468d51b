"""What a KatibConfig may say."""

from __future__ import annotations

from typing import Any

import msgspec

from katib.api.values import Manifest, Strings, Value
from katib.configuration.quantities import parse_quantity
from katib.errors import ConfigurationError

API_VERSION, KIND = "config.kubeflow.org/v1beta1", "KatibConfig"

#: The ConfigMap that holds the file in a cluster, and the key there.
CONFIG_MAP, FILE_NAME = "katib-config", "katib-config.yaml"


class GroupVersionKind(Value, frozen=True):
    """What names a kind in a cluster; the group of core kinds is empty."""

    group: str
    version: str
    kind: str

    @property
    def api_version(self) -> str:
        """Group and version as documents have them, ``batch/v1``."""
        return f"{self.group}/{self.version}" if self.group else self.version


class ControllerConfig(Value, frozen=True):
    """How the controllers are set up; read once, when they start.

    ``worker_memory`` is ours alone: the most that an algorithm's worker process on one machine may
    allocate, as a quantity; 0 for no limit. So is ``observations``: the URL of the database that
    keeps observation logs; empty for a file in the home.
    """

    experiment_suggestion_name: str = "default"
    metrics_addr: str = ":8080"
    healthz_addr: str = ":18080"
    inject_security_context: bool = False
    enable_grpc_probe_in_suggestion: bool = msgspec.field(
        default=True, name="enableGRPCProbeInSuggestion"
    )
    trial_resources: tuple[str, ...] = ("Job.v1.batch",)
    worker_memory: str = "2Gi"
    observations: str = ""
    webhook_port: int = 8443
    enable_leader_election: bool = False
    leader_election_id: str = msgspec.field(
        default="3fbc96e9.katib.kubeflow.org", name="leaderElectionID"
    )

    @property
    def worker_memory_bytes(self) -> int:
        """The most that a worker process may allocate; 0 for no limit."""
        return int(parse_quantity(self.worker_memory))

    @property
    def trial_kinds(self) -> tuple[GroupVersionKind, ...]:
        """The kinds that trials may be; raises as :func:`parse_trial_resources`."""
        return parse_trial_resources(self.trial_resources)


class CertGeneratorConfig(Value, frozen=True):
    """Whether the webhooks' certificate is made by Katib, and for which Service and Secret."""

    enable: bool = False
    webhook_service_name: str = ""
    webhook_secret_name: str = ""


class InitConfig(Value, frozen=True):
    """What is read once, at the start."""

    controller: ControllerConfig = msgspec.field(default_factory=ControllerConfig)
    cert_generator: CertGeneratorConfig = msgspec.field(default_factory=CertGeneratorConfig)


class Resources(Value, frozen=True):
    """What a container asks for and may use: resource → quantity, as ``cpu`` → ``500m``."""

    requests: Strings = msgspec.field(default_factory=Strings)
    limits: Strings = msgspec.field(default_factory=Strings)
    claims: tuple[Any, ...] = ()


class SuggestionConfig(Value, frozen=True):
    """How one search algorithm is served.

    Attributes:
        algorithm_name: whose entry this is.
        image: the container image of its service.
        image_pull_policy: ``Always``, ``IfNotPresent`` or ``Never``.
        resources: what its container asks for.
        container: every other field of the entry, kept as it was written: the fields of a
            Kubernetes container.
        address: ``host:port`` of a gRPC service that is already running; ours alone.
        service_account_name: whom its pod acts as.
        volume_mount_path: where its volume is mounted.
        persistent_volume_claim_spec: the claim behind ``FromVolume``.
        persistent_volume_spec: the volume behind the claim; empty to let the cluster choose.
        persistent_volume_labels: labels of that volume.
    """

    algorithm_name: str = ""
    image: str = ""
    image_pull_policy: str = ""
    resources: Resources = msgspec.field(default_factory=Resources)
    container: Manifest = msgspec.field(default_factory=dict)
    address: str = ""
    service_account_name: str = ""
    volume_mount_path: str = ""
    persistent_volume_claim_spec: Manifest = msgspec.field(default_factory=dict)
    persistent_volume_spec: Manifest = msgspec.field(default_factory=dict)
    persistent_volume_labels: Strings = msgspec.field(default_factory=Strings)

    def to_container(self) -> Manifest:
        """The container that the entry describes, as plain JSON data."""
        resources: Manifest = msgspec.to_builtins(self.resources)
        return {
            **self.container,
            "image": self.image,
            "imagePullPolicy": self.image_pull_policy,
            "resources": resources,
        }


class EarlyStoppingConfig(Value, frozen=True):
    """How one early stopping rule is served; ``address`` as in :class:`SuggestionConfig`."""

    algorithm_name: str = ""
    image: str = ""
    image_pull_policy: str = ""
    resources: Resources = msgspec.field(default_factory=Resources)
    address: str = ""


class MetricsCollectorConfig(Value, frozen=True):
    """The sidecar of one collector kind.

    ``wait_all_processes`` is handed to it only when it was written.
    """

    kind: str = ""
    image: str = ""
    image_pull_policy: str = ""
    resources: Resources = msgspec.field(default_factory=Resources)
    wait_all_processes: bool | None = None


class RuntimeConfig(Value, frozen=True):
    """What is read at each use, so that a change serves the next experiment."""

    suggestions: tuple[SuggestionConfig, ...] = ()
    early_stoppings: tuple[EarlyStoppingConfig, ...] = ()
    metrics_collectors: tuple[MetricsCollectorConfig, ...] = ()


class KatibConfig(Value, frozen=True):
    """The whole file; without arguments, what holds when there is none."""

    init: InitConfig = msgspec.field(default_factory=InitConfig)
    runtime: RuntimeConfig = msgspec.field(default_factory=RuntimeConfig)


def parse_trial_resources(texts: tuple[str, ...]) -> tuple[GroupVersionKind, ...]:
    """The kinds behind texts of the form ``Kind.version.group``; the group may hold dots.

    Raises:
        ConfigurationError: there is none, or one has not three parts.
    """
    if not texts:
        raise ConfigurationError(
            "trialResources are empty; name at least one kind, as Job.v1.batch"
        )
    return tuple(_parse_trial_resource(text) for text in texts)


def _parse_trial_resource(text: str) -> GroupVersionKind:
    parts = text.split(".", 2)
    if len(parts) < 3 or not all(parts[:2]):
        raise ConfigurationError(
            f"invalid GroupVersionKinds: {text}; write Kind.version.group, as Job.v1.batch"
        )
    kind, version, group = parts
    return GroupVersionKind(group=group, version=version, kind=kind)
