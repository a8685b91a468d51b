from __future__ import annotations

from typing import cast

from prometheus_client import CollectorRegistry

from katib.apps.operator_meters import OperatorMeters
from katib.kubernetes.client import KubernetesClient


class Client:
    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []
        self.on_call = self.hear

    def hear(self, method: str, path: str) -> None:
        self.heard.append((method, path))


def test_calls_are_counted_by_method_and_still_heard_by_who_listened_before() -> None:
    registry, client = CollectorRegistry(), Client()
    OperatorMeters(registry).count_calls(cast(KubernetesClient, client))
    for method in ("GET", "PATCH", "GET"):
        client.on_call(method, "/api")
    assert registry.get_sample_value("rest_client_requests_total", {"method": "GET"}) == 2
    assert registry.get_sample_value("rest_client_requests_total", {"method": "PATCH"}) == 1
    assert client.heard == [("GET", "/api"), ("PATCH", "/api"), ("GET", "/api")]


def test_reconciles_are_counted_by_controller() -> None:
    registry = CollectorRegistry()
    meters = OperatorMeters(registry)
    for seconds in (0.002, 0.2):
        meters.note_reconcile("trial-controller", seconds)
    name, labels = "controller_runtime_reconcile_time_seconds", {"controller": "trial-controller"}
    assert registry.get_sample_value(f"{name}_count", labels) == 2
    assert registry.get_sample_value(f"{name}_sum", labels) == 0.202
    assert registry.get_sample_value(f"{name}_bucket", {**labels, "le": "0.0025"}) == 1
