from __future__ import annotations

import dataclasses
import json

import pytest
from pod_trials import CLUSTER, a_pod, a_trial, container

from katib.api.trial import Trial
from katib.api.values import Manifest, NameValue
from katib.kubernetes.injection import Role, inject
from katib.kubernetes.sidecars import Cluster
from katib.kubernetes.variables import with_variables
from katib.testing.builders import an_experiment

EXPERIMENT = (
    an_experiment()
    .named("tune", "team-a")
    .with_parameter("lr", min="0.1", max="1")
    .with_parameter("optimizer", "categorical", list=("sgd", "adam"))
    .build()
)
ASSIGNED = (NameValue(name="lr", value="0.5"), NameValue(name="optimizer", value="$(adam)"))
LABEL = "metadata.labels['katib.kubeflow.org/trial']"


def variables(trial: Trial, cluster: Cluster = CLUSTER, **own: object) -> list[Manifest]:
    found: list[Manifest] = with_variables(own, trial, EXPERIMENT, cluster)["env"]
    return found


def values(trial: Trial, cluster: Cluster = CLUSTER) -> dict[str, str]:
    return {one["name"]: one["value"] for one in variables(trial, cluster) if "value" in one}


def test_a_program_is_told_its_name_and_its_parameters() -> None:
    found = variables(a_trial(parameter_assignments=ASSIGNED))
    assert found == [
        {"name": "KATIB_TRIAL_NAME", "valueFrom": {"fieldRef": {"fieldPath": LABEL}}},
        {"name": "KATIB_PARAMETER_LR", "value": "0.5"},
        # Kubernetes would put another variable there.
        {"name": "KATIB_PARAMETER_OPTIMIZER", "value": "$$(adam)"},
        {"name": "KATIB_PARAMETERS_FILE", "value": "/etc/katib/parameters.json"},
    ]


def test_its_own_variables_win_but_for_the_trials_name() -> None:
    own = [
        {"name": "KATIB_TRIAL_NAME", "value": "mine"},
        {"name": "KATIB_PARAMETER_LR", "value": "7"},
        {"name": "RATE", "value": "$(KATIB_PARAMETER_OPTIMIZER)"},
    ]
    found = variables(a_trial(parameter_assignments=ASSIGNED), env=own)
    assert [one["name"] for one in found] == [
        "KATIB_TRIAL_NAME",
        "KATIB_PARAMETER_OPTIMIZER",
        "KATIB_PARAMETERS_FILE",
        "KATIB_PARAMETER_LR",
        "RATE",
    ]
    assert "valueFrom" in found[0]


@pytest.mark.parametrize(
    ("trial", "path"),
    [
        (a_trial("File", "/katib/mnist.log"), "/katib/mnist.log"),
        (a_trial("TensorFlowEvent", "/logs"), "/logs"),
        (a_trial("StdOut"), None),
        (a_trial("Push"), None),
    ],
)
def test_where_it_writes_its_metrics(trial: Trial, path: str | None) -> None:
    assert values(trial).get("KATIB_METRICS_FILE") == path


def test_where_it_serves_its_metrics() -> None:
    found = values(a_trial("PrometheusMetric", http_get={"port": "9090"}))
    assert found["KATIB_METRICS_PORT"] == "9090"
    assert "KATIB_METRICS_FILE" not in found


@pytest.mark.parametrize(
    ("address", "host", "namespace"),
    [("katib-db-manager.team-x:6789", "katib-db-manager", "team-x"), ("db:6789", "db", "")],
)
def test_who_pushes_finds_the_database_manager(address: str, host: str, namespace: str) -> None:
    cluster = dataclasses.replace(CLUSTER, db_manager=address, token_of=lambda trial: "secret")
    found = values(a_trial("Push"), cluster)
    assert found["KATIB_DB_MANAGER_SERVICE_IP"] == host
    assert found["KATIB_DB_MANAGER_SERVICE_NAMESPACE"] == namespace
    assert found["KATIB_DB_MANAGER_SERVICE_PORT"] == "6789"
    assert found["KATIB_METRICS_TOKEN"] == "secret"
    assert found["KATIB_NAMESPACE"] == a_trial("Push").metadata.namespace
    assert "KATIB_METRICS_TOKEN" not in values(a_trial("StdOut"), cluster)


def test_all_parameters_are_a_file_that_kubernetes_makes_of_an_annotation() -> None:
    trial = a_trial(parameter_assignments=ASSIGNED)
    pod = inject(a_pod(), trial, EXPERIMENT, CLUSTER, Role.PRIMARY)
    text = pod["metadata"]["annotations"]["katib.kubeflow.org/parameters"]
    assert json.loads(text) == {"lr": 0.5, "optimizer": "$(adam)"}
    (volume,) = [one for one in pod["spec"]["volumes"] if one["name"] == "katib-parameters"]
    (item,) = volume["downwardAPI"]["items"]
    field = "metadata.annotations['katib.kubeflow.org/parameters']"
    assert item == {"path": "parameters.json", "fieldRef": {"fieldPath": field}}
    mount = container(pod, "main")["volumeMounts"][0]
    assert mount == {"name": "katib-parameters", "mountPath": "/etc/katib", "readOnly": True}
