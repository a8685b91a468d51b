"""Where early stopping rules cannot be applied the door says so."""

from __future__ import annotations

from typing import Any

import pytest
from admission_manifests import a_context, edited, list_errors

KINDS = ("StdOut", "File", "TensorFlowEvent", "PrometheusMetric", "Custom", "Push")
FILE = {"fileSystemPath": {"path": "/m", "kind": "File", "format": "TEXT"}}
DIRECTORY = {"fileSystemPath": {"path": "/m", "kind": "Directory"}}
STOPPING = {"spec.earlyStopping": {"algorithmName": "medianstop"}}

SOURCES: dict[str, dict[str, Any]] = {
    "File": {"source": FILE},
    "TensorFlowEvent": {"source": DIRECTORY},
    "PrometheusMetric": {"source": {"httpGet": {"port": 9090, "path": "/metrics"}}},
}


def found(kind: str, *changes: dict[str, Any]) -> list[str]:
    """What is wrong, where every kind of collector can be used."""
    collector: dict[str, Any] = {"kind": kind}
    if kind == "Custom":
        collector["customCollector"] = {"name": "mine", "image": "mine"}
    spec = {"collector": collector, **SOURCES.get(kind, {})}
    manifest = edited({"spec.metricsCollectorSpec": spec})
    for change in changes:
        manifest = edited(change, manifest)
    return [str(error) for error in list_errors(manifest, context=a_context(collector_kinds=KINDS))]


@pytest.mark.parametrize("kind", KINDS)
def test_without_early_stopping_every_kind_is_accepted(kind: str) -> None:
    assert found(kind) == []


@pytest.mark.parametrize("kind", ["StdOut", "File", "Push"])
def test_rules_are_applied_while_these_are_read(kind: str) -> None:
    assert found(kind, STOPPING) == []


#: A rule of docs/rules/stopping.md, proven here.
REFUSED = {
    "Early stopping is refused where metrics are neither pushed nor read by `StdOut` or `File`": (
        "TensorFlowEvent",
        "PrometheusMetric",
        "Custom",
    )
}


@pytest.mark.parametrize("kind", *REFUSED.values())
def test_rules_cannot_be_applied_to_these(kind: str) -> None:
    assert found(kind, STOPPING) == [
        'spec.earlyStopping: Invalid value: "medianstop": early stopping rules cannot be applied '
        f"to metrics of the collector kind {kind}; use StdOut, File or Push, or leave early "
        "stopping out"
    ]


def test_a_kind_that_does_not_exist_is_told_once() -> None:
    (error,) = found("Telepathy", STOPPING)
    assert error.startswith("spec.metricsCollectorSpec.collector.kind: Invalid value")


def test_the_collector_that_is_meant_when_none_is_named_will_do() -> None:
    assert list_errors(edited(STOPPING)) == ()
