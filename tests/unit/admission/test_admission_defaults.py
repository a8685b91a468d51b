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


def _kind(
    sentence: str, kind: str, success: str | None = None, labels: dict[str, str] | None = None
) -> Row:
    """What a template of a kind gets, whatever its version says."""
    changes = {f"{TEMPLATE}.trialSpec.kind": kind, f"{TEMPLATE}.trialSpec.apiVersion": "any/v1"}
    defaults = {
        "successCondition": success,
        "failureCondition": FAILED if success else None,
        "primaryPodLabels": labels,
    }
    return Row(sentence, changes, TEMPLATE, defaults)


def _collector(sentence: str, kind: str, source: Any) -> Row:
    return Row(
        sentence,
        {f"{COLLECTOR}.collector.kind": kind},
        f"{COLLECTOR}.source",
        source,
    )


def _strategies(*pairs: tuple[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in pairs]


TWO_MORE = {f"{OBJECTIVE}.additionalMetricNames": ["a", "b"]}

ROWS = [
    Row(
        "an experiment without a namespace is put into `default`",
        {},
        "metadata.namespace",
        "default",
    ),
    Row(
        "a namespace that is given is kept",
        {"metadata.namespace": "team"},
        "metadata.namespace",
        "team",
    ),
    Row("a missing `parallelTrialCount` becomes 3", {}, "spec.parallelTrialCount", 3),
    Row(
        "a `parallelTrialCount` that is given is kept",
        {"spec.parallelTrialCount": 7},
        "spec.parallelTrialCount",
        7,
    ),
    Row("an empty `resumePolicy` becomes `Never`", {}, "spec.resumePolicy", "Never"),
    Row(
        "a `resumePolicy` that is given is kept",
        {"spec.resumePolicy": "LongRunning"},
        "spec.resumePolicy",
        "LongRunning",
    ),
    Row(
        "a missing `maxTrialCount` stays missing: there is no limit", {}, "spec.maxTrialCount", None
    ),
    Row("a missing goal stays missing", {}, f"{OBJECTIVE}.goal", None),
    Row(
        "a goal of 0 is kept and differs from none",
        {f"{OBJECTIVE}.goal": 0},
        f"{OBJECTIVE}.goal",
        0,
    ),
    Row(
        "minimize with two additional metrics gets three strategies, all `min`, objective first",
        TWO_MORE,
        f"{OBJECTIVE}.metricStrategies",
        _strategies(("loss", "min"), ("a", "min"), ("b", "min")),
    ),
    Row(
        "maximize without strategies gets `max` for every metric, also the additional ones",
        {**TWO_MORE, f"{OBJECTIVE}.type": "maximize"},
        f"{OBJECTIVE}.metricStrategies",
        _strategies(("loss", "max"), ("a", "max"), ("b", "max")),
    ),
    Row(
        "an objective of any other type gets `latest` for every metric",
        {f"{OBJECTIVE}.type": ""},
        f"{OBJECTIVE}.metricStrategies",
        _strategies(("loss", "latest"), ("accuracy", "latest")),
    ),
    Row(
        "with a strategy for the objective only, the additional metrics still get theirs",
        {**TWO_MORE, f"{OBJECTIVE}.metricStrategies": _strategies(("loss", "latest"))},
        f"{OBJECTIVE}.metricStrategies",
        _strategies(("loss", "latest"), ("a", "min"), ("b", "min")),
    ),
    Row(
        "a strategy for an additional metric is kept, and the objective metric's is appended",
        {f"{OBJECTIVE}.metricStrategies": _strategies(("accuracy", "max"))},
        f"{OBJECTIVE}.metricStrategies",
        _strategies(("accuracy", "max"), ("loss", "min")),
    ),
    Row("a missing `retain` means false and stays missing", {}, f"{TEMPLATE}.retain", None),
    Row("a `retain` of true is kept", {f"{TEMPLATE}.retain": True}, f"{TEMPLATE}.retain", True),
    Row("a missing objective is not made up", {OBJECTIVE: GONE}, OBJECTIVE, None),
    Row("a missing trial template is not made up", {TEMPLATE: GONE}, TEMPLATE, None),
    _kind("a `Job` of any version gets `Complete` and `Failed`, and no labels", "Job", COMPLETE),
    _kind(
        "a `TFJob` gets `Succeeded`, `Failed` and the label of the master",
        "TFJob",
        SUCCEEDED,
        MASTER,
    ),
    _kind(
        "a `PyTorchJob` gets `Succeeded`, `Failed` and the label of the master",
        "PyTorchJob",
        SUCCEEDED,
        MASTER,
    ),
    _kind(
        "an `XGBoostJob` gets `Succeeded`, `Failed` and the label of the master",
        "XGBoostJob",
        SUCCEEDED,
        MASTER,
    ),
    _kind(
        "an `MPIJob` gets `Succeeded`, `Failed` and the label of the master",
        "MPIJob",
        SUCCEEDED,
        MASTER,
    ),
    _kind(
        "a `TrainJob` gets `Complete`, `Failed` and the labels of its first node",
        "TrainJob",
        COMPLETE,
        NODE,
    ),
    _kind("an Argo `Workflow` gets no conditions and no labels", "Workflow"),
    _kind("a Tekton `PipelineRun` gets no conditions and no labels", "PipelineRun"),
    _kind("a `JAXJob` gets no conditions and no labels", "JAXJob"),
    _kind("a `PaddleJob` gets no conditions and no labels", "PaddleJob"),
    _kind("a kind in other letters, as `job`, gets no conditions", "job"),
    Row(
        "a success condition that is given is kept",
        {f"{TEMPLATE}.successCondition": "mine"},
        f"{TEMPLATE}.successCondition",
        "mine",
    ),
    Row(
        "a failure condition that is given is kept, and the success condition is filled in",
        {f"{TEMPLATE}.failureCondition": "mine"},
        TEMPLATE,
        {"successCondition": COMPLETE, "failureCondition": "mine"},
    ),
    Row(
        "a Job with only a success condition gets the failure condition",
        {f"{TEMPLATE}.successCondition": "mine"},
        f"{TEMPLATE}.failureCondition",
        FAILED,
    ),
    Row(
        "labels of the primary pod that are given are kept, and none is added",
        {f"{TEMPLATE}.trialSpec.kind": "TFJob", f"{TEMPLATE}.primaryPodLabels": {"a": "b"}},
        f"{TEMPLATE}.primaryPodLabels",
        {"a": "b"},
    ),
    Row(
        "a template from a ConfigMap gets no conditions",
        {
            f"{TEMPLATE}.trialSpec": GONE,
            f"{TEMPLATE}.configMap": {"configMapName": "templates"},
        },
        f"{TEMPLATE}.successCondition",
        None,
    ),
    Row(
        "a missing metrics collector becomes `StdOut`",
        {},
        COLLECTOR,
        {"collector": {"kind": "StdOut"}},
    ),
    Row(
        "an empty metrics collector spec becomes `StdOut`",
        {COLLECTOR: {}},
        f"{COLLECTOR}.collector.kind",
        "StdOut",
    ),
    Row(
        "a source without a collector is read by `StdOut`",
        {f"{COLLECTOR}.source.filter.metricsFormat": ["x"]},
        f"{COLLECTOR}.collector.kind",
        "StdOut",
    ),
    Row(
        "a collector with an empty kind is left as it is",
        {f"{COLLECTOR}.collector": {"kind": ""}},
        f"{COLLECTOR}.collector.kind",
        None,
    ),
    _collector("the collector `StdOut` gets no source", "StdOut", None),
    _collector("the collector `Push` gets no source", "Push", None),
    _collector("the collector `Custom` gets no source", "Custom", None),
    _collector(
        "the collector `PrometheusMetric` without a source reads `/metrics` at port 8080",
        "PrometheusMetric",
        {"httpGet": {"path": "/metrics", "port": 8080}},
    ),
    Row(
        "the collector `PrometheusMetric` with an empty source reads `/metrics` at port 8080",
        {f"{COLLECTOR}.collector.kind": "PrometheusMetric", f"{COLLECTOR}.source": {}},
        f"{COLLECTOR}.source",
        {"httpGet": {"path": "/metrics", "port": 8080}},
    ),
    _collector(
        "the collector `File` reads the text file `/var/log/katib/metrics.log`",
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
        "the collector `TensorFlowEvent` reads the directory `/var/log/katib/tfevent/`, no format",
        "TensorFlowEvent",
        {"fileSystemPath": {"kind": "Directory", "path": "/var/log/katib/tfevent/"}},
    ),
    Row(
        "the port of an endpoint is kept, and its path becomes `/metrics`",
        {
            f"{COLLECTOR}.collector.kind": "PrometheusMetric",
            f"{COLLECTOR}.source.httpGet": {"port": 9090, "host": "h"},
        },
        f"{COLLECTOR}.source.httpGet",
        {"path": "/metrics", "port": 9090, "host": "h"},
    ),
    Row(
        "port 0 of an endpoint counts as unset and becomes 8080, and its path is kept",
        {
            f"{COLLECTOR}.collector.kind": "PrometheusMetric",
            f"{COLLECTOR}.source.httpGet": {"port": 0, "path": "/m"},
        },
        f"{COLLECTOR}.source.httpGet",
        {"path": "/m", "port": 8080},
    ),
    Row(
        "the path and the format of a file are kept, and its kind becomes `File`",
        {
            f"{COLLECTOR}.collector.kind": "File",
            f"{COLLECTOR}.source.fileSystemPath": {"path": "/x", "format": "JSON"},
        },
        f"{COLLECTOR}.source.fileSystemPath",
        {"kind": "File", "path": "/x", "format": "JSON"},
    ),
    Row(
        "a missing distribution becomes `uniform`",
        {},
        "spec.parameters.0.feasibleSpace.distribution",
        "uniform",
    ),
    Row(
        "a categorical parameter gets the distribution `uniform` too",
        {
            "spec.parameters.1.parameterType": "categorical",
            "spec.parameters.1.feasibleSpace": {"list": ["a"]},
        },
        "spec.parameters.1.feasibleSpace.distribution",
        "uniform",
    ),
    Row(
        "a distribution that is given is kept",
        {"spec.parameters.0.feasibleSpace.distribution": "logUniform"},
        "spec.parameters.0.feasibleSpace.distribution",
        "logUniform",
    ),
    Row(
        "the missing distribution of an operation parameter stays missing",
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
    if row.at == TEMPLATE and row.expected is not None:
        found = {name: found.get(name) for name in row.expected}
    assert found == row.expected


@pytest.mark.rule("defaults that are filled in again change nothing")
def test_defaults_are_the_same_when_applied_again() -> None:
    once = with_defaults(from_manifest(EXPERIMENTS, edited({})))
    assert to_manifest(with_defaults(once)) == to_manifest(once)


@pytest.mark.rule("defaults are filled in before the rules are applied, and are part of the result")
def test_the_door_applies_them() -> None:
    assert admit(edited({}), a_context()).spec.parallel_trial_count == 3


@pytest.mark.rule("defaults are filled in at an update as at a creation")
def test_an_update_gets_them_too() -> None:
    old = admit(edited({"spec.parallelTrialCount": 7}), a_context())
    assert admit(edited({}), a_context(), old).spec.parallel_trial_count == 3


@pytest.mark.rule("unknown fields are left out of the result")
def test_unknown_fields_go() -> None:
    known = to_manifest(admit(edited({}), a_context()))
    assert to_manifest(admit(edited({"spec.colour": "blue"}), a_context())) == known
