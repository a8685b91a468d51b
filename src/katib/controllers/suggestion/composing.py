"""The manifests of an algorithm that ships as an image: what has to exist for it to be asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec

from katib.api import names
from katib.api.experiment import Experiment
from katib.api.kinds import (
    DEPLOYMENTS,
    PERSISTENT_VOLUME_CLAIMS,
    PERSISTENT_VOLUMES,
    SERVICES,
)
from katib.api.suggestion import Suggestion
from katib.api.values import Key, Kind, Manifest, ObjectMeta, Unstructured, owner_reference
from katib.configuration.models import EarlyStoppingConfig, SuggestionConfig
from katib.errors import ConfigurationError, KatibError

LABEL_DEPLOYMENT = "katib.kubeflow.org/deployment"
#: The services speak gRPC inside the namespace; a mesh's proxy would only stand in the way.
LABEL_MESH = "sidecar.istio.io/inject"

SUGGESTION_PORT, SUGGESTION_PORT_NAME = 6789, "suggestion-api"
EARLY_STOPPING_PORT, EARLY_STOPPING_PORT_NAME = 6788, "earlystop-api"
SUGGESTION_CONTAINER, EARLY_STOPPING_CONTAINER = "suggestion", "early-stopping"
SUGGESTION_VOLUME = "suggestion-volume"

#: A manifest, and the kind under which a store keeps it.
Composed = tuple[Kind[Unstructured], Unstructured]

#: Whose algorithm it is: a suggestion and its experiment share name, algorithm and rule.
Asked = Suggestion | Experiment


class Parts(msgspec.Struct, frozen=True):
    """What the manifests of one suggestion are made of.

    Attributes:
        suggestion: whose algorithm it is, as the store returned it.
        algorithm: the configuration's entry for the algorithm, defaults filled.
        early_stopping: the entry for the early stopping rule; ``None`` when the suggestion has
            none.
        has_probes: whether the algorithm's container gets gRPC health probes.

    An entry with an address names a service that is already running, and one without an image what
    the operator answers itself: nothing is made for either.
    """

    suggestion: Suggestion
    algorithm: SuggestionConfig
    early_stopping: EarlyStoppingConfig | None = None
    has_probes: bool = True

    @property
    def runs_algorithm(self) -> bool:
        """Whether the algorithm gets a container."""
        return bool(self.algorithm.image) and not self.algorithm.address

    @property
    def runs_early_stopping(self) -> bool:
        """Whether the early stopping rule gets a container."""
        rule = self.early_stopping
        return rule is not None and bool(rule.image) and not rule.address

    @property
    def keeps_state(self) -> bool:
        """Whether the algorithm's state is to survive its Deployment."""
        return self.runs_algorithm and self.suggestion.spec.resume_policy == names.FROM_VOLUME

    @property
    def keeps_checkpoints(self) -> bool:
        """Whether trials find checkpoints and leave them, wherever the algorithm is asked."""
        algorithm = self.suggestion.spec.algorithm
        settings = () if algorithm is None else algorithm.algorithm_settings
        return any(one.name == names.SETTING_TRIAL_DIR and one.value for one in settings)


def algorithm_name(suggestion: Asked) -> str:
    """The name of the algorithm."""
    algorithm = suggestion.spec.algorithm
    return algorithm.algorithm_name if algorithm is not None else ""


def early_stopping_name(suggestion: Asked) -> str:
    """The name of the early stopping rule; empty when there is none."""
    rule = suggestion.spec.early_stopping
    return rule.algorithm_name if rule is not None else ""


def services_key(suggestion: Asked) -> Key:
    """The namespace and the name that all of the suggestion's resources share, save the volume."""
    metadata = suggestion.metadata
    return Key(metadata.namespace, f"{metadata.name}-{algorithm_name(suggestion)}")


def compose(parts: Parts) -> tuple[Composed, ...]:
    """All that has to exist for the algorithm to be asked, in the order in which it is created.

    The Deployment is the last; without one, there is at most the volume of checkpoints.

    Raises:
        ConfigurationError: the configuration claims the algorithm's port for something else, or its
            ports or mounts are no lists.
        KatibError: the suggestion was never stored, so that nothing can belong to it.
    """
    if not (parts.runs_algorithm or parts.runs_early_stopping):
        return tuple(_volumes(parts))
    return (*_volumes(parts), service(parts), deployment(parts))


def deployment(parts: Parts) -> Composed:
    """The Deployment that runs the algorithm; raises as :func:`compose`."""
    metadata = parts.suggestion.metadata
    labels = _pod_labels(parts.suggestion)
    pod_metadata: Manifest = {"labels": dict(labels)}
    if metadata.annotations:
        pod_metadata["annotations"] = dict(metadata.annotations)
    pod: Manifest = {"containers": list(_containers(parts))}
    if parts.algorithm.service_account_name:
        pod["serviceAccountName"] = parts.algorithm.service_account_name
    if parts.keeps_state:
        claim = {"claimName": services_key(parts.suggestion).name}
        pod["volumes"] = [{"name": SUGGESTION_VOLUME, "persistentVolumeClaim": claim}]
    spec = {
        "selector": {"matchLabels": labels},
        "template": {"metadata": pod_metadata, "spec": pod},
    }
    own = msgspec.structs.replace(
        _owned(parts.suggestion), labels=metadata.labels, annotations=metadata.annotations
    )
    return _composed(DEPLOYMENTS, own, spec=spec)


def service(parts: Parts) -> Composed:
    """The Service by which the algorithm and its early stopping rule are reached."""
    ports = []
    if parts.runs_algorithm:
        ports.append({"name": SUGGESTION_PORT_NAME, "port": SUGGESTION_PORT})
    if parts.runs_early_stopping:
        ports.append({"name": EARLY_STOPPING_PORT_NAME, "port": EARLY_STOPPING_PORT})
    selector = _pod_labels(parts.suggestion)
    spec = {"type": "ClusterIP", "selector": selector, "ports": ports}
    return _composed(SERVICES, _owned(parts.suggestion), spec=spec)


def _volumes(parts: Parts) -> Iterator[Composed]:
    """The volume first: its claim then finds it, instead of asking the default storage class."""
    if not (parts.keeps_state or parts.keeps_checkpoints):
        return
    entry = parts.algorithm
    if entry.persistent_volume_spec:
        key = services_key(parts.suggestion)
        # A volume is of no namespace, so it can have no owner in one: it goes with its claim.
        metadata = ObjectMeta(
            name=f"{key.name}-{key.namespace}", labels=entry.persistent_volume_labels or None
        )
        yield _composed(PERSISTENT_VOLUMES, metadata, spec=entry.persistent_volume_spec)
    own = _owned(parts.suggestion)
    yield _composed(PERSISTENT_VOLUME_CLAIMS, own, spec=entry.persistent_volume_claim_spec)


def _containers(parts: Parts) -> Iterator[Manifest]:
    if parts.runs_algorithm:
        yield _suggestion_container(parts)
    rule = parts.early_stopping
    if rule is not None and parts.runs_early_stopping:
        port = {"name": EARLY_STOPPING_PORT_NAME, "containerPort": EARLY_STOPPING_PORT}
        yield {
            "name": EARLY_STOPPING_CONTAINER,
            "image": rule.image,
            "imagePullPolicy": rule.image_pull_policy,
            "ports": [port],
            "resources": msgspec.to_builtins(rule.resources),
        }


def _suggestion_container(parts: Parts) -> Manifest:
    container = parts.algorithm.to_container()
    container["name"] = container.get("name") or SUGGESTION_CONTAINER
    container["ports"] = _ports(container)
    if parts.has_probes:
        for probe, numbers in _PROBES.items():
            container[probe] = container.get(probe) or {"grpc": dict(_HEALTH), **numbers}
    mounts = _maps(container, "volumeMounts")
    if parts.keeps_state and all(mount.get("name") != SUGGESTION_VOLUME for mount in mounts):
        mount = {"name": SUGGESTION_VOLUME, "mountPath": parts.algorithm.volume_mount_path}
        container["volumeMounts"] = [*mounts, mount]
    return container


#: What the algorithm's service answers health checks for.
_HEALTH: Manifest = {"port": SUGGESTION_PORT, "service": "manager.v1beta1.Suggestion"}

#: The pauses of the two probes, in seconds: a slow ask is no reason to start the service anew.
_PROBES: dict[str, Manifest] = {
    "readinessProbe": {"initialDelaySeconds": 10, "periodSeconds": 10},
    "livenessProbe": {"initialDelaySeconds": 10, "periodSeconds": 120, "failureThreshold": 12},
}


def _ports(container: Manifest) -> list[Manifest]:
    ports = _maps(container, "ports")
    for port in ports:
        if port.get("name") == SUGGESTION_PORT_NAME or port.get("containerPort") == SUGGESTION_PORT:
            raise ConfigurationError(
                f'invalid suggestion config: a port with name "{SUGGESTION_PORT_NAME}" or number '
                f"{SUGGESTION_PORT} must not be specified"
            )
    return [*ports, {"name": SUGGESTION_PORT_NAME, "containerPort": SUGGESTION_PORT}]


def _maps(container: Manifest, field: str) -> list[Manifest]:
    """A list of the container, which the configuration keeps as it was written."""
    found = container.get(field) or []
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise ConfigurationError(
            f"invalid suggestion config: {field} is {json.dumps(found)}, and must be a list of maps"
        )
    return found


def _pod_labels(suggestion: Suggestion) -> dict[str, str]:
    """The labels by which the Deployment and the Service know the algorithm's pods."""
    name = suggestion.metadata.name
    return {
        **(suggestion.metadata.labels or {}),
        LABEL_DEPLOYMENT: services_key(suggestion).name,
        names.LABEL_EXPERIMENT: name,
        names.LABEL_SUGGESTION: name,
        LABEL_MESH: "false",
    }


def _owned(suggestion: Suggestion) -> ObjectMeta:
    """The metadata of what goes when the suggestion goes."""
    if not suggestion.metadata.uid:
        raise KatibError(
            f"nothing can belong to the suggestion {suggestion.key}: it has no uid; compose for "
            "the suggestion that the store returned"
        )
    namespace, name = services_key(suggestion)
    owner = owner_reference(suggestion)
    return ObjectMeta(name=name, namespace=namespace, owner_references=(owner,))


def _composed(kind: Kind[Unstructured], metadata: ObjectMeta, **body: Any) -> Composed:
    return kind, Unstructured(
        api_version=kind.api_version, kind=kind.name, metadata=metadata, body=body
    )
