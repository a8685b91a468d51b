"""People of different rights before the web UI of a cluster, and what they look at."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from experiments import Experiments
from processes import Program

from katib.api.values import Manifest
from katib.kubernetes.client import KubernetesClient
from ui_browsers import Browser

#: By this the proxy tells the UI who the user is.
HEADER = "kubeflow-userid"
ADA, BOB, EVE = "ada@example.org", "bob@example.org", "eve@example.org"
OURS, THEIRS, NEAR = "ui-ours", "ui-theirs", "ui-near"

#: Who may do what where, by the roles that an installation makes.
BINDINGS = ((ADA, OURS, "edit"), (BOB, OURS, "view"), (BOB, THEIRS, "edit"))

RBAC = "/apis/rbac.authorization.k8s.io/v1"


@dataclass(frozen=True)
class Served:
    """The UI of a cluster, and the cluster.

    Attributes:
        address: of the UI.
        client: of the cluster, as its administrator.
    """

    address: str
    client: KubernetesClient

    def visitor(self, name: str) -> Browser:
        """Somebody whom the proxy knows."""
        return Browser(self.address, {HEADER: name})

    def experiments(self, namespace: str) -> Experiments:
        """What is there, whoever asks."""
        return Experiments(self.client, namespace)

    def annotations(self, namespace: str, name: str) -> Manifest:
        """Those of an experiment."""
        metadata = self.experiments(namespace).get("experiments", name)["metadata"]
        found: Manifest = metadata.get("annotations") or {}
        return found


def make(client: KubernetesClient, path: str, **body: Any) -> None:
    client.request("POST", path, body=msgspec.json.encode(body))


def bind(client: KubernetesClient, user: str, namespace: str, role: str) -> None:
    """Give a user one of the roles that an installation makes, in a namespace."""
    make(
        client,
        f"{RBAC}/namespaces/{namespace}/rolebindings",
        metadata={"name": f"{user.partition('@')[0]}-{role}"},
        roleRef={
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "ClusterRole",
            "name": f"kubeflow-katib-{role}",
        },
        subjects=[{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
    )


def secret_of(namespace: str) -> str:
    """Stands in every experiment and trial of a namespace."""
    return f"secret-of-{namespace}"


def a_trial(namespace: str, experiment: Manifest) -> Manifest:
    """A trial of an experiment, that waits: there is no operator."""
    metadata = experiment["metadata"]
    return {
        "apiVersion": "kubeflow.org/v1beta1",
        "kind": "Trial",
        "metadata": {
            "name": f"{metadata['name']}-abcdefgh",
            "namespace": namespace,
            "labels": {"katib.kubeflow.org/experiment": metadata["name"]},
        },
        "spec": {
            "objective": experiment["spec"]["objective"],
            "parameterAssignments": [{"name": "x", "value": "0.5"}],
            "primaryContainerName": "main",
            "runSpec": experiment["spec"]["trialTemplate"]["trialSpec"],
        },
    }


@contextmanager
def serving(folder: Path, kubeconfig: Path, *more: str) -> Iterator[str]:
    """A UI that is told its users; its address."""
    words = ("ui", "--port", "0", "--kubeconfig", str(kubeconfig), "--user-header", HEADER, *more)
    program = Program(folder, "ui", words, "Serving the web UI")
    program.start()
    try:
        found = re.search(r"Open (http://[^/]+)/", program.text())
        assert found is not None
        yield found[1]
    finally:
        program.close()
