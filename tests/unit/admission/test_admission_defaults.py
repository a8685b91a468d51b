"""What is filled in, row by row."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from admission_manifests import GONE, a_context, edited

from katib.admission import admit
from katib.admission.defaulting import with_defaults
from katib.api.codec import from_manifest, to_manifest
from katib.api.experiment import EXPERIMENTS

COMPLETE = 'status.conditions.#(type=="Complete")#|#(status=="True")#'
SUCCEEDED = 'status.conditions.#(type=="Succeeded")#|#(status=="True")#'
FAILED = 'status.conditions.#(type=="Failed")#|#(status=="True")#'
MASTER = {"training.kubeflow.org/job-role": "master"}
NODE = {
    "jobset.sigs.k8s.io/replicatedjob-name": "node",
    "batch.kubernetes.io/job-completion-index": "0",
}
OBJECTIVE = "spec.objective"
TEMPLATE = "spec.trialTemplate"
COLLECTOR = "spec.metricsCollectorSpec"


@dataclass(frozen=True)
class Row:
    sentence: str
    changes: dict[str, Any] = field(default_factory=dict)
    at: str = ""
    expected: Any = None

    def __str__(self) -> str:
        return self.sentence


def _conditions(kind: str, success: str | None, labels: dict[str, str] | None) -> list[Row]:
    changes = {f"{TEMPLATE}.trialSpec.kind": kind, f"{TEMPLATE}.trialSpec.apiVersion": "any/v1"}
    failure = FAILED if success else None
    return [
        Row(f"{kind} has its success condition", changes, f"{TEMPLATE}.successCondition", success),
        Row(f"{kind} has its failure condition", changes, f"{TEMPLATE}.failureCondition", failure),
        Row(f"{kind} has its primary labels", changes, f"{TEMPLATE}.primaryPodLabels", labels),
    ]


def _collector(kind: str, source: Any) -> Row:
    return Row(
        f"collector {kind} reads from its usual place",
        {f"{COLLECTOR}.collector.kind": kind},
        f"{COLLECTOR}.source",
        source,
    )


def _strategies(*pairs: tuple[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in pairs]


TWO_MORE = {f"{OBJECTIVE}.additionalMetricNames": ["a", "b"]}

ROWS = [
    Row("no namespace is default", {}, "metadata.namespace", "default"),
    Row("a namespace is kept", {"metadata.namespace": "team"}, "metadata.namespace", "team"),
    Row("no parallel trial count is 3", {}, "spec.parallelTrialCount", 3),
    Row(
        "a parallel trial count is kept",
        {"spec.parallelTrialCount": 7},
        "spec.parallelTrialCount",
        7,
    ),
    Row("no resume policy is Never", {}, "spec.resumePolicy", "Never"),
    Row(
        "a resume policy is kept",
        {"spec.resumePolicy": "LongRunning"},
        "spec.resumePolicy",
        "LongRunning",
    ),
    Row("no max trial count stays none", {}, "spec.maxTrialCount", None),
    Row("no goal stays none", {}, f"{OBJECTIVE}.goal", None),
    Row("goal 0 is kept", {f"{OBJECTIVE}.goal": 0}, f"{OBJECTIVE}.goal", 0),
    Row(
        "minimize, no strategies, two additional metrics: three strategies, all min",
        TWO_MORE,
        f"{OBJECTIVE}.metricStrategies",
        _strategies(("loss", "min"), ("a", "min"), ("b", "min")),
    ),
    Row(
        "maximize, no strategies: all max",
        {**TWO_MORE, f"{OBJECTIVE}.type": "maximize"},
        f"{OBJECTIVE}.metricStrategies",
        _strategies(("loss", "max"), ("a", "max"), ("b", "max")),
    ),
    Row(
        "another type: all latest",
        {f"{OBJECTIVE}.type": ""},
        f"{OBJECTIVE}.metricStrategies",
        _strategies(("loss", "latest"), ("accuracy", "latest")),
    ),
    Row(
        "a strategy for the objective only: additional metrics still get theirs",
        {**TWO_MORE, f"{OBJECTIVE}.metricStrategies": _strategies(("loss", "latest"))},
        f"{OBJECTIVE}.metricStrategies",
        _strategies(("loss", "latest"), ("a", "min"), ("b", "min")),
    ),
    Row(
        "a strategy for an additional metric is kept, the objective's is appended",
        {f"{OBJECTIVE}.metricStrategies": _strategies(("accuracy", "max"))},
        f"{OBJECTIVE}.metricStrategies",
        _strategies(("accuracy", "max"), ("loss", "min")),
    ),
    Row("no objective: none is made", {OBJECTIVE: GONE}, OBJECTIVE, None),
    Row("no template: none is made", {TEMPLATE: GONE}, TEMPLATE, None),
    *_conditions("Job", COMPLETE, None),
    *_conditions("TFJob", SUCCEEDED, MASTER),
    *_conditions("PyTorchJob", SUCCEEDED, MASTER),
    *_conditions("XGBoostJob", SUCCEEDED, MASTER),
    *_conditions("MPIJob", SUCCEEDED, MASTER),
    *_conditions("TrainJob", COMPLETE, NODE),
    *_conditions("Workflow", None, None),
    *_conditions("JAXJob", None, None),
    Row(
        "a Job with a success condition: it is kept",
        {f"{TEMPLATE}.successCondition": "mine"},
        f"{TEMPLATE}.successCondition",
        "mine",
    ),
    Row(
        "a Job with a success condition: only the failure condition is defaulted",
        {f"{TEMPLATE}.successCondition": "mine"},
        f"{TEMPLATE}.failureCondition",
        FAILED,
    ),
    Row(
        "labels of the primary pod are kept",
        {f"{TEMPLATE}.trialSpec.kind": "TFJob", f"{TEMPLATE}.primaryPodLabels": {"a": "b"}},
        f"{TEMPLATE}.primaryPodLabels",
        {"a": "b"},
    ),
    Row(
        "a ConfigMap source without conditions: not defaulted",
        {
            f"{TEMPLATE}.trialSpec": GONE,
            f"{TEMPLATE}.configMap": {"configMapName": "templates"},
        },
        f"{TEMPLATE}.successCondition",
        None,
    ),
    Row("no collector is StdOut", {}, COLLECTOR, {"collector": {"kind": "StdOut"}}),
    Row(
        "an empty collector spec is StdOut",
        {COLLECTOR: {}},
        f"{COLLECTOR}.collector.kind",
        "StdOut",
    ),
    Row(
        "a source without a collector is StdOut's",
        {f"{COLLECTOR}.source.filter.metricsFormat": ["x"]},
        f"{COLLECTOR}.collector.kind",
        "StdOut",
    ),
    Row(
        "a collector with an empty kind is not defaulted",
        {f"{COLLECTOR}.collector": {"kind": ""}},
        f"{COLLECTOR}.collector.kind",
        None,
    ),
    _collector("StdOut", None),
    _collector("Push", None),
    _collector("Custom", None),
    _collector("PrometheusMetric", {"httpGet": {"path": "/metrics", "port": 8080}}),
    _collector(
        "File",
        {
            "fileSystemPath": {
                "kind": "File",
                "path": "/var/log/katib/metrics.log",
                "format": "TEXT",
            }
        },
    ),
    _collector(
        "TensorFlowEvent",
        {"fileSystemPath": {"kind": "Directory", "path": "/var/log/katib/tfevent/"}},
    ),
    Row(
        "what is said of an endpoint is kept",
        {
            f"{COLLECTOR}.collector.kind": "PrometheusMetric",
            f"{COLLECTOR}.source.httpGet": {"port": 9090, "host": "h"},
        },
        f"{COLLECTOR}.source.httpGet",
        {"path": "/metrics", "port": 9090, "host": "h"},
    ),
    Row(
        "port 0 is no port",
        {
            f"{COLLECTOR}.collector.kind": "PrometheusMetric",
            f"{COLLECTOR}.source.httpGet": {"port": 0, "path": "/m"},
        },
        f"{COLLECTOR}.source.httpGet",
        {"path": "/m", "port": 8080},
    ),
    Row(
        "what is said of a file is kept",
        {
            f"{COLLECTOR}.collector.kind": "File",
            f"{COLLECTOR}.source.fileSystemPath": {"path": "/x", "format": "JSON"},
        },
        f"{COLLECTOR}.source.fileSystemPath",
        {"kind": "File", "path": "/x", "format": "JSON"},
    ),
    Row(
        "no distribution is uniform", {}, "spec.parameters.0.feasibleSpace.distribution", "uniform"
    ),
    Row(
        "a categorical parameter is uniform too",
        {
            "spec.parameters.1.parameterType": "categorical",
            "spec.parameters.1.feasibleSpace": {"list": ["a"]},
        },
        "spec.parameters.1.feasibleSpace.distribution",
        "uniform",
    ),
    Row(
        "a distribution is kept",
        {"spec.parameters.0.feasibleSpace.distribution": "logUniform"},
        "spec.parameters.0.feasibleSpace.distribution",
        "logUniform",
    ),
    Row(
        "parameters of an operation are left alone",
        {
            "spec.nasConfig.operations": [
                {"operationType": "x", "parameters": [{"name": "p", "parameterType": "int"}]}
            ]
        },
        "spec.nasConfig.operations.0.parameters.0",
        {"name": "p", "parameterType": "int", "feasibleSpace": {}},
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_defaults(row: Row) -> None:
    experiment = with_defaults(from_manifest(EXPERIMENTS, edited(row.changes)))
    found: Any = to_manifest(experiment)
    for name in row.at.split("."):
        found = found[int(name)] if isinstance(found, list) else (found or {}).get(name)
    assert found == row.expected


def test_defaults_are_the_same_when_applied_again() -> None:
    once = with_defaults(from_manifest(EXPERIMENTS, edited({})))
    assert to_manifest(with_defaults(once)) == to_manifest(once)


def test_the_door_applies_them() -> None:
    assert admit(edited({}), a_context()).spec.parallel_trial_count == 3
