"""Models of Kubernetes that Katib's are made of, so that they can be used without its client."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from katib.models.model import REQUIRED, Model

__all__ = [
    "V1Container",
    "V1EnvFromSource",
    "V1EnvVar",
    "V1HTTPGetAction",
    "V1HTTPHeader",
    "V1ListMeta",
    "V1ManagedFieldsEntry",
    "V1ObjectMeta",
    "V1OwnerReference",
    "V1ResourceRequirements",
]


class V1OwnerReference(Model):
    """Whose part a resource is."""

    api_version: str = REQUIRED
    block_owner_deletion: bool | None = None
    controller: bool | None = None
    kind: str = REQUIRED
    name: str = REQUIRED
    uid: str = REQUIRED


class V1ManagedFieldsEntry(Model):
    """Who has written which fields."""

    api_version: str | None = None
    fields_type: str | None = None
    fields_v1: Any = None
    manager: str | None = None
    operation: str | None = None
    subresource: str | None = None
    time: datetime | None = None


class V1ObjectMeta(Model):
    """A resource's name, labels and history."""

    annotations: dict[str, str] | None = None
    creation_timestamp: datetime | None = None
    deletion_grace_period_seconds: int | None = None
    deletion_timestamp: datetime | None = None
    finalizers: list[str] | None = None
    generate_name: str | None = None
    generation: int | None = None
    labels: dict[str, str] | None = None
    managed_fields: list[V1ManagedFieldsEntry] | None = None
    name: str | None = None
    namespace: str | None = None
    owner_references: list[V1OwnerReference] | None = None
    resource_version: str | None = None
    self_link: str | None = None
    uid: str | None = None


class V1ListMeta(Model):
    """Where a list was read, and how it goes on."""

    _continue: str | None = None
    remaining_item_count: int | None = None
    resource_version: str | None = None
    self_link: str | None = None


class V1EnvVar(Model):
    """A variable of a container's environment."""

    name: str = REQUIRED
    value: str | None = None
    value_from: Any = None


class V1EnvFromSource(Model):
    """A ConfigMap or a Secret whose entries become variables."""

    config_map_ref: Any = None
    prefix: str | None = None
    secret_ref: Any = None


class V1ResourceRequirements(Model):
    """What a container needs, and what it may use."""

    claims: list[Any] | None = None
    limits: dict[str, str] | None = None
    requests: dict[str, str] | None = None


class V1Container(Model):
    """A container of a pod; what is deeper than its variables and resources is plain data."""

    args: list[str] | None = None
    command: list[str] | None = None
    env: list[V1EnvVar] | None = None
    env_from: list[V1EnvFromSource] | None = None
    image: str | None = None
    image_pull_policy: str | None = None
    lifecycle: Any = None
    liveness_probe: Any = None
    name: str = REQUIRED
    ports: list[Any] | None = None
    readiness_probe: Any = None
    resize_policy: list[Any] | None = None
    resources: V1ResourceRequirements | None = None
    restart_policy: str | None = None
    restart_policy_rules: list[Any] | None = None
    security_context: Any = None
    startup_probe: Any = None
    stdin: bool | None = None
    stdin_once: bool | None = None
    termination_message_path: str | None = None
    termination_message_policy: str | None = None
    tty: bool | None = None
    volume_devices: list[Any] | None = None
    volume_mounts: list[Any] | None = None
    working_dir: str | None = None


class V1HTTPHeader(Model):
    """A header of a request."""

    name: str = REQUIRED
    value: str = REQUIRED


class V1HTTPGetAction(Model):
    """An address that is asked by HTTP."""

    host: str | None = None
    http_headers: list[V1HTTPHeader] | None = None
    path: str | None = None
    port: Any = REQUIRED
    scheme: str | None = None
