from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from pod_trials import CLUSTER, IMAGE, RULE, a_pod, a_trial

from katib.api.trial import Trial
from katib.api.values import Manifest, Strings
from katib.apps.collector_options import read_options
from katib.configuration import KatibConfig
from katib.configuration.models import (
    ControllerConfig,
    InitConfig,
    MetricsCollectorConfig,
    Resources,
    RuntimeConfig,
)
from katib.errors import ConfigurationError, RenderError
from katib.kubernetes.sidecars import Cluster, Place, build_sidecar, find_place
from katib.testing.builders import an_experiment

KATIB_IMAGE = "ghcr.io/kubeflow/katib/file-metrics-collector"


def configured(*entries: MetricsCollectorConfig, injects: bool = False) -> KatibConfig:
    controller = ControllerConfig(inject_security_context=injects)
    return KatibConfig(
        init=InitConfig(controller=controller), runtime=RuntimeConfig(metrics_collectors=entries)
    )


def sidecar(trial: Trial, cluster: Cluster = CLUSTER, **pod: Any) -> Manifest:
    experiment = an_experiment().named("tune", "team-a").build()
    return build_sidecar(trial, experiment, a_pod(**pod)["spec"], cluster)


def test_the_options_are_katibs_in_katibs_order() -> None:
    entry = MetricsCollectorConfig(
        kind="StdOut",
        image=KATIB_IMAGE,
        image_pull_policy="Always",
        resources=Resources(requests=Strings({"cpu": "50m"})),
        wait_all_processes=False,
    )
    trial = a_trial(filters=(r"(\w+)=(\d+)$", "(a) (b)"), early_stopping_rules=(RULE,))
    found = sidecar(trial, Cluster(configured(entry), image=IMAGE))
    assert found["args"] == [
        *("-t", "tune-x1", "-m", "loss;accuracy", "-o-type", "minimize"),
        *("-s-db", "katib-db-manager.kubeflow:6789", "-path", "/var/log/katib/metrics.log"),
        *("-f", r"(\w+)=(\d+)$$;(a) (b)", "-format", "TEXT", "-w", "false"),
        *("-stop-rule", "loss;0.5;greater;4", "-s-earlystop", "tune-random.team-a:6788"),
    ]
    assert found["name"] == "metrics-logger-and-collector"
    assert (found["image"], found["imagePullPolicy"]) == (KATIB_IMAGE, "Always")
    assert found["resources"] == {"requests": {"cpu": "50m"}, "limits": {}}
    assert "command" not in found
    assert "env" not in found


def test_our_own_collector_needs_no_entry_and_tells_the_operator() -> None:
    cluster = dataclasses.replace(CLUSTER, token_of=lambda trial: f"token of {trial.key}")
    trial = a_trial(filters=("(a);(b)", "(c)=(d)"), early_stopping_rules=(RULE,))
    found = sidecar(trial, cluster)
    assert (found["image"], found["command"]) == (IMAGE, ["katib", "metrics-collector"])
    options = read_options(found["args"])
    assert options.filters == ["(a);(b)", "(c)=(d)"]
    assert options.rules == [RULE]
    assert options.early_stopping == "katib-controller.kubeflow:6788"
    assert options.is_waiting_for_all
    assert found["env"] == [
        {"name": "KATIB_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
        {"name": "KATIB_DB_MANAGER_TOKEN", "value": "token of team-a/tune-x1"},
    ]


def test_an_entry_may_name_our_own_image() -> None:
    entry = MetricsCollectorConfig(kind="StdOut", image=IMAGE, wait_all_processes=True)
    found = sidecar(a_trial(), Cluster(configured(entry), image=IMAGE))
    assert found["command"] == ["katib", "metrics-collector"]
    assert read_options(found["args"]).is_waiting_for_all


def test_a_file_is_read_in_its_format() -> None:
    found = sidecar(a_trial("File", "/katib//mnist.json", "JSON"))
    options = read_options(found["args"])
    assert (options.path, options.format) == ("/katib/mnist.json", "JSON")


def test_event_files_have_a_collector_of_their_own_name() -> None:
    found = sidecar(a_trial("TensorFlowEvent", "/logs/test/"))
    options = read_options(found["args"])
    assert found["name"] == "metrics-collector"
    assert (options.path, options.format) == ("/logs/test", "")


def test_a_native_sidecar_waits_for_the_measured_program_alone() -> None:
    found = sidecar(a_trial(), dataclasses.replace(CLUSTER, has_native_sidecars=True))
    options = read_options(found["args"])
    assert options.is_marked
    assert not options.is_waiting_for_all


def test_without_an_image_the_configuration_is_named() -> None:
    with pytest.raises(ConfigurationError) as refused:
        sidecar(a_trial(), Cluster())
    assert str(refused.value) == (
        "failed to find metrics collector config for kind: StdOut in ConfigMap: katib-config"
    )


def test_metrics_that_are_served_are_asked_for() -> None:
    trial = a_trial("PrometheusMetric", http_get={"port": 9090, "path": "/m$x"})
    found = sidecar(trial)
    words = [word.replace("$$", "$") for word in found["args"]]
    options = read_options(words)
    assert options.endpoint == {"port": 9090, "path": "/m$x"}
    assert (options.path, options.format) == ("/var/log/katib", "")
    assert found["name"] == "metrics-collector"


def test_a_custom_collector_is_as_it_was_written() -> None:
    custom = {"name": "mine", "image": "mine:1", "args": ["$(X)"]}
    assert sidecar(a_trial("Custom", "/katib/mnist.log", custom=custom)) == custom


RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


def test_a_collector_is_unprivileged() -> None:
    assert sidecar(a_trial())["securityContext"] == RESTRICTED


def as_user(**context: object) -> list[Manifest]:
    return [{"name": "other"}, {"name": "main", "securityContext": context}]


def test_a_collector_is_the_user_that_its_program_is() -> None:
    own = {"runAsUser": 7, "runAsGroup": 8, "runAsNonRoot": True}
    containers = as_user(**own, privileged=True)
    for trial in (a_trial(), a_trial(early_stopping_rules=(RULE,))):
        found = sidecar(trial, containers=containers)
        assert found["securityContext"] == {**RESTRICTED, **own}


def test_only_root_can_end_a_program_of_an_unknown_user() -> None:
    trial = a_trial(early_stopping_rules=(RULE,))
    assert sidecar(trial)["securityContext"] == {
        **RESTRICTED,
        "capabilities": {"drop": ["ALL"], "add": ["KILL"]},
        "runAsUser": 0,
    }
    for context in ({"runAsUser": 7}, {"runAsNonRoot": True}):
        assert sidecar(trial, securityContext=context)["securityContext"] == RESTRICTED


def test_katibs_way_copies_the_first_containers_security_context() -> None:
    cluster = Cluster(configured(injects=True), image=IMAGE)
    containers = [{"name": "first", "securityContext": {"runAsUser": 3}}, *as_user(runAsUser=7)]
    assert sidecar(a_trial(), cluster, containers=containers)["securityContext"] == {"runAsUser": 3}


@pytest.mark.parametrize(
    ("trial", "place"),
    [
        (a_trial("StdOut", "/x/y.log"), Place("/var/log/katib/metrics.log", "/var/log/katib")),
        (a_trial("File", "/katib/mnist.log"), Place("/katib/mnist.log", "/katib")),
        (a_trial("TensorFlowEvent", "/logs/"), Place("/logs", "/logs")),
        (a_trial("Custom", "/katib/mnist.log"), Place("/katib/mnist.log", "/katib")),
        (a_trial("Custom"), Place()),
        (a_trial("Push"), Place()),
        (a_trial("PrometheusMetric"), Place("/var/log/katib", "/var/log/katib")),
    ],
    ids=[
        "StdOut",
        "File",
        "TensorFlowEvent",
        "Custom",
        "Custom without path",
        "Push",
        "Prometheus",
    ],
)
def test_where_metrics_are(trial: Trial, place: Place) -> None:
    assert find_place(trial) == place


def test_a_file_in_the_root_cannot_be_shared() -> None:
    with pytest.raises(RenderError, match=r'path: found "/metrics\.log", whose folder is that of'):
        find_place(a_trial("File", "/metrics.log"))
