"""From an installation of Katib: what it has stored is there, and goes on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from definitions import definition_of

from katib.api.codec import load_yaml
from katib.api.experiment import EXPERIMENTS
from katib.api.suggestion import SUGGESTIONS
from katib.api.trial import TRIALS
from katib.api.values import Kind, Manifest
from katib.errors import RequestRefusedError
from katib.kubernetes.client import KubernetesClient
from katib.kubernetes.crds import definitions

PUBLISHED = Path(__file__).resolve().parent.parent / "journeys" / "published"
KINDS: tuple[Kind[Any], ...] = (EXPERIMENTS, SUGGESTIONS, TRIALS)
_ROOT = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"

#: How long a server may take to look at what it is sent in another way, in seconds.
HEARD_WITHIN = 30.0


def redefine(client: KubernetesClient, definition: Manifest) -> None:
    """Give a kind that there is another definition, as ``kubectl apply`` does."""
    path = f"{_ROOT}/{definition['metadata']['name']}"
    found: Manifest = msgspec.json.decode(client.request("GET", path))
    spec = {**found["spec"], "versions": definition["spec"]["versions"]}
    client.request("PUT", path, body=msgspec.json.encode({**found, "spec": spec}))


def is_judged(client: KubernetesClient, namespace: str) -> bool:
    """Whether the server looks at the types of an experiment."""
    wrong = {"apiVersion": "kubeflow.org/v1beta1", "kind": "Experiment", "spec": {"parameters": 1}}
    body = msgspec.json.encode({**wrong, "metadata": {"name": "wrong"}})
    try:
        client.request("POST", path_of(EXPERIMENTS, namespace), query={"dryRun": "All"}, body=body)
    except RequestRefusedError:
        return True
    return False


def wait_until(is_wanted: bool, client: KubernetesClient, namespace: str) -> None:
    deadline = time.monotonic() + HEARD_WITHIN
    while is_judged(client, namespace) is not is_wanted:
        assert time.monotonic() < deadline, "the server goes by the old definition"
        time.sleep(0.2)


def path_of(kind: Kind[Any], namespace: str, *more: str) -> str:
    return "/".join((f"/apis/{kind.api_version}/namespaces", namespace, kind.plural, *more))


def published(kind: Kind[Any]) -> Manifest:
    """A resource as Katib stored it, with its status."""
    place = PUBLISHED / f"{kind.name.lower()}.yaml"
    (manifest,) = load_yaml(place.read_text(), str(place))
    return manifest


@pytest.fixture
def katibs(client: KubernetesClient, namespace: str) -> Iterator[str]:
    """A namespace with what Katib left in it, in a cluster with Katib's definitions."""
    for kind in KINDS:
        redefine(client, definition_of(kind))
    try:
        wait_until(False, client, namespace)
        for kind in KINDS:
            old = published(kind)
            name = old["metadata"]["name"]
            made = {**old, "metadata": {"name": name}}
            client.request("POST", path_of(kind, namespace), body=msgspec.json.encode(made))
            place, merge = path_of(kind, namespace, name, "status"), "application/merge-patch+json"
            status = msgspec.json.encode({"status": old["status"]})
            client.request("PATCH", place, body=status, content_type=merge)
        yield namespace
    finally:
        for definition in definitions():
            redefine(client, definition)
        wait_until(True, client, namespace)
        for kind in KINDS:
            client.request("DELETE", path_of(kind, namespace))


def test_what_katib_stored_is_kept_and_can_be_written(
    client: KubernetesClient, katibs: str
) -> None:
    for definition in definitions():
        redefine(client, definition)
    wait_until(True, client, katibs)
    for kind in KINDS:
        old = published(kind)
        place = path_of(kind, katibs, old["metadata"]["name"])
        found: Manifest = msgspec.json.decode(client.request("GET", place))
        assert (found["spec"], found["status"]) == (old["spec"], old["status"])
        # A controller sets a finalizer, and says how things stand.
        found["metadata"]["finalizers"] = ["katib.test/one"]
        body = msgspec.json.encode(found)
        written: Manifest = msgspec.json.decode(client.request("PUT", place, body=body))
        assert written["spec"] == old["spec"]
        conditions = old["status"]["conditions"]
        body = msgspec.json.encode({**written, "status": {"conditions": conditions}})
        written = msgspec.json.decode(client.request("PUT", f"{place}/status", body=body))
        assert written["status"] == {"conditions": conditions}
        del written["metadata"]["finalizers"]
        client.request("PUT", place, body=msgspec.json.encode(written))
