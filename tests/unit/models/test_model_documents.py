from __future__ import annotations

from datetime import UTC, datetime

import numpy
import pytest
from kubernetes import client as kubernetes

from katib import models
from katib.api.codec import to_manifest
from katib.models.documents import from_json, to_json
from katib.testing.builders import an_experiment

TIME = datetime(2026, 1, 31, 12, tzinfo=UTC)


def a_model() -> models.V1beta1Experiment:
    return from_json(models.V1beta1Experiment, to_manifest(an_experiment().build()))


def test_a_resource_survives_the_way_to_a_model_and_back() -> None:
    manifest = to_manifest(an_experiment().build())
    written = to_json(a_model())
    assert written == manifest
    assert from_json(models.V1beta1Experiment, written) == a_model()


def test_parts_become_models_times_and_plain_data() -> None:
    trial = from_json(
        models.V1beta1Trial,
        {
            "metadata": {"name": "one", "creationTimestamp": "2026-01-31T12:00:00Z"},
            "spec": {"runSpec": {"kind": "Job"}, "labels": {"a": "b"}, "unknown": 1},
            "status": {
                "conditions": [{"type": "Running", "status": "True"}],
                "completionTime": None,
            },
        },
    )
    assert trial.metadata is not None
    assert trial.metadata.creation_timestamp == TIME
    assert trial.spec is not None
    assert (trial.spec.run_spec, trial.spec.labels) == ({"kind": "Job"}, {"a": "b"})
    assert trial.status is not None
    assert trial.status.completion_time is None
    assert trial.status.conditions == [models.V1beta1TrialCondition(type="Running", status="True")]


def test_what_is_required_must_be_there() -> None:
    with pytest.raises(ValueError, match="`items`"):
        from_json(models.V1beta1TrialList, {})


def test_numbers_become_texts_where_texts_are_wanted() -> None:
    space = models.V1beta1FeasibleSpace(min=0.01, max=3, list=[1, "two"])  # type: ignore[arg-type, list-item]  # as programs do
    assert to_json(space) == {"min": "0.01", "max": "3", "list": ["1", "two"]}
    setting = models.V1beta1AlgorithmSetting(name="random_state", value=numpy.int64(7))  # type: ignore[arg-type]
    assert to_json(setting) == {"name": "random_state", "value": "7"}
    objective = models.V1beta1ObjectiveSpec(goal=0.5, type="minimize")
    assert to_json(objective) == {"goal": 0.5, "type": "minimize"}
    graph = models.V1beta1GraphConfig(num_layers=8, input_sizes=[32, 32, 3])
    assert to_json(graph) == {"numLayers": 8, "inputSizes": [32, 32, 3]}


def test_objects_of_the_kubernetes_client_may_stand_anywhere() -> None:
    container = kubernetes.V1Container(
        name="main", image="busybox", env=[kubernetes.V1EnvVar(name="A", value="1")]
    )
    pod = kubernetes.V1PodSpec(containers=[container], restart_policy="Never")
    template = models.V1beta1TrialTemplate(
        trial_spec={"kind": "Job", "spec": {"template": {"spec": pod}}}
    )
    metadata = kubernetes.V1ObjectMeta(name="one", labels={"a": "b"}, creation_timestamp=TIME)
    spec = models.V1beta1ExperimentSpec(trial_template=template)
    experiment = models.V1beta1Experiment(metadata=metadata, spec=spec)  # type: ignore[arg-type]  # that is what is tested
    written = to_json(experiment)
    assert written["metadata"]["labels"] == {"a": "b"}
    assert datetime.fromisoformat(written["metadata"]["creationTimestamp"]) == TIME
    assert written["spec"]["trialTemplate"]["trialSpec"]["spec"]["template"]["spec"] == {
        "containers": [{"name": "main", "image": "busybox", "env": [{"name": "A", "value": "1"}]}],
        "restartPolicy": "Never",
    }


class Described:
    """What generated clients of another make are: they tell a dictionary of themselves."""

    def to_dict(self) -> dict[str, object]:
        return {"cpu": 1}


def test_other_objects_tell_what_they_are() -> None:
    assert to_json({"limits": Described(), "when": TIME, "pair": (1, None)}) == {
        "limits": {"cpu": 1},
        "when": "2026-01-31T12:00:00Z",
        "pair": [1, None],
    }


def test_what_no_manifest_can_hold_is_named_with_its_place() -> None:
    template = models.V1beta1TrialTemplate(trial_spec={"spec": {"args": [1, {2}]}})
    spec = models.V1beta1ExperimentSpec(trial_template=template)
    with pytest.raises(
        TypeError, match=r"^trialTemplate\.trialSpec\.spec\.args\[1\]: \{2\} is a set"
    ):
        to_json(spec)
