from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from trials import Heard, a_trial, label_from_outside, labelled, wait_until

from control_plane import ControlPlane
from katib.api.codec import dump_yaml, load_yaml
from katib.api.trial import TRIALS
from katib.api.values import Key
from katib.apps.clock import SystemClock
from katib.errors import ConflictError, NotFoundError, StoreAwayError
from katib.kubernetes.client import KubernetesClient
from katib.ports.resource_store import EventType
from katib.stores.kubernetes import KubernetesStore
from relay import Relay


@pytest.fixture
def relay(kubeconfig: Path) -> Iterator[Relay]:
    (document,) = load_yaml(kubeconfig.read_text(), "kubeconfig")
    server: str = document["clusters"][0]["cluster"]["server"]
    with Relay(int(server.rpartition(":")[2])) as relay:
        yield relay


@pytest.fixture
def relayed(relay: Relay, kubeconfig: Path, tmp_path: Path) -> Iterator[KubernetesClient]:
    """A client whose connections go through the relay."""
    (document,) = load_yaml(kubeconfig.read_text(), "kubeconfig")
    document["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{relay.port}"
    copy = tmp_path / "kubeconfig"
    copy.write_text(dump_yaml(document))
    client = KubernetesClient.connect(copy)
    yield client
    client.close()


class TestCuts:
    @pytest.fixture
    def client(self, relayed: KubernetesClient) -> KubernetesClient:
        return relayed

    def test_a_cut_watch_is_resumed_where_it_was(
        self,
        store: KubernetesStore,
        heard: Heard,
        relay: Relay,
        administrator: KubernetesClient,
        client: KubernetesClient,
    ) -> None:
        calls: list[str] = []
        client.on_call = lambda method, path: calls.append(f"{method} {path}")
        trial = store.create(TRIALS, a_trial(heard.namespace))
        for number in range(5):
            relay.cut()
            label_from_outside(administrator, trial, str(number))
            wait_until(lambda: heard.events[-1].metadata.label("outside") == str(number))  # noqa: B023
        heard.check()
        assert heard.names() == [(EventType.ADDED, "one"), *[(EventType.MODIFIED, "one")] * 5]
        path = f"/apis/kubeflow.org/v1beta1/namespaces/{heard.namespace}/trials"
        assert calls.count(f"WATCH {path}") >= 5
        assert f"GET {path}" not in calls

    def test_what_happened_behind_a_closed_door_is_told_when_it_opens(
        self,
        store: KubernetesStore,
        heard: Heard,
        relay: Relay,
        administrator: KubernetesClient,
    ) -> None:
        kept, gone = (store.create(TRIALS, a_trial(heard.namespace, name)) for name in "ab")
        path = f"/apis/kubeflow.org/v1beta1/namespaces/{heard.namespace}/trials"
        with relay.closed():
            with pytest.raises(StoreAwayError):
                store.update(TRIALS, labelled(kept, 1))
            # What is known is still read.
            assert store.get(TRIALS, kept.key) == kept
            label_from_outside(administrator, kept, "x")
            administrator.request("DELETE", f"{path}/b")
        wait_until(lambda: len(heard.events) == 4)
        heard.check()
        assert set(heard.names()[2:]) == {(EventType.MODIFIED, "a"), (EventType.DELETED, "b")}
        assert store.find(TRIALS, gone.key) is None


def test_a_version_that_is_too_old_begins_anew_with_the_differences(
    control_plane: ControlPlane,
    relay: Relay,
    relayed: KubernetesClient,
    administrator: KubernetesClient,
    namespace: str,
) -> None:
    store = KubernetesStore(relayed, SystemClock(), namespace)
    heard = Heard(namespace)
    path = f"/apis/kubeflow.org/v1beta1/namespaces/{namespace}/trials"
    try:
        assert store.list(TRIALS) == []
        store.subscribe(heard)
        same, changed, gone, again = (
            store.create(TRIALS, a_trial(namespace, name)) for name in "abcd"
        )
        with relay.closed():
            label_from_outside(administrator, changed, "x")
            for name in "cd":
                administrator.request("DELETE", f"{path}/{name}")
            other = KubernetesStore(administrator, SystemClock(), namespace)
            for name in "de":
                other.create(TRIALS, a_trial(namespace, name))
            other.close()
            # A server that has just started keeps no earlier versions.
            control_plane.kill_api_server()
            control_plane.start()
        wait_until(lambda: store.find(TRIALS, Key(namespace, "e")))
        assert sorted(heard.names()[4:]) == [
            (EventType.ADDED, "d"),
            (EventType.ADDED, "e"),
            (EventType.DELETED, "c"),
            (EventType.DELETED, "d"),
            (EventType.MODIFIED, "b"),
        ]
        heard.check()
        assert store.get(TRIALS, same.key) == same
        assert store.find(TRIALS, gone.key) is None
        assert store.get(TRIALS, again.key).metadata.uid != again.metadata.uid
    finally:
        store.close()


def test_a_restarted_server_is_followed_on(
    control_plane: ControlPlane, store: KubernetesStore, heard: Heard
) -> None:
    trial = store.create(TRIALS, a_trial(heard.namespace))
    control_plane.kill_api_server()
    with pytest.raises(StoreAwayError, match="is asked again"):
        store.update(TRIALS, labelled(trial, 1))
    control_plane.start()
    trial = store.update(TRIALS, labelled(trial, 2))
    second = store.create(TRIALS, a_trial(heard.namespace, "two"))
    store.delete(TRIALS, second.key)
    assert heard.names() == [
        (EventType.ADDED, "one"),
        (EventType.MODIFIED, "one"),
        (EventType.ADDED, "two"),
        (EventType.DELETED, "two"),
    ]
    heard.check()


def test_after_a_conflict_the_next_read_is_fresh(
    store: KubernetesStore, heard: Heard, administrator: KubernetesClient
) -> None:
    trial = store.create(TRIALS, a_trial(heard.namespace))
    for number in range(20):
        label_from_outside(administrator, trial, str(number))
        try:
            store.update(TRIALS, labelled(trial, number))
        except ConflictError:
            pass
        trial = store.get(TRIALS, trial.key)
        assert trial.metadata.label("outside") == str(number)
    wait_until(lambda: store.get(TRIALS, trial.key).metadata.label("outside") == "19")
    heard.check()


def test_what_is_gone_is_not_written(
    store: KubernetesStore, heard: Heard, administrator: KubernetesClient
) -> None:
    trial = store.create(TRIALS, a_trial(heard.namespace))
    path = f"/apis/kubeflow.org/v1beta1/namespaces/{heard.namespace}/trials/one"
    administrator.request("DELETE", path)
    with pytest.raises(NotFoundError, match='Trial "one" not found'):
        store.update(TRIALS, labelled(trial, 1))
    assert store.find(TRIALS, trial.key) is None
    wait_until(lambda: len(heard.events) == 2)
    heard.check()
