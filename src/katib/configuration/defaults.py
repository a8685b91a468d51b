"""What holds where a KatibConfig says nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from msgspec.structs import fields, replace

from katib.api.values import Manifest, Strings
from katib.configuration.models import (
    CertGeneratorConfig,
    ControllerConfig,
    EarlyStoppingConfig,
    InitConfig,
    KatibConfig,
    MetricsCollectorConfig,
    Resources,
    RuntimeConfig,
    SuggestionConfig,
)
from katib.configuration.quantities import parse_quantity

PULL_POLICIES = ("Always", "IfNotPresent", "Never")
PULL_POLICY = "IfNotPresent"
VOLUME_MOUNT_PATH = "/opt/katib/data"
VOLUME_ACCESS_MODE, VOLUME_SIZE = "ReadWriteOnce", "1Gi"
WEBHOOK_SERVICE, WEBHOOK_SECRET = "katib-controller", "katib-webhook-cert"
REQUESTS: Mapping[str, str] = {"cpu": "50m", "memory": "10Mi", "ephemeral-storage": "500Mi"}
LIMITS: Mapping[str, str] = {"cpu": "500m", "memory": "100Mi", "ephemeral-storage": "5Gi"}

Entry = TypeVar("Entry", SuggestionConfig, EarlyStoppingConfig, MetricsCollectorConfig)


def with_defaults(config: KatibConfig) -> KatibConfig:
    """The configuration with everything filled in; its quantities must be legal."""
    init, runtime = config.init, config.runtime
    return KatibConfig(
        init=InitConfig(
            controller=_controller(init.controller), cert_generator=_cert(init.cert_generator)
        ),
        runtime=RuntimeConfig(
            suggestions=tuple(_suggestion(_entry(one)) for one in runtime.suggestions),
            early_stoppings=tuple(_entry(one) for one in runtime.early_stoppings),
            metrics_collectors=tuple(_entry(one) for one in runtime.metrics_collectors),
        ),
    )


def _controller(controller: ControllerConfig) -> ControllerConfig:
    empty = [field for field in fields(controller) if getattr(controller, field.name) in ("", ())]
    return replace(controller, **{field.name: field.default for field in empty})


def _cert(generator: CertGeneratorConfig) -> CertGeneratorConfig:
    service, secret = generator.webhook_service_name, generator.webhook_secret_name
    if not (generator.enable or service or secret):
        return generator
    return CertGeneratorConfig(
        enable=True,
        webhook_service_name=service or WEBHOOK_SERVICE,
        webhook_secret_name=secret or WEBHOOK_SECRET,
    )


def _entry(entry: Entry) -> Entry:
    policy = entry.image_pull_policy
    return replace(
        entry,
        image_pull_policy=policy if policy in PULL_POLICIES else PULL_POLICY,
        resources=_resources(entry.resources),
    )


def _suggestion(entry: SuggestionConfig) -> SuggestionConfig:
    volume = entry.persistent_volume_spec
    if volume:
        # Nobody owns a volume; with another policy it would outlive its experiment for ever.
        volume = {**volume, "persistentVolumeReclaimPolicy": "Delete"}
    return replace(
        entry,
        volume_mount_path=entry.volume_mount_path or VOLUME_MOUNT_PATH,
        persistent_volume_claim_spec=_claim(entry.persistent_volume_claim_spec),
        persistent_volume_spec=volume,
    )


def _claim(claim: Manifest) -> Manifest:
    resources: Manifest = claim.get("resources") or {}
    requests = resources.get("requests") or {"storage": VOLUME_SIZE}
    return {
        **claim,
        "accessModes": claim.get("accessModes") or [VOLUME_ACCESS_MODE],
        "resources": {**resources, "requests": requests},
    }


def _resources(resources: Resources) -> Resources:
    return replace(
        resources,
        requests=_quantities(resources.requests, REQUESTS),
        limits=_quantities(resources.limits, LIMITS),
    )


def _quantities(given: Mapping[str, str], defaults: Mapping[str, str]) -> Strings:
    chosen = {**defaults, **given}
    for name, default in defaults.items():
        amount = parse_quantity(chosen[name])
        if amount < 0:
            del chosen[name]
        elif amount == 0:
            chosen[name] = default
    return Strings(chosen)
