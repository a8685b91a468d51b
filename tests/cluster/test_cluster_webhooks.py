"""What a real API server makes of our webhooks' answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from katib.api.codec import from_manifest, to_manifest
from katib.api.experiment import EXPERIMENTS
from katib.api.kinds import JOBS
from katib.api.suggestion import TrialAssignment
from katib.api.trial import TRIALS, Trial
from katib.api.values import Manifest, owner_reference
from katib.apps.algorithms import places_of
from katib.apps.clock import SystemClock
from katib.apps.door import ClusterDoor, SettingsChecks
from katib.apps.webhook_certificates import PATHS, Place, RotatingCertificates
from katib.apps.webhook_server import WebhookServer
from katib.apps.webhooks import OwnerReader, Pods, make_app
from katib.configuration import KatibConfig
from katib.configuration.in_cluster import InCluster
from katib.errors import NotFoundError, RequestRefusedError
from katib.kubernetes.client import KubernetesClient
from katib.kubernetes.discovery import Discovery
from katib.kubernetes.sidecars import LOGGER, READ_KINDS, Cluster
from katib.kubernetes.templates import prepare
from katib.search.algorithms import ALGORITHMS
from katib.search.stopping import STOPPING_RULES
from katib.stores.kubernetes import KubernetesStore
from katib.suggesters.in_process import InProcessSuggester
from katib.testing.builders import a_running_trial, an_experiment

EXPERIMENTS_ROOT = "/apis/kubeflow.org/v1beta1"


def wait_for(fact: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + 60
    while not (found := fact()):
        assert time.monotonic() < deadline, f"not in time: {what}"
        time.sleep(0.1)
    return found


class Stage:
    """The webhooks for one namespace, which the API server calls."""

    def __init__(self, client: KubernetesClient, namespace: str) -> None:
        self.client, self.namespace = client, namespace
        label = msgspec.json.encode({"metadata": {"labels": {"test": namespace}}})
        path = f"/api/v1/namespaces/{namespace}"
        client.request("PATCH", path, body=label, content_type="application/merge-patch+json")
        self.store = KubernetesStore(client, SystemClock(), namespace)
        self.cluster = Cluster(image="localhost/katib:1")
        discovery = Discovery(client)
        owners = OwnerReader(client, lambda kind, key: discovery.get(kind).path(*key))
        usable = InCluster(KatibConfig(), ALGORITHMS, STOPPING_RULES, READ_KINDS)
        checks = SettingsChecks(places_of(KatibConfig()), InProcessSuggester().validate)
        door = ClusterDoor(lambda: usable, self.store.find, checks)
        app = make_app(door.admit, Pods(self.store, owners, lambda: self.cluster))
        place = Place(namespace, names=("127.0.0.1",))
        source = RotatingCertificates(client, place, SystemClock())
        self.server = WebhookServer(app, source, "127.0.0.1", 0)
        self.configure()
        self.server.start()
        wait_for(lambda: self.server.is_ready and self.is_introduced(), "the webhooks answer")

    def configure(self) -> None:
        experiments = {
            "apiGroups": ["kubeflow.org"],
            "apiVersions": ["v1beta1"],
            "operations": ["CREATE", "UPDATE"],
            "resources": ["experiments"],
        }
        pods = {
            "apiGroups": [""],
            "apiVersions": ["v1"],
            "operations": ["CREATE"],
            "resources": ["pods"],
        }
        validating, mutating = PATHS
        self.post(validating, [self.webhook("validator", "/validate-experiment", experiments)])
        self.post(
            mutating,
            [
                self.webhook("defaulter", "/mutate-experiment", experiments),
                self.webhook("mutator", "/mutate-pod", pods),
            ],
        )

    def webhook(self, name: str, path: str, rule: Manifest) -> Manifest:
        return {
            "name": f"{name}.katib.kubeflow.org",
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            "clientConfig": {"url": f"https://127.0.0.1:{self.server.port}{path}"},
            "namespaceSelector": {"matchLabels": {"test": self.namespace}},
            "rules": [rule],
        }

    def post(self, path: str, webhooks: list[Manifest]) -> None:
        body = {"metadata": {"name": path.rpartition("/")[2]}, "webhooks": webhooks}
        self.client.request("POST", path.rpartition("/")[0], body=msgspec.json.encode(body))

    def is_introduced(self) -> bool:
        """Whether the API server trusts every webhook."""
        found = [msgspec.json.decode(self.client.request("GET", path)) for path in PATHS]
        webhooks = [webhook for one in found for webhook in one["webhooks"]]
        return all("caBundle" in one["clientConfig"] for one in webhooks)

    def create(self, path: str, manifest: Manifest) -> Any:
        return msgspec.json.decode(
            self.client.request("POST", path, body=msgspec.json.encode(manifest))
        )

    def create_experiment(self, **spec: object) -> Any:
        manifest = to_manifest(an_experiment().named("tune", self.namespace).build())
        manifest["metadata"] = {"name": "tune", "namespace": self.namespace}
        given = {**manifest["spec"], **spec}
        manifest["spec"] = {name: value for name, value in given.items() if value is not None}
        path = f"{EXPERIMENTS_ROOT}/namespaces/{self.namespace}/experiments"
        return self.create(path, manifest)

    def close(self) -> None:
        for path in PATHS:
            try:
                self.client.request("DELETE", path)
            except NotFoundError:
                continue
        self.server.close()
        self.store.close()


@pytest.fixture
def stage(client: KubernetesClient, namespace: str, control_plane: object) -> Iterator[Stage]:
    # Only a control plane of this machine can call a server on its loopback.
    made = Stage(client, namespace)
    yield made
    made.close()


def test_an_experiment_gets_its_defaults(stage: Stage) -> None:
    created = stage.create_experiment(
        parallelTrialCount=None, resumePolicy=None, metricsCollectorSpec=None
    )
    assert created["spec"]["parallelTrialCount"] == 3
    assert created["spec"]["resumePolicy"] == "Never"
    assert created["spec"]["metricsCollectorSpec"]["collector"] == {"kind": "StdOut"}


def test_an_illegal_experiment_is_refused_with_everything_that_is_wrong(stage: Stage) -> None:
    with pytest.raises(RequestRefusedError) as refused:
        # What a schema cannot see.
        stage.create_experiment(maxFailedTrialCount=99, algorithm={"algorithmName": "rndom"})
    assert refused.value.code == 400
    told = refused.value.message
    assert told.startswith('admission webhook "validator.katib.kubeflow.org" denied the request: ')
    assert "spec.maxFailedTrialCount: Invalid value: 99" in told
    assert 'did you mean "random"?' in told


def test_what_is_fixed_cannot_be_changed(stage: Stage) -> None:
    experiment = from_manifest(EXPERIMENTS, stage.create_experiment())
    manifest = to_manifest(experiment)
    manifest["spec"]["algorithm"] = {"algorithmName": "tpe"}
    path = f"{EXPERIMENTS_ROOT}/namespaces/{stage.namespace}/experiments/tune"
    with pytest.raises(RequestRefusedError, match=r"are editable; changed: spec\.algorithm"):
        stage.client.request("PUT", path, body=msgspec.json.encode(manifest))
    manifest = to_manifest(experiment)
    manifest["spec"]["maxTrialCount"] = 20
    stage.client.request("PUT", path, body=msgspec.json.encode(manifest))


def a_trial(stage: Stage) -> Trial:
    experiment = from_manifest(EXPERIMENTS, stage.create_experiment())
    trial = to_manifest(a_running_trial(experiment, "tune-x1", TrialAssignment()))
    trial["metadata"] = {
        "name": "tune-x1",
        "namespace": stage.namespace,
        "labels": {"katib.kubeflow.org/experiment": "tune"},
    }
    trial["spec"]["primaryContainerName"] = "main"
    path = f"{EXPERIMENTS_ROOT}/namespaces/{stage.namespace}/trials"
    made: Trial = from_manifest(TRIALS, stage.create(path, trial))
    wait_for(lambda: stage.store.find(TRIALS, made.key), "the trial is known")
    return made


def test_a_pod_far_below_its_trial_gets_a_collector(stage: Stage) -> None:
    owner = msgspec.to_builtins(owner_reference(a_trial(stage)))
    labels = {"app": "sweep"}
    main = {"name": "main", "image": "localhost/none:1", "command": ["train", "--lr=$(LR)"]}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [main]}}
    deployment = {
        "metadata": {"name": "sweep", "ownerReferences": [owner]},
        "spec": {"selector": {"matchLabels": labels}, "template": template},
    }
    stage.create(f"/apis/apps/v1/namespaces/{stage.namespace}/deployments", deployment)
    path = f"/api/v1/namespaces/{stage.namespace}/pods"

    def pods() -> Any:
        return msgspec.json.decode(stage.client.request("GET", path))["items"]

    (pod,) = wait_for(pods, "the pod is made")
    assert pod["metadata"]["labels"]["katib.kubeflow.org/trial"] == "tune-x1"
    assert pod["metadata"]["labels"]["katib.kubeflow.org/experiment"] == "tune"
    containers = {one["name"]: one for one in pod["spec"]["containers"]}
    assert list(containers) == ["main", LOGGER]
    assert containers["main"]["args"] == ["train", "--lr=$(LR)"]
    assert containers[LOGGER]["image"] == "localhost/katib:1"
    assert pod["spec"]["shareProcessNamespace"] is True


def test_a_pod_of_nobody_is_left_alone(stage: Stage) -> None:
    containers = [{"name": "main", "image": "localhost/none:1", "command": ["train"]}]
    manifest = {"metadata": {"name": "alone"}, "spec": {"containers": containers}}
    pod = stage.create(f"/api/v1/namespaces/{stage.namespace}/pods", manifest)
    assert [one["name"] for one in pod["spec"]["containers"]] == ["main"]
    assert pod["spec"]["containers"][0]["command"] == ["train"]


def test_a_prepared_job_is_accepted_by_the_api_server(stage: Stage) -> None:
    trial = a_trial(stage)
    main = {"name": "main", "image": "localhost/none:1", "command": ["train"]}
    pod = {"spec": {"containers": [main], "restartPolicy": "Never"}}
    job = from_manifest(
        JOBS,
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": "tune-x1", "namespace": stage.namespace},
            "spec": {"template": pod},
        },
    )
    created = stage.store.create(JOBS, prepare(job, trial, None, stage.cluster))
    names = [one["name"] for one in created.spec["template"]["spec"]["containers"]]
    assert names == ["main", LOGGER]
    path = f"/api/v1/namespaces/{stage.namespace}/pods"

    def pods() -> Any:
        return msgspec.json.decode(stage.client.request("GET", path))["items"]

    (made,) = wait_for(pods, "the Job has its pod")
    # The webhook saw it, too, and added nothing.
    assert [one["name"] for one in made["spec"]["containers"]] == ["main", LOGGER]
    assert len(made["spec"]["volumes"]) == len({one["name"] for one in made["spec"]["volumes"]})
