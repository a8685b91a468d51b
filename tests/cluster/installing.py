"""Installations in a cluster, and the accounts of their operators."""

from __future__ import annotations

import subprocess
from pathlib import Path

import msgspec

from katib.api.codec import dump_yaml, load_yaml
from katib.api.values import Manifest
from katib.kubernetes.client import KubernetesClient
from katib.kubernetes.install import InstallOptions, compose

ACCOUNT, UI_ACCOUNT = "katib-controller", "katib-ui"


def apply(kubeconfig: Path, options: InstallOptions, verb: str = "apply") -> None:
    """What a user does with what ``katib install`` prints. Servers may be older than the rules.

    The definitions stay as they are: other tests have their kinds.
    """
    how = ["--validate=false"] if verb == "apply" else ["--wait=false", "--ignore-not-found"]
    assert not options.has_crds
    subprocess.run(
        ["kubectl", "--kubeconfig", str(kubeconfig), verb, *how, "-f", "-"],
        input="---\n".join(map(dump_yaml, compose(options))),
        text=True,
        check=True,
        stdout=subprocess.DEVNULL,
        timeout=120,
    )


def act_as_operator(
    client: KubernetesClient,
    kubeconfig: Path,
    namespace: str,
    folder: Path,
    account: str = ACCOUNT,
) -> Path:
    """A kubeconfig by which one has the rights of an account in a namespace, and no others."""
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
    asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    answer: Manifest = msgspec.json.decode(
        client.request("POST", path, body=msgspec.json.encode(asked))
    )
    (config,) = load_yaml(kubeconfig.read_text(), str(kubeconfig))
    (user,) = config["users"]
    user["user"] = {"token": answer["status"]["token"]}
    (context,) = config["contexts"]
    context["context"]["namespace"] = namespace
    place = folder / f"{account}.yaml"
    place.write_text(dump_yaml(config))
    return place
