"""The web UI: its Deployment, Service and account, and how Kubeflow's dashboard reaches it."""

from __future__ import annotations

from katib.api.values import Manifest
from katib.kubernetes.install.options import InstallOptions
from katib.kubernetes.install.parts import (
    UI,
    deployment,
    labels_of,
    resource,
    restricted_pod,
    service,
)

SERVICE_PORT, PORT = 80, 8080

#: Where Kubeflow's dashboard looks for it, and by which header its gateway tells the user.
PREFIX, USER_HEADER = "/katib", "kubeflow-userid"
#: The gateway of Kubeflow, and the account that it works by.
GATEWAY = "kubeflow-gateway"
GATEWAY_NAMESPACE = "istio-system"
_GATEWAY_ACCOUNT = f"cluster.local/ns/{GATEWAY_NAMESPACE}/sa/istio-ingressgateway-service-account"

_RESOURCES: Manifest = {
    "requests": {"cpu": "50m", "memory": "192Mi"},
    "limits": {"memory": "1Gi"},
}


def ui(options: InstallOptions) -> list[Manifest]:
    """All of the web UI but its rights."""
    namespace = options.namespace
    port = {"name": "ui", "port": SERVICE_PORT, "targetPort": PORT}
    return [
        resource("v1", "ServiceAccount", UI, namespace),
        service(UI, namespace, [port]),
        deployment(UI, namespace, _pod(options), is_meshed=options.is_kubeflow),
        *(_kubeflow(namespace) if options.is_kubeflow else ()),
    ]


def _pod(options: InstallOptions) -> Manifest:
    arguments = ["ui", "--address=0.0.0.0", f"--port={PORT}"]
    if options.is_namespaced:
        arguments.append(f"--namespace={options.namespace}")
    if options.is_kubeflow:
        # Only the gateway reaches it, which is called by any name.
        arguments += [
            f"--user-header={USER_HEADER}",
            f"--prefix={PREFIX}",
            "--allow-framing='self'",
            "--allow-host=*",
        ]
    own_namespace = {"fieldRef": {"fieldPath": "metadata.namespace"}}

    def probe(**more: int) -> Manifest:
        return {"httpGet": {"path": "/healthz", "port": PORT}, **more}

    container = {
        "name": UI,
        "image": options.image,
        "command": ["katib"],
        "args": arguments,
        "ports": [{"name": "ui", "containerPort": PORT}],
        # By this it finds the database manager beside it.
        "env": [{"name": "KATIB_CORE_NAMESPACE", "valueFrom": own_namespace}],
        "resources": _RESOURCES,
        "readinessProbe": probe(),
        "livenessProbe": probe(initialDelaySeconds=30, timeoutSeconds=10),
    }
    return restricted_pod(container, serviceAccountName=UI)


def _kubeflow(namespace: str) -> list[Manifest]:
    """The way from Kubeflow's gateway to the UI, and that there is no other."""
    host = f"{UI}.{namespace}.svc.cluster.local"
    route = {"destination": {"host": host, "port": {"number": SERVICE_PORT}}}
    way = {"match": [{"uri": {"prefix": f"{PREFIX}/"}}], "route": [route]}
    callers = [{"source": {"principals": [_GATEWAY_ACCOUNT]}}]
    return [
        resource(
            "networking.istio.io/v1beta1",
            "VirtualService",
            UI,
            namespace,
            spec={"gateways": [GATEWAY], "hosts": ["*"], "http": [way]},
        ),
        resource(
            "security.istio.io/v1beta1",
            "AuthorizationPolicy",
            UI,
            namespace,
            spec={
                "action": "ALLOW",
                "selector": {"matchLabels": labels_of(UI)},
                "rules": [{"from": callers}],
            },
        ),
    ]
