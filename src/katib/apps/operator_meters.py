"""What an operator counts of its own work, for Prometheus.

The names are those of controller-runtime and client-go, on which Kubeflow Katib's controller is
built, so that dashboards for these go on working.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram

from katib.kubernetes.client import KubernetesClient

#: The upper bounds of the histogram's buckets, in seconds.
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class OperatorMeters:
    """Counts reconciles and calls.

    Args:
        registry: where they are exposed.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._reconciles = Histogram(
            "controller_runtime_reconcile_time_seconds",
            "Length of time per reconciliation per controller",
            ("controller",),
            buckets=_BUCKETS,
            registry=registry,
        )
        self._calls = Counter(
            "rest_client_requests",
            "Number of HTTP requests, partitioned by method",
            ("method",),
            registry=registry,
        )

    def note_reconcile(self, controller: str, seconds: float) -> None:
        """A controller has looked at one resource, and took so long."""
        self._reconciles.labels(controller).observe(seconds)

    def count_calls(self, client: KubernetesClient) -> None:
        """Count what the client sends from now on; who listens to it already still does."""
        earlier = client.on_call

        def note(method: str, path: str) -> None:
            self._calls.labels(method).inc()
            earlier(method, path)

        client.on_call = note
