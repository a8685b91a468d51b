from __future__ import annotations

import base64
import zlib
from typing import Any

import pytest
from test_following import Answers

import katib
from katib.client.tuning.documents import (
    LARGEST_IN_CLUSTER,
    Limits,
    Plan,
    config_map_name,
    config_map_of,
    experiment_of,
    function_call,
    job_of,
)
from katib.client.tuning.parameters import read_parameters
from katib.client.tuning.shipping import Shipment, UnshippableError
from katib.client.tuning.submitting import ExperimentExistsError, Submission, pause, submit

SPACE = read_parameters({"x": katib.search.double(min=0, max=1)})
SHIPMENT = Shipment({"name": "train"}, b"pickled")


def a_plan(**fields: Any) -> Plan:
    usual: dict[str, Any] = {"metric": "loss", "algorithm": "tpe", "trials": 9}
    return Plan(name="one", namespace="team", space=SPACE, **{**usual, **fields})


def test_an_experiment_says_what_is_wanted_and_nothing_else() -> None:
    plan = a_plan(settings={"random_state": 3, "fast": True}, stopping="medianstop", goal=0.5)
    found = experiment_of(plan, function_call("abc", SPACE, Limits(1.5, "1Gi")))
    assert found["metadata"] == {"name": "one", "namespace": "team"}
    assert found["spec"] == {
        "objective": {
            "type": "minimize",
            "objectiveMetricName": "loss",
            "goal": 0.5,
            "metricStrategies": [{"name": "loss", "value": "latest"}],
        },
        "algorithm": {
            "algorithmName": "tpe",
            "algorithmSettings": [
                {"name": "random_state", "value": "3"},
                {"name": "fast", "value": "true"},
            ],
        },
        "earlyStopping": {"algorithmName": "medianstop"},
        "maxTrialCount": 9,
        "resumePolicy": "LongRunning",
        "parameters": list(SPACE.parameters),
        "trialTemplate": {
            "trialParameters": [{"name": "x", "reference": "x"}],
            "trialSpec": {
                "apiVersion": "katib.kubeflow.org/v1alpha1",
                "kind": "FunctionCall",
                "spec": {
                    "function": "abc",
                    "arguments": {"x": "${trialParameters.x}"},
                    "timeoutSeconds": 1.5,
                    "memoryLimit": "1Gi",
                },
            },
        },
    }


def test_a_cluster_has_the_function_in_a_config_map() -> None:
    config_map = config_map_of(a_plan(), SHIPMENT)
    (packed,) = config_map["binaryData"].values()
    assert zlib.decompress(base64.b64decode(packed)) == b"pickled"
    template = job_of(a_plan(), config_map["metadata"]["name"], "me/image", Limits(0.2, "1Gi"))
    job = template["trialSpec"]["spec"]
    assert job["activeDeadlineSeconds"] == 1
    pod = job["template"]["spec"]
    assert pod["volumes"][0]["configMap"]["name"] == config_map_name(a_plan(), SHIPMENT)
    (container,) = pod["containers"]
    assert container["image"] == "me/image"
    assert container["command"][-1] == "x=${trialParameters.x}"
    assert container["resources"] == {"limits": {"memory": "1Gi"}}


def test_another_function_has_another_name() -> None:
    other = Shipment({"name": "train"}, b"other")
    assert config_map_name(a_plan(), SHIPMENT) != config_map_name(a_plan(), other)


def test_a_function_that_no_config_map_holds_is_refused() -> None:
    import os

    large = Shipment({"name": "train"}, os.urandom(LARGEST_IN_CLUSTER + 1))
    with pytest.raises(UnshippableError, match="a ConfigMap holds 1,000,000"):
        config_map_of(a_plan(), large)


def stored(**spec: Any) -> dict[str, Any]:
    """The experiment as a server has it: with defaults."""
    found = experiment_of(a_plan(), function_call("abc", SPACE, Limits()))
    found["spec"] = {**found["spec"], "parallelTrialCount": 3, **spec}
    found["status"] = {"trials": 4, "conditions": [{"type": "Running", "status": "True"}]}
    return found


def a_submission(**fields: Any) -> Submission:
    plan = a_plan(**fields)
    return Submission(experiment_of(plan, function_call("abc", SPACE, Limits())))


def test_a_name_that_is_taken_is_refused() -> None:
    backend = Answers([stored()])
    with pytest.raises(ExperimentExistsError, match="of 4 trials, which has not ended: go on with"):
        submit(backend, a_submission(), "error")
    assert len(backend.asked) == 1


def test_the_same_search_is_gone_on_with() -> None:
    backend = Answers([stored(), {}])
    submit(backend, a_submission(trials=20), "resume")
    method, path, body = backend.asked[-1]
    assert (method, path) == ("PATCH", "/apis/kubeflow.org/v1beta1/namespaces/team/experiments/one")
    assert body["spec"] == {"maxTrialCount": 20}
    assert body["metadata"] == {"annotations": {"katib.kubeflow.org/asked": None}}


def test_another_search_is_not_gone_on_with() -> None:
    with pytest.raises(ExperimentExistsError) as caught:
        submit(Answers([stored()]), a_submission(metric="acc", algorithm="random"), "resume")
    assert 'spec.algorithm.algorithmName is "tpe" there, and "random" here' in str(caught.value)
    other = Submission(experiment_of(a_plan(), function_call("xyz", SPACE, Limits())))
    with pytest.raises(ExperimentExistsError, match="its function was another one or has changed"):
        submit(Answers([stored()]), other, "resume")


def test_a_pause_ends_what_runs_and_lets_nothing_begin() -> None:
    trials = [
        {"metadata": {"name": "one-a"}, "status": {"completionTime": "2026-01-01T00:00:00Z"}},
        {"metadata": {"name": "one-b"}, "status": {}},
    ]
    backend = Answers([{}, {"items": trials}, {}])
    pause(backend, "team", "one")
    asked = [(method, path.rpartition("/")[2]) for method, path, _ in backend.asked]
    assert asked[0] == ("PATCH", "one")
    assert asked[2:] == [("DELETE", "one-b")]
    assert backend.asked[0][2]["metadata"]["annotations"] == {"katib.kubeflow.org/asked": "0"}
