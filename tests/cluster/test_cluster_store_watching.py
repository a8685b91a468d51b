from __future__ import annotations

import threading
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from definitions import define, undefine
from msgspec.structs import replace
from trials import Heard, a_run, a_trial, label_from_outside, labelled, wait_until

from katib.api.kinds import JOBS, PODS
from katib.api.names import LABEL_TRIAL
from katib.api.trial import TRIALS, Trial, TrialStatus
from katib.api.values import Key, Kind, Unstructured
from katib.apps.clock import SystemClock
from katib.errors import ConflictError, KindNotServedError, NotFoundError
from katib.kubernetes.client import KubernetesClient
from katib.kubernetes.patches import MERGE_PATCH
from katib.ports.resource_store import EventType, Selector
from katib.stores.kubernetes import KubernetesStore


def test_fields_that_are_not_known_here_stay(
    store: KubernetesStore, namespace: str, administrator: KubernetesClient
) -> None:
    # As if the cluster's definition of trials were newer than this Katib.
    newer = Kind("newer.katib.test/v1", "Trial", "trials", Trial)
    define(administrator, newer)
    path = f"/apis/newer.katib.test/v1/namespaces/{namespace}/trials"
    manifest = {
        "apiVersion": "newer.katib.test/v1",
        "kind": "Trial",
        "metadata": {"name": "one"},
        "spec": {"unknown": {"a": [1]}, "retainRun": True},
    }
    administrator.request("POST", path, body=msgspec.json.encode(manifest))
    trial = store.get(newer, Key(namespace, "one"))
    trial = store.update(newer, labelled(trial, 7))
    now = SystemClock().now()
    store.update_status(newer, replace(trial, status=TrialStatus(start_time=now)))
    found = msgspec.json.decode(administrator.request("GET", f"{path}/one"))
    assert found["spec"] == manifest["spec"]
    assert found["metadata"]["labels"] == {"number": "7"}
    assert list(found["status"]) == ["startTime"]


def test_other_namespaces_are_written_and_not_kept(
    store: KubernetesStore, heard: Heard, administrator: KubernetesClient
) -> None:
    elsewhere = store.create(TRIALS, a_trial("default", f"elsewhere-{uuid4().hex[:6]}"))
    store.create(TRIALS, a_trial(heard.namespace))
    assert [one.metadata.name for one in store.list(TRIALS)] == ["one"]
    assert store.find(TRIALS, elsewhere.key) is None
    # Who relies on it asks the server.
    assert store.get(TRIALS, elsewhere.key) == elsewhere
    store.delete(TRIALS, elsewhere.key)
    with pytest.raises(NotFoundError):
        store.get(TRIALS, elsewhere.key)


def test_runs_are_watched_from_the_first_one_on(
    store: KubernetesStore, heard: Heard, administrator: KubernetesClient
) -> None:
    trial = store.create(TRIALS, a_trial(heard.namespace))
    stranger = replace(a_run(trial).metadata, name="stranger", owner_references=())
    administrator.request(
        "POST",
        f"/apis/batch/v1/namespaces/{heard.namespace}/jobs",
        body=msgspec.json.encode({"metadata": stranger, **a_run(trial).body}),
    )
    assert store.find(JOBS, trial.key) is None
    run = store.create(JOBS, a_run(trial))
    assert run.metadata.label(LABEL_TRIAL) == "one"
    administrator.request(
        "PATCH",
        f"/apis/batch/v1/namespaces/{heard.namespace}/jobs/one/status",
        body=b'{"status":{"succeeded":1}}',
        content_type=MERGE_PATCH,
    )
    wait_until(
        lambda: any(
            event.kind is JOBS and event.type is EventType.MODIFIED for event in heard.events
        )
    )
    # It has no label, so it is found only by who relies on it.
    assert store.find(JOBS, Key(heard.namespace, "stranger")) is None
    assert store.get(JOBS, Key(heard.namespace, "stranger")).metadata.name == "stranger"
    # Pods are made by others, and asked for.
    where = Selector(heard.namespace, {"job-name": "stranger"})
    wait_until(lambda: store.list(PODS, where))
    store.delete(JOBS, run.key, uid=run.metadata.uid)
    assert store.find(JOBS, run.key) is None
    heard.check()


def test_a_kind_that_appears_later_is_noticed(
    store: KubernetesStore, heard: Heard, administrator: KubernetesClient
) -> None:
    group = f"later-{uuid4().hex[:6]}.katib.test"
    widgets: Kind[Any] = Kind(f"{group}/v1", "Widget", "widgets", Unstructured)
    trial = store.create(TRIALS, a_trial(heard.namespace))
    assert store.find(widgets, trial.key) is None
    with pytest.raises(KindNotServedError, match="install its CustomResourceDefinition"):
        store.create(widgets, a_run(trial, widgets))
    define(administrator, widgets)
    try:
        made: list[Unstructured] = []

        def is_made() -> bool:
            try:
                made.append(store.create(widgets, a_run(trial, widgets)))
            except (KindNotServedError, NotFoundError):
                return False
            return True

        wait_until(is_made)
        assert store.find(widgets, trial.key) == made[0]
        path = f"/apis/{group}/v1/namespaces/{heard.namespace}/widgets/one"
        administrator.request(
            "PATCH", f"{path}/status", body=b'{"status":{"ok":1}}', content_type=MERGE_PATCH
        )
        wait_until(lambda: heard.events[-1].resource.spec == {"size": 1})  # type: ignore[attr-defined]
        wait_until(lambda: heard.events[-1].type is EventType.MODIFIED)
    finally:
        undefine(administrator, widgets)
    wait_until(lambda: store.find(widgets, trial.key) is None)
    heard.check()


def write(store: KubernetesStore, trial: Trial) -> None:
    for number in range(20):
        while True:
            try:
                store.update(TRIALS, labelled(store.get(TRIALS, trial.key), number))
                break
            except ConflictError:
                continue


def come_and_go(store: KubernetesStore, namespace: str, name: str) -> None:
    for _ in range(20):
        store.create(TRIALS, a_trial(namespace, name))
        store.delete(TRIALS, Key(namespace, name))


def disturb(client: KubernetesClient, trial: Trial) -> None:
    for number in range(20):
        label_from_outside(client, trial, str(number))


def versions(store: KubernetesStore) -> dict[str, str]:
    return {one.metadata.name: one.metadata.resource_version for one in store.list(TRIALS)}


def test_changes_from_inside_and_outside_are_each_heard_once(
    store: KubernetesStore, heard: Heard, administrator: KubernetesClient
) -> None:
    trials = [store.create(TRIALS, a_trial(heard.namespace, f"t{n}")) for n in range(4)]
    threads = [
        *(threading.Thread(target=write, args=(store, trial)) for trial in trials),
        *(
            threading.Thread(target=come_and_go, args=(store, heard.namespace, name))
            for name in ("x", "y")
        ),
        *(threading.Thread(target=disturb, args=(administrator, trial)) for trial in trials[:2]),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    last = store.create(TRIALS, a_trial(heard.namespace, "last"))
    label_from_outside(administrator, last, "end")
    wait_until(lambda: heard.events[-1].metadata.label("outside") == "end")
    heard.check()
    by_name = {name: heard.names().count((EventType.DELETED, name)) for name in ("x", "y")}
    assert by_name == {"x": 20, "y": 20}
    assert heard.names().count((EventType.ADDED, "x")) == 20
    fresh = KubernetesStore(administrator, SystemClock(), heard.namespace)
    assert versions(store) == versions(fresh)
    fresh.close()
