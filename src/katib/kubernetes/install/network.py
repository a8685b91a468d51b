"""Who may call our Services."""

from __future__ import annotations

from katib.api.names import LABEL_SUGGESTION, LABEL_TRIAL
from katib.api.values import Manifest
from katib.kubernetes.install.controller import (
    EARLY_STOPPING_PORT,
    HEALTH_PORT,
    METRICS_PORT,
    WEBHOOK_PORT,
)
from katib.kubernetes.install.db_manager import PORT
from katib.kubernetes.install.options import InstallOptions
from katib.kubernetes.install.parts import CONTROLLER, DB_MANAGER, UI, labels_of, resource
from katib.kubernetes.install.ui import GATEWAY_NAMESPACE
from katib.kubernetes.install.ui import PORT as UI_PORT

#: Every namespace has this label, with its own name.
_NAMESPACE_NAME = "kubernetes.io/metadata.name"


def network_policies(options: InstallOptions) -> list[Manifest]:
    """Trials report and say that they were stopped; only the operator and the UI ask."""
    trials = _labelled(LABEL_TRIAL)
    # Algorithms that ship as images may look at metrics, as Katib's early stopping does.
    suggestions = _labelled(LABEL_SUGGESTION)
    operator = {"podSelector": {"matchLabels": labels_of(CONTROLLER)}}
    open_ports = [METRICS_PORT, HEALTH_PORT]
    if options.serves_webhooks:
        open_ports.append(WEBHOOK_PORT)
    callers = [operator, trials, suggestions]
    if options.has_ui:
        callers.append({"podSelector": {"matchLabels": labels_of(UI)}})
    return [
        _policy(DB_MANAGER, options, [_ingress([PORT], callers)]),
        _policy(
            CONTROLLER, options, [_ingress(open_ports), _ingress([EARLY_STOPPING_PORT], [trials])]
        ),
        *([_ui_policy(options)] if options.has_ui else ()),
    ]


def _ui_policy(options: InstallOptions) -> Manifest:
    """Whoever has the token may call the UI; where it is told the user, only who knows the user."""
    gateway = {"namespaceSelector": {"matchLabels": {_NAMESPACE_NAME: GATEWAY_NAMESPACE}}}
    return _policy(UI, options, [_ingress([UI_PORT], [gateway] if options.is_kubeflow else None)])


def _labelled(label: str) -> Manifest:
    """Pods of any namespace that have a label."""
    selector = {"matchExpressions": [{"key": label, "operator": "Exists"}]}
    return {"namespaceSelector": {}, "podSelector": selector}


def _ingress(ports: list[int], callers: list[Manifest] | None = None) -> Manifest:
    # Without callers, all may call: the API server and Prometheus are no pods of ours.
    listed: Manifest = {"ports": [{"protocol": "TCP", "port": port} for port in ports]}
    return listed if callers is None else {**listed, "from": callers}


def _policy(name: str, options: InstallOptions, ingress: list[Manifest]) -> Manifest:
    return resource(
        "networking.k8s.io/v1",
        "NetworkPolicy",
        name,
        options.namespace,
        spec={
            "podSelector": {"matchLabels": labels_of(name)},
            "policyTypes": ["Ingress"],
            "ingress": ingress,
        },
    )
