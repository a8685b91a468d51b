"""Trials and runs for tests of a cluster, and what is heard of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import msgspec
from msgspec.structs import replace

from katib.api.kinds import JOBS
from katib.api.trial import Trial
from katib.api.values import Kind, ObjectMeta, Strings, Unstructured, owner_reference
from katib.kubernetes.client import KubernetesClient
from katib.kubernetes.patches import MERGE_PATCH
from katib.ports.resource_store import Event, EventType

#: Long enough for any machine, in seconds; nothing waits so long when it works.
PATIENCE = 60.0


def a_trial(namespace: str, name: str = "one", **labels: str) -> Trial:
    meta = ObjectMeta(name=name, namespace=namespace, labels=Strings(labels) or None)
    return Trial(metadata=meta)


def a_run(trial: Trial, kind: Kind[Any] = JOBS) -> Unstructured:
    container = {"name": "main", "image": "localhost/none:1"}
    pod = {"containers": [container], "restartPolicy": "Never"}
    body = {"spec": {"template": {"spec": pod}} if kind is JOBS else {"size": 1}}
    meta = ObjectMeta(
        name=trial.metadata.name,
        namespace=trial.metadata.namespace,
        owner_references=(owner_reference(trial),),
    )
    return Unstructured(api_version=kind.api_version, kind=kind.name, metadata=meta, body=body)


def labelled(trial: Trial, number: int) -> Trial:
    return replace(trial, metadata=replace(trial.metadata, labels=Strings(number=str(number))))


@dataclass
class Heard:
    """What a listener was told of one namespace."""

    namespace: str
    events: list[Event] = field(default_factory=list)

    def __call__(self, event: Event) -> None:
        if event.metadata.namespace == self.namespace:
            self.events.append(event)

    def names(self) -> list[tuple[EventType, str]]:
        return [(event.type, event.metadata.name) for event in self.events]

    def check(self) -> None:
        """Everything was told once, in the order of versions, and each life from first to last."""
        versions = [event.version for event in self.events]
        assert versions == sorted(set(versions))
        by_uid = sorted(self.events, key=lambda event: (event.metadata.uid, event.version))
        for _, group in groupby(by_uid, key=lambda event: event.metadata.uid):
            life = list(group)
            assert [event.type for event in life].count(EventType.ADDED) <= 1
            assert EventType.DELETED not in [event.type for event in life[:-1]]
            # The end has no version where nobody was told of it.
            changes = [event for event in life if event.type is not EventType.DELETED]
            written = [int(event.metadata.resource_version) for event in changes]
            assert written == sorted(set(written))


def wait_until(is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < deadline, "it never comes"
        time.sleep(0.02)


def label_from_outside(client: KubernetesClient, trial: Trial, value: str) -> None:
    client.request(
        "PATCH",
        f"/apis/kubeflow.org/v1beta1/namespaces/{trial.metadata.namespace}/trials/"
        f"{trial.metadata.name}",
        body=msgspec.json.encode({"metadata": {"labels": {"outside": value}}}),
        content_type=MERGE_PATCH,
    )
