"""What the operator's account may do, asked of a real API server."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from kubectl import why_not

from katib.api.codec import dump_yaml
from katib.api.values import Manifest
from katib.kubernetes.client import KubernetesClient
from katib.kubernetes.install import InstallOptions, compose
from katib.kubernetes.rights import Scope, rights

_WHY_NOT = why_not()
pytestmark = pytest.mark.skipif(bool(_WHY_NOT), reason=_WHY_NOT)

#: Where experiments are that are not the operator's own.
ELSEWHERE = "kube-public"

#: Verb, resource as ``group/plural`` or ``plural``, and a name or nothing.
Call = tuple[str, str, str]

#: What an operator must never be able to do, wherever it is tried.
FORBIDDEN: tuple[Call, ...] = (
    ("create", "rbac.authorization.k8s.io/roles", ""),
    ("create", "rbac.authorization.k8s.io/rolebindings", ""),
    ("create", "rbac.authorization.k8s.io/clusterroles", ""),
    ("create", "rbac.authorization.k8s.io/clusterrolebindings", ""),
    ("escalate", "rbac.authorization.k8s.io/roles", ""),
    ("bind", "rbac.authorization.k8s.io/clusterroles", "cluster-admin"),
    ("impersonate", "users", "admin"),
    ("impersonate", "serviceaccounts", ""),
    ("create", "serviceaccounts", ""),
    ("create", "serviceaccounts/token", ""),
    ("get", "secrets", ""),
    ("list", "secrets", ""),
    ("get", "secrets", "katib-database"),
    ("create", "secrets", ""),
    ("create", "pods", ""),
    ("create", "pods/exec", ""),
    ("delete", "pods", ""),
    ("get", "nodes", ""),
    ("create", "namespaces", ""),
    ("delete", "namespaces", ""),
    ("list", "configmaps", ""),
    ("update", "configmaps", "katib-config"),
    ("delete", "persistentvolumes", ""),
    ("delete", "persistentvolumeclaims", ""),
    ("update", "apps/deployments", ""),
    ("patch", "apps/deployments", ""),
    ("update", "batch/jobs", ""),
    ("create", "apps/daemonsets", ""),
    ("create", "kubeflow.org/experiments", ""),
    ("delete", "kubeflow.org/experiments", ""),
    ("delete", "events", ""),
    ("update", "apiextensions.k8s.io/customresourcedefinitions", ""),
    ("create", "admissionregistration.k8s.io/mutatingwebhookconfigurations", ""),
    ("delete", "admissionregistration.k8s.io/mutatingwebhookconfigurations", ""),
    ("patch", "admissionregistration.k8s.io/mutatingwebhookconfigurations", "another"),
)


@dataclass(frozen=True)
class Account:
    """The account of an installed operator.

    Attributes:
        client: of who may ask for others.
        options: of the installation.
    """

    client: KubernetesClient
    options: InstallOptions

    def may(self, call: Call, namespace: str) -> bool:
        """Whether it is allowed a call; an empty namespace is all of them."""
        verb, resource, name = call
        group, _, plural = resource.rpartition("/") if "." in resource else ("", "", resource)
        if resource.split("/")[0] in ("apps", "batch"):
            group, _, plural = resource.partition("/")
        plural, _, below = plural.partition("/")
        if "." in resource and resource.count("/") == 2:
            group, plural, below = resource.split("/")
        asked = {
            "verb": verb,
            "group": group,
            "resource": plural,
            "subresource": below,
            "name": name,
            "namespace": namespace,
        }
        user = f"system:serviceaccount:{self.options.namespace}:katib-controller"
        groups = ["system:serviceaccounts", "system:authenticated"]
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {"user": user, "groups": groups, "resourceAttributes": asked},
        }
        path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
        answer = self.client.request("POST", path, body=msgspec.json.encode(review))
        status: Manifest = msgspec.json.decode(answer)["status"]
        return bool(status["allowed"])


def apply(kubeconfig: Path, options: InstallOptions, verb: str = "apply") -> None:
    """What a user does with what ``katib install`` prints. Servers may be older than the rules."""
    how = ["--validate=false"] if verb == "apply" else ["--wait=false", "--ignore-not-found"]
    subprocess.run(
        ["kubectl", "--kubeconfig", str(kubeconfig), verb, *how, "-f", "-"],
        input="---\n".join(map(dump_yaml, compose(options))),
        text=True,
        check=True,
        stdout=subprocess.DEVNULL,
        timeout=120,
    )
