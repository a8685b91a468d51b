from __future__ import annotations

from collections.abc import Mapping

import pytest
from pod_trials import CLUSTER, a_pod, a_trial

from katib.api.codec import from_manifest
from katib.api.kinds import kind_of
from katib.api.values import Manifest, ObjectMeta, Strings, Unstructured
from katib.kubernetes.injection import is_prepared
from katib.kubernetes.sidecars import LOGGER
from katib.kubernetes.templates import is_decided, prepare
from katib.testing.builders import an_experiment

EXPERIMENT = an_experiment().named("tune", "team-a").build()

INDEX = "batch.kubernetes.io/job-completion-index"
ROLE = "training.kubeflow.org/job-role"
TYPE = "training.kubeflow.org/replica-type"


def a_run(api_version: str, kind: str, **body: object) -> Unstructured:
    manifest = {"apiVersion": api_version, "kind": kind, "metadata": {"name": "tune-x1"}, **body}
    run: Unstructured = from_manifest(kind_of(api_version, kind), manifest)
    return run


def prepared(run: Unstructured, **labels: str) -> Unstructured:
    trial = a_trial(primary_pod_labels=Strings(labels) if labels else None)
    return prepare(run, trial, EXPERIMENT, CLUSTER)


def is_read(template: Manifest) -> bool:
    """Whether there is a collector in it."""
    return any(one["name"] == LOGGER for one in template["spec"]["containers"])


def test_the_pods_of_a_job_are_prepared() -> None:
    run = a_run("batch/v1", "Job", spec={"backoffLimit": 0, "template": a_pod()})
    found = prepared(run)
    assert found.spec["backoffLimit"] == 0
    assert is_read(found.spec["template"])
    assert is_prepared(found.spec["template"])
    assert found.metadata.labels == {
        "team": "a",
        "katib.kubeflow.org/experiment": "tune",
        "katib.kubeflow.org/trial": "tune-x1",
    }
    assert not is_read(run.spec["template"])


def test_a_pod_is_prepared_itself() -> None:
    found = prepared(a_run("v1", "Pod", spec=a_pod()["spec"]))
    assert is_read({"spec": found.spec})
    assert found.metadata.label("katib.kubeflow.org/prepared") == "true"
    assert found.metadata.label("katib.kubeflow.org/trial") == "tune-x1"
    assert found.metadata.name == "tune-x1"


def test_a_cron_jobs_and_a_deployments_pods_are_found() -> None:
    job = {"spec": {"template": a_pod()}}
    found = prepared(a_run("batch/v1", "CronJob", spec={"jobTemplate": job}))
    assert is_read(found.spec["jobTemplate"]["spec"]["template"])
    found = prepared(a_run("apps/v1", "Deployment", spec={"template": a_pod()}))
    assert is_read(found.spec["template"])


def test_an_unknown_kind_is_labelled_and_left_to_the_webhook() -> None:
    run = a_run("example.org/v1", "Sweep", spec={"template": a_pod()})
    found = prepared(run)
    assert found.body == run.body
    assert found.metadata.label("katib.kubeflow.org/trial") == "tune-x1"


def kubeflow(kind: str, field: str, **replicas: int) -> Unstructured:
    specs = {name: {"replicas": count, "template": a_pod()} for name, count in replicas.items()}
    return a_run("kubeflow.org/v1", kind, spec={field: specs})


@pytest.mark.parametrize(
    ("run", "wanted", "expected"),
    [
        (
            kubeflow("PyTorchJob", "pytorchReplicaSpecs", Master=1, Worker=2),
            {ROLE: "master"},
            {"Master": (True, True), "Worker": (True, False)},
        ),
        (
            kubeflow("MPIJob", "mpiReplicaSpecs", Launcher=1, Worker=2),
            {ROLE: "master"},
            {"Launcher": (True, True), "Worker": (True, False)},
        ),
        (
            kubeflow("TFJob", "tfReplicaSpecs", Worker=2),
            {TYPE: "worker"},
            {"Worker": (True, True)},
        ),
        (
            kubeflow("TFJob", "tfReplicaSpecs", Worker=1),
            {ROLE: "master"},
            {"Worker": (True, True)},
        ),
        # Which of two workers is the master, their controller says when it makes them.
        (
            kubeflow("TFJob", "tfReplicaSpecs", Worker=2, PS=1),
            {ROLE: "master"},
            {"Worker": (False, False), "PS": (False, False)},
        ),
        (
            kubeflow("XGBoostJob", "xgbReplicaSpecs", Master=1, Worker=2),
            {},
            {"Master": (True, True), "Worker": (True, True)},
        ),
    ],
    ids=["PyTorchJob", "MPIJob", "TFJob by type", "TFJob of one", "TFJob of two", "no labels"],
)
def test_which_replicas_are_read(
    run: Unstructured, wanted: dict[str, str], expected: Mapping[str, tuple[bool, bool]]
) -> None:
    (replicas,) = prepared(run, **wanted).spec.values()
    found = {
        name: (is_prepared(one["template"]), is_read(one["template"]))
        for name, one in replicas.items()
    }
    assert found == expected


def test_a_job_set_is_read_where_its_labels_say() -> None:
    def job(name: str, parallelism: int) -> Manifest:
        spec = {"parallelism": parallelism, "completions": parallelism, "template": a_pod()}
        return {"name": name, "template": {"spec": spec}}

    jobs = [job("node", 1), job("other", 1), job("node", 4)]
    run = a_run("jobset.x-k8s.io/v1alpha2", "JobSet", spec={"replicatedJobs": jobs})
    found = prepared(run, **{"jobset.sigs.k8s.io/replicatedjob-name": "node", INDEX: "0"})
    pods = [one["template"]["spec"]["template"] for one in found.spec["replicatedJobs"]]
    assert [is_read(pod) for pod in pods] == [True, False, False]
    # Of four pods the first counts, and that is known when they are made.
    assert [is_prepared(pod) for pod in pods] == [True, True, False]


@pytest.mark.parametrize("body", [{}, {"spec": {}}, {"spec": {"template": None}}])
def test_a_misshapen_job_is_for_the_api_server_to_refuse(body: Manifest) -> None:
    run = a_run("batch/v1", "Job", **body)
    assert prepared(run).body == run.body


def test_others_decide_about_labels_that_are_not_known() -> None:
    trial = a_trial(primary_pod_labels=Strings({"a": "1", "b": "2"}))
    assert not is_decided(trial, {"a": "1"})
    assert is_decided(trial, {"a": "1", "b": "2"})
    assert is_decided(trial, {"a": "0"})
    assert is_decided(a_trial(), {})


@pytest.mark.parametrize(
    ("run", "is_anew"),
    [
        (a_run("batch/v1", "Job", spec={"template": a_pod()}), True),
        (a_run("batch/v1", "Job", spec={"parallelism": 2, "template": a_pod()}), False),
        (a_run("batch/v1", "Job", spec={"completions": 2, "template": a_pod()}), False),
        (a_run("apps/v1", "Deployment", spec={"template": a_pod()}), True),
        (a_run("apps/v1", "Deployment", spec={"replicas": 2, "template": a_pod()}), False),
    ],
    ids=["Job", "parallel Job", "Job of several pods", "Deployment", "Deployment of several"],
)
def test_a_pod_that_is_alone_replaces_what_an_earlier_one_has_reported(
    run: Unstructured, is_anew: bool
) -> None:
    containers = prepared(run).spec["template"]["spec"]["containers"]
    (args,) = (one["args"] for one in containers if one["name"] == LOGGER)
    assert ("-anew" in args) is is_anew


def test_labels_and_annotations_of_a_run_are_kept() -> None:
    run = Unstructured(
        api_version="batch/v1",
        kind="Job",
        metadata=ObjectMeta(name="tune-x1", labels=Strings({"mine": "yes"})),
        body={"spec": {"template": a_pod()}},
    )
    assert prepared(run).metadata.label("mine") == "yes"
