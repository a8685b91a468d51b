"""Kinds for tests: definitions that leave everything as it is sent."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

import msgspec

from katib.api.values import Kind, Manifest
from katib.errors import AlreadyExistsError, NotFoundError
from katib.kubernetes.client import KubernetesClient
from katib.kubernetes.patches import MERGE_PATCH

_DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"

#: How long a kind may take until it is served, in seconds.
SERVED_WITHIN = 30.0


def definition_of(kind: Kind[Any], has_status: bool = True) -> Manifest:
    """The CustomResourceDefinition of a kind, with any fields."""
    group, _, version = kind.api_version.partition("/")
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    served: Manifest = {
        "name": version,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
    }
    if has_status:
        served["subresources"] = {"status": {}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": kind.name, "plural": kind.plural},
            "versions": [served],
        },
    }


def define(client: KubernetesClient, kind: Kind[Any], has_status: bool = True) -> None:
    """Make the server know a kind, and return when it serves it."""
    define_as(client, definition_of(kind, has_status))


def define_as(client: KubernetesClient, definition: Manifest) -> None:
    """Make the server know the kind of a definition, and return when it serves it."""
    spec = definition["spec"]
    try:
        client.request("POST", _DEFINITIONS, body=msgspec.json.encode(definition))
    except AlreadyExistsError:
        return
    path = f"/apis/{spec['group']}/{spec['versions'][0]['name']}/{spec['names']['plural']}"
    deadline = time.monotonic() + SERVED_WITHIN
    while True:
        try:
            client.request("GET", path)
            return
        except NotFoundError:
            assert time.monotonic() < deadline, f"{spec['names']['kind']} is not served"
            time.sleep(0.05)


def undefine(client: KubernetesClient, kind: Kind[Any]) -> None:
    """Make the server forget a kind and its resources."""
    group = kind.api_version.partition("/")[0]
    client.request("DELETE", f"{_DEFINITIONS}/{kind.plural}.{group}")


def let_go(client: KubernetesClient, kind: Kind[Any], namespace: str) -> None:
    """Take away the finalizers of all that there is of a kind."""
    path = f"/apis/{kind.api_version}/namespaces/{namespace}/{kind.plural}"
    for item in msgspec.json.decode(client.request("GET", path))["items"]:
        if item["metadata"].get("finalizers"):
            # One that is being deleted may be gone by now.
            with suppress(NotFoundError):
                client.request(
                    "PATCH",
                    f"{path}/{item['metadata']['name']}",
                    body=b'{"metadata":{"finalizers":null}}',
                    content_type=MERGE_PATCH,
                )
