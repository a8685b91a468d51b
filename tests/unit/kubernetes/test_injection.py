from __future__ import annotations

import dataclasses
import subprocess
from pathlib import Path

import pytest
from msgspec.structs import replace
from pod_trials import CLUSTER, RULE, a_pod, a_trial, container

from katib.api import names
from katib.api.trial import Trial
from katib.api.values import Manifest, Strings
from katib.errors import ConfigurationError, RenderError
from katib.kubernetes.checkpoints import COPY
from katib.kubernetes.injection import DEFAULT_CONTAINER, Role, find_role, inject, is_prepared
from katib.kubernetes.registry import EntryPoint
from katib.kubernetes.sidecars import LOGGER, Cluster
from katib.kubernetes.wrapping import write_script
from katib.testing.builders import an_experiment

EXPERIMENT = an_experiment().named("tune", "team-a").build()


def injected(
    trial: Trial, pod: Manifest | None = None, cluster: Cluster = CLUSTER, role: Role = Role.PRIMARY
) -> Manifest:
    return inject(pod or a_pod(), trial, EXPERIMENT, cluster, role)


def test_a_pod_gets_labels_the_name_and_a_collector() -> None:
    given = a_pod()
    before = repr(given)
    found = injected(a_trial(), given)
    assert repr(given) == before
    assert found["metadata"]["labels"] == {
        "app": "x",
        "team": "a",
        "katib.kubeflow.org/experiment": "tune",
        "katib.kubeflow.org/trial": "tune-x1",
        "katib.kubeflow.org/prepared": "true",
    }
    assert is_prepared(found)
    assert not is_prepared(given)
    main = container(found, "main")
    script = write_script("/var/log/katib", "/var/log/katib/metrics.log", False)
    assert main["command"] == ["sh", "-c", script.replace("$", "$$"), "sh"]
    assert main["args"] == ["python", "train.py"]
    mount = {"name": "metrics-volume", "mountPath": "/var/log/katib"}
    assert main["volumeMounts"][1:] == [mount]
    assert container(found, LOGGER)["volumeMounts"] == [mount]
    assert found["spec"]["volumes"][1:] == [{"name": "metrics-volume", "emptyDir": {}}]
    assert found["spec"]["shareProcessNamespace"] is True
    assert [one["name"] for one in found["spec"]["containers"]] == ["main", LOGGER]


def test_the_log_that_is_meant_is_that_of_who_prints_what_the_program_did() -> None:
    assert injected(a_trial())["metadata"]["annotations"][DEFAULT_CONTAINER] == LOGGER
    other = injected(a_trial(), role=Role.OTHER)
    assert DEFAULT_CONTAINER not in other["metadata"]["annotations"]
    pod = a_pod()
    pod["metadata"]["annotations"] = {DEFAULT_CONTAINER: "main"}
    own = injected(a_trial(), pod)
    assert own["metadata"]["annotations"][DEFAULT_CONTAINER] == "main"


def test_trial_labels_win() -> None:
    pod = a_pod()
    pod["metadata"]["labels"]["team"] = "other"
    assert injected(a_trial(), pod)["metadata"]["labels"]["team"] == "a"


def test_what_the_pod_has_is_kept() -> None:
    main = {
        "name": "main",
        "command": ["a"],
        "env": [{"name": "A", "value": "b"}],
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }
    data = {"name": "data", "emptyDir": {}}
    pod = a_pod(containers=[main, {"name": "other"}], volumes=[data], restartPolicy="Never")
    found = injected(a_trial(), pod)
    assert found["spec"]["restartPolicy"] == "Never"
    assert container(found, "other") == {"name": "other"}
    volumes = [one["name"] for one in found["spec"]["volumes"]]
    assert volumes == ["data", "katib-parameters", "metrics-volume"]


def test_other_pods_of_the_trial_get_labels_and_the_name_only() -> None:
    found = injected(a_trial(), role=Role.OTHER)
    assert [one["name"] for one in found["spec"]["containers"]] == ["main"]
    assert container(found, "main")["command"] == ["python", "train.py"]
    assert container(found, "main")["env"][0]["name"] == "KATIB_TRIAL_NAME"
    assert "shareProcessNamespace" not in found["spec"]


def test_a_pod_without_the_primary_container_is_let_be_unless_it_counts() -> None:
    pod = a_pod(containers=[{"name": "step-1"}, {"name": "step-2"}])
    assert injected(a_trial(), pod, role=Role.OTHER)["spec"] == pod["spec"]
    with pytest.raises(RenderError) as refused:
        injected(a_trial(), pod)
    assert str(refused.value) == (
        "unable to find primary container in mutated pod containers: step-1, step-2; "
        'spec.trialTemplate.primaryContainerName is "main"'
    )


def test_a_program_that_pushes_is_told_who_it_is() -> None:
    cluster = dataclasses.replace(CLUSTER, token_of=lambda trial: "secret")
    found = injected(a_trial("Push"), cluster=cluster)
    main = container(found, "main")
    assert {"name": "KATIB_METRICS_TOKEN", "value": "secret"} in main["env"]
    assert main["command"] == ["python", "train.py"]
    assert len(found["spec"]["containers"]) == 1


def test_a_volume_of_the_template_at_the_folder_is_shared() -> None:
    mount = {"name": "mine", "mountPath": "/katib/", "subPath": "a"}
    main = {"name": "main", "command": ["a"], "volumeMounts": [mount]}
    pod = a_pod(containers=[main], volumes=[{"name": "mine", "emptyDir": {}}])
    found = injected(a_trial("File", "/katib/mnist.log"), pod)
    assert [one["name"] for one in found["spec"]["volumes"]] == ["mine", "katib-parameters"]
    assert container(found, LOGGER)["volumeMounts"] == [mount]
    assert container(found, "main")["volumeMounts"][0] == mount


def test_event_files_share_their_folder_itself() -> None:
    found = injected(a_trial("TensorFlowEvent", "/logs/test"))
    mount = {"name": "metrics-volume", "mountPath": "/logs/test"}
    assert container(found, "metrics-collector")["volumeMounts"] == [mount]
    script = write_script("/logs/test", "", False)
    assert container(found, "main")["command"][2] == script.replace("$", "$$")


def test_rules_make_the_program_stoppable() -> None:
    found = injected(a_trial(early_stopping_rules=(RULE,)))
    assert "early-stopped" in container(found, "main")["command"][2]


def test_a_custom_collector_sees_the_file_and_nothing_is_wrapped() -> None:
    custom = {"name": "mine", "volumeMounts": [{"name": "x", "mountPath": "/x"}]}
    found = injected(a_trial("Custom", "/katib/mnist.log", custom=custom))
    mount = {"name": "metrics-volume", "mountPath": "/katib"}
    assert container(found, "mine")["volumeMounts"][1:] == [mount]
    assert container(found, "main")["command"] == ["python", "train.py"]
    assert container(found, "main")["volumeMounts"][1:] == [mount]
    assert found["spec"]["shareProcessNamespace"] is True


def test_a_native_sidecar_is_the_last_init_container() -> None:
    cluster = dataclasses.replace(CLUSTER, has_native_sidecars=True)
    pod = a_pod(initContainers=[{"name": "fetch"}])
    found = injected(a_trial(), pod, cluster)
    assert [one["name"] for one in found["spec"]["initContainers"]] == ["fetch", LOGGER]
    made = container(found, LOGGER, "initContainers")
    assert made["restartPolicy"] == "Always"
    assert made["volumeMounts"] == [{"name": "metrics-volume", "mountPath": "/var/log/katib"}]
    assert [one["name"] for one in found["spec"]["containers"]] == ["main"]
    assert found["spec"]["terminationGracePeriodSeconds"] == 300
    # The collector still must see the program to end it.
    assert found["spec"]["shareProcessNamespace"] is True


def test_how_long_a_pod_takes_to_end_is_left_to_who_says_so() -> None:
    cluster = dataclasses.replace(CLUSTER, has_native_sidecars=True)
    found = injected(a_trial(), a_pod(terminationGracePeriodSeconds=5), cluster)
    assert found["spec"]["terminationGracePeriodSeconds"] == 5
    assert "terminationGracePeriodSeconds" not in injected(a_trial())["spec"]


@pytest.mark.parametrize("part", ["containers", "initContainers"])
def test_the_collectors_name_must_be_free(part: str) -> None:
    pod = a_pod()
    pod["spec"].setdefault(part, []).append({"name": LOGGER})
    with pytest.raises(RenderError, match=f'the pod has a container "{LOGGER}" already'):
        injected(a_trial(), pod)


def with_checkpoints(trial: Trial) -> Manifest:
    settings = {"suggestion_trial_dir": "/opt/katib/data"}
    experiment = an_experiment().named("tune", "team-a").with_algorithm("pbt", **settings).build()
    pod = a_pod()
    pod["spec"]["containers"][0]["securityContext"] = {"runAsUser": 7}
    return inject(pod, trial, experiment, CLUSTER, Role.PRIMARY)


@pytest.mark.parametrize("kind", ["StdOut", "Push"])
def test_checkpoints_are_mounted_from_the_algorithms_volume(kind: str) -> None:
    found = with_checkpoints(a_trial(kind))
    assert {
        "name": "suggestion-volume",
        "persistentVolumeClaim": {"claimName": "tune-pbt"},
    } in found["spec"]["volumes"]
    assert container(found, "main")["volumeMounts"][1] == {
        "name": "suggestion-volume",
        "mountPath": "/opt/katib/data",
        "subPath": "tune/tune-x1",
    }
    assert "initContainers" not in found["spec"]


def test_the_checkpoints_of_a_parent_are_copied_first() -> None:
    trial = a_trial()
    labels = Strings({**(trial.metadata.labels or {}), names.LABEL_PARENT: "tune-x0"})
    found = with_checkpoints(replace(trial, metadata=replace(trial.metadata, labels=labels)))
    first = container(found, "katib-checkpoints", "initContainers")
    assert first["image"] == container(found, "main")["image"]
    assert first["securityContext"] == {"runAsUser": 7}
    assert first["command"][3:] == ["sh", "tune-x0", "tune-x1"]
    assert first["volumeMounts"] == [
        {"name": "suggestion-volume", "mountPath": "/opt/katib/data", "subPath": "tune"}
    ]


COPIES: dict[str, tuple[dict[str, str], int, dict[str, str]]] = {
    "a child begins with a copy": ({"a": "1"}, 0, {"a": "1", "b": "1"}),
    "what an earlier pod has left stays": ({"a": "1", "b": "2"}, 0, {"a": "1", "b": "2"}),
    "a half copy is made again": ({"a": "1", ".b": "0"}, 0, {"a": "1", "b": "1"}),
    "a parent whose folder is gone is told": ({}, 1, {}),
}


@pytest.mark.parametrize("case", COPIES)
def test_how_checkpoints_are_copied(case: str, tmp_path: Path) -> None:
    given, code, expected = COPIES[case]
    for name, text in given.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "state").write_text(text)
    words = ["sh", "-c", COPY, "sh", "a", "b"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert ("checkpoints of trial a, and found no folder" in done.stdout) is (code == 1)
    found = {one.name: (one / "state").read_text() for one in tmp_path.iterdir()}
    assert found == expected


@pytest.mark.parametrize(
    ("wanted", "labels", "expected"),
    [
        (None, {}, True),
        ({"role": "master"}, {"role": "master", "a": "b"}, True),
        ({"role": "master"}, {"role": "worker"}, False),
        ({"role": "master", "index": "0"}, {"role": "master"}, False),
    ],
)
def test_which_pods_count(
    wanted: dict[str, str] | None, labels: dict[str, str], expected: bool
) -> None:
    trial = a_trial(primary_pod_labels=None if wanted is None else Strings(wanted))
    assert find_role(trial, labels) is (Role.PRIMARY if expected else Role.OTHER)


def test_the_only_pod_that_reports_replaces_what_was_reported_before() -> None:
    sole = container(injected(a_trial(), role=Role.SOLE), LOGGER)
    one_of_several = container(injected(a_trial()), LOGGER)
    assert sole["args"] == [*one_of_several["args"], "-anew", "true"]


def test_without_a_command_the_image_is_asked() -> None:
    def find(image: str) -> EntryPoint:
        assert image == "train:1"
        return EntryPoint(("train",), ("--fast",))

    pod = a_pod(containers=[{"name": "main", "image": "train:1"}])
    cluster = dataclasses.replace(CLUSTER, find_entry_point=find)
    main = container(injected(a_trial(), pod, cluster), "main")
    assert main["args"] == ["train", "--fast"]
    with pytest.raises(ConfigurationError, match='image "train:1" is not known here'):
        injected(a_trial(), pod)


def test_why_a_program_failed_is_in_the_status_of_its_pod() -> None:
    main, collector = injected(a_trial())["spec"]["containers"]
    assert main["terminationMessagePolicy"] == "FallbackToLogsOnError"
    assert collector["terminationMessagePolicy"] == "FallbackToLogsOnError"


def test_a_template_may_say_itself_where_a_program_tells_why_it_ended() -> None:
    pod = a_pod()
    pod["spec"]["containers"][0]["terminationMessagePolicy"] = "File"
    main, _ = injected(a_trial(), pod)["spec"]["containers"]
    assert main["terminationMessagePolicy"] == "File"
