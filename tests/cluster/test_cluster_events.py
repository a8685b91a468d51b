from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from trials import a_trial, wait_until

from control_plane import ControlPlane
from katib.api.trial import TRIALS
from katib.apps.clock import SystemClock
from katib.kubernetes import events
from katib.kubernetes.client import KubernetesClient
from katib.kubernetes.events import KubernetesEventRecorder
from katib.stores.kubernetes import KubernetesStore


@pytest.fixture
def recorder(client: KubernetesClient) -> Iterator[KubernetesEventRecorder]:
    recorder = KubernetesEventRecorder(client, SystemClock(), unwritten={"JobRunning"})
    yield recorder
    recorder.close()


def events_of(client: KubernetesClient, namespace: str) -> list[dict[str, Any]]:
    text = client.request("GET", f"/api/v1/namespaces/{namespace}/events")
    found: list[dict[str, Any]] = msgspec.json.decode(text)["items"]
    return found


def test_an_event_is_about_its_resource(
    recorder: KubernetesEventRecorder,
    store: KubernetesStore,
    administrator: KubernetesClient,
    namespace: str,
) -> None:
    trial = store.create(TRIALS, a_trial(namespace))
    recorder.record(trial, "JobRunning", "Job one is running")
    recorder.record(trial, "JobCreated", "Job one has been created")
    recorder.record(trial, "MetricsUnavailable", "x" * 2_000, warning=True)
    wait_until(lambda: len(events_of(administrator, namespace)) == 2)
    first, second = sorted(events_of(administrator, namespace), key=lambda one: one["reason"])
    assert first["involvedObject"]["uid"] == trial.metadata.uid
    assert first["involvedObject"]["kind"] == "Trial"
    assert (first["type"], first["reason"], first["count"]) == ("Normal", "JobCreated", 1)
    assert first["source"] == {"component": "trial-controller"}
    assert (second["type"], len(second["message"])) == ("Warning", 1_024)


def test_an_event_that_is_told_again_is_counted_up(
    recorder: KubernetesEventRecorder,
    store: KubernetesStore,
    client: KubernetesClient,
    administrator: KubernetesClient,
    namespace: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(events, "COUNT_EVERY", 0.5)
    calls: list[str] = []
    client.on_call = lambda method, path: calls.append(method)
    trial = store.create(TRIALS, a_trial(namespace))
    calls.clear()
    for _ in range(100):
        recorder.record(trial, "ReconcileError", "boom", warning=True)
        time.sleep(0.01)
    wait_until(lambda: [one["count"] for one in events_of(administrator, namespace)] == [100])
    assert calls.count("POST") == 1
    assert 1 <= calls.count("PATCH") <= 5


def test_what_waits_is_written_at_the_end(
    client: KubernetesClient,
    store: KubernetesStore,
    administrator: KubernetesClient,
    namespace: str,
) -> None:
    trial = store.create(TRIALS, a_trial(namespace))
    recorder = KubernetesEventRecorder(client, SystemClock())
    for number in range(50):
        recorder.record(trial, "Told", f"number {number}")
    recorder.close()
    assert len(events_of(administrator, namespace)) == 50


def test_a_server_that_is_away_holds_nobody_up_and_hears_it_later(
    control_plane: ControlPlane,
    recorder: KubernetesEventRecorder,
    store: KubernetesStore,
    administrator: KubernetesClient,
    namespace: str,
) -> None:
    trial = store.create(TRIALS, a_trial(namespace))
    control_plane.kill_api_server()
    began = time.monotonic()
    for number in range(20):
        recorder.record(trial, "Told", f"number {number}")
    assert time.monotonic() - began < 1.0
    control_plane.start()
    wait_until(lambda: len(events_of(administrator, namespace)) == 20)
