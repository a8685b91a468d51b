"""The operator: its Deployment, Service, configuration and account."""

from __future__ import annotations

from katib.api.codec import dump_yaml
from katib.api.values import Manifest
from katib.configuration.defaults import WEBHOOK_SECRET
from katib.configuration.models import API_VERSION, CONFIG_MAP, FILE_NAME, KIND
from katib.kubernetes.install.options import InstallOptions
from katib.kubernetes.install.parts import (
    CONTROLLER,
    deployment,
    resource,
    restricted_pod,
    service,
)

WEBHOOK_PORT, METRICS_PORT, HEALTH_PORT, EARLY_STOPPING_PORT = 8443, 8080, 18080, 6788

_CONFIG_FOLDER = "/etc/katib"

#: Algorithms work in processes of their own beside the operator, each with its numerical libraries.
_RESOURCES: Manifest = {
    "requests": {"cpu": "100m", "memory": "256Mi"},
    "limits": {"memory": "4Gi"},
}


def controller(options: InstallOptions) -> list[Manifest]:
    """All of the operator but its rights and webhooks."""
    namespace = options.namespace
    ports = [
        _port("metrics", METRICS_PORT),
        _port("healthz", HEALTH_PORT),
        _port("earlystop-api", EARLY_STOPPING_PORT),
    ]
    if options.serves_webhooks:
        ports.insert(0, _port("webhook", 443, WEBHOOK_PORT))
    return [
        resource("v1", "ServiceAccount", CONTROLLER, namespace),
        # The operator fills it.
        resource("v1", "Secret", WEBHOOK_SECRET, namespace, type="Opaque"),
        _configuration(options),
        service(CONTROLLER, namespace, ports),
        deployment(CONTROLLER, namespace, _pod(options), replicas=options.replicas),
    ]


def _port(name: str, port: int, target: int | None = None) -> Manifest:
    return {"name": name, "port": port, "targetPort": port if target is None else target}


def _configuration(options: InstallOptions) -> Manifest:
    init: Manifest = {
        "controller": {
            "trialResources": list(options.trial_resources),
            "enableLeaderElection": options.replicas > 1,
        },
        "certGenerator": {"enable": options.serves_webhooks},
    }
    config = {"apiVersion": API_VERSION, "kind": KIND, "init": init, "runtime": {}}
    data = {FILE_NAME: dump_yaml(config)}
    return resource("v1", "ConfigMap", CONFIG_MAP, options.namespace, data=data)


def _pod(options: InstallOptions) -> Manifest:
    arguments = ["operator", f"--katib-config={_CONFIG_FOLDER}/{FILE_NAME}"]
    if options.is_namespaced:
        arguments.append(f"--namespace={options.namespace}")
    ports = [METRICS_PORT, HEALTH_PORT, EARLY_STOPPING_PORT]
    if options.serves_webhooks:
        ports.append(WEBHOOK_PORT)
    own_namespace = {"fieldRef": {"fieldPath": "metadata.namespace"}}
    container = {
        "name": CONTROLLER,
        "image": options.image,
        "command": ["katib"],
        "args": arguments,
        "ports": [{"containerPort": port} for port in ports],
        "env": [
            {"name": "KATIB_CORE_NAMESPACE", "valueFrom": own_namespace},
            {"name": "KATIB_IMAGE", "value": options.image},
        ],
        "resources": _RESOURCES,
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": HEALTH_PORT}},
        "livenessProbe": {
            "httpGet": {"path": "/healthz", "port": HEALTH_PORT},
            "initialDelaySeconds": 10,
        },
        "volumeMounts": [{"name": "config", "mountPath": _CONFIG_FOLDER, "readOnly": True}],
    }
    return restricted_pod(
        container,
        serviceAccountName=CONTROLLER,
        volumes=[{"name": "config", "configMap": {"name": CONFIG_MAP}}],
    )
