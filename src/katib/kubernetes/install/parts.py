"""What several parts of an installation are made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from katib.api.values import Manifest

LABEL_COMPONENT = "katib.kubeflow.org/component"
#: Our services speak gRPC and TLS themselves; a mesh's proxy would only stand in the way.
LABEL_MESH = "sidecar.istio.io/inject"
#: Pods of a namespace with this label and value are given collectors by the webhook.
LABEL_INJECTION = "katib.kubeflow.org/metrics-collector-injection"

CONTROLLER, DB_MANAGER, UI = "katib-controller", "katib-db-manager", "katib-ui"
#: Component label of each.
COMPONENTS: Mapping[str, str] = {CONTROLLER: "controller", DB_MANAGER: "db-manager", UI: "ui"}

USER = 1000


def resource(api_version: str, kind: str, name: str, namespace: str = "", **body: Any) -> Manifest:
    """A manifest."""
    place = {"namespace": namespace} if namespace else {}
    metadata = {"name": name, **place, **body.pop("metadata", {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **body}


def labels_of(name: str) -> dict[str, str]:
    """The labels of a Deployment, by which its pods are known."""
    return {LABEL_COMPONENT: COMPONENTS[name]}


def restricted_pod(container: Manifest, **spec: Any) -> Manifest:
    """A pod of one container, as the restricted pod security standard wants it.

    Its file system is read-only but for ``/tmp``.
    """
    mounts = [{"name": "tmp", "mountPath": "/tmp"}, *container.get("volumeMounts", ())]
    environment = [{"name": "HOME", "value": "/tmp"}, *container.get("env", ())]
    security = {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    return {
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        **spec,
        "containers": [
            {**container, "env": environment, "volumeMounts": mounts, "securityContext": security}
        ],
        "volumes": [{"name": "tmp", "emptyDir": {}}, *spec.get("volumes", ())],
    }


def deployment(
    name: str, namespace: str, pod: Manifest, *, is_meshed: bool = False, **spec: Any
) -> Manifest:
    """A Deployment whose pods have its component label, and no proxy of a mesh but by request."""
    labels = labels_of(name)
    template = {**labels, LABEL_MESH: "true" if is_meshed else "false"}
    return resource(
        "apps/v1",
        "Deployment",
        name,
        namespace,
        metadata={"labels": labels},
        spec={
            "replicas": 1,
            **spec,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": template}, "spec": pod},
        },
    )


def service(name: str, namespace: str, ports: list[Manifest]) -> Manifest:
    """A Service in front of a Deployment of the same name."""
    labels = labels_of(name)
    return resource(
        "v1",
        "Service",
        name,
        namespace,
        metadata={"labels": labels},
        spec={"selector": labels, "ports": ports},
    )
