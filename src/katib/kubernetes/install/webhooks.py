"""The admission webhooks: who is asked about experiments and pods."""

from __future__ import annotations

from katib.api.experiment import EXPERIMENTS
from katib.api.names import LABEL_PREPARED
from katib.api.values import Manifest
from katib.kubernetes.install.options import InstallOptions
from katib.kubernetes.install.parts import CONTROLLER, LABEL_COMPONENT, LABEL_INJECTION, resource
from katib.kubernetes.rights import ADMISSION_GROUP, WEBHOOKS

VALIDATE, DEFAULT, INJECT = "/validate-experiment", "/mutate-experiment", "/mutate-pod"

_API = f"{ADMISSION_GROUP}/v1"
_GROUP, _, _VERSION = EXPERIMENTS.api_version.partition("/")


def webhooks(options: InstallOptions) -> list[Manifest]:
    """The two configurations; the operator adds who signs its certificate."""
    experiments = {
        "apiGroups": [_GROUP],
        "apiVersions": [_VERSION],
        "operations": ["CREATE", "UPDATE"],
        "resources": [EXPERIMENTS.plural],
        "scope": "Namespaced",
    }
    pods = {
        "apiGroups": [""],
        "apiVersions": ["v1"],
        "operations": ["CREATE"],
        "resources": ["pods"],
        "scope": "Namespaced",
    }
    validator = _webhook("validator.experiment", VALIDATE, experiments, options)
    defaulter = _webhook("defaulter.experiment", DEFAULT, experiments, options)
    mutator = {
        **_webhook("mutator.pod", INJECT, pods, options),
        "namespaceSelector": {"matchLabels": {LABEL_INJECTION: "enabled"}},
        # Our own pods must start while nobody answers; prepared ones have their collector.
        "objectSelector": {
            "matchExpressions": [
                {"key": LABEL_COMPONENT, "operator": "DoesNotExist"},
                {"key": LABEL_PREPARED, "operator": "DoesNotExist"},
            ]
        },
    }
    return [
        resource(_API, "ValidatingWebhookConfiguration", WEBHOOKS, webhooks=[validator]),
        resource(_API, "MutatingWebhookConfiguration", WEBHOOKS, webhooks=[defaulter, mutator]),
    ]


def _webhook(name: str, path: str, rule: Manifest, options: InstallOptions) -> Manifest:
    place = {"name": CONTROLLER, "namespace": options.namespace, "path": path, "port": 443}
    return {
        "name": f"{name}.{WEBHOOKS}",
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "failurePolicy": "Fail",
        "clientConfig": {"service": place},
        "rules": [rule],
    }
