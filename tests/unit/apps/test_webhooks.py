from __future__ import annotations

import asyncio
import base64
from typing import Any, cast

import httpx
import msgspec
import pytest
from msgspec.structs import replace
from starlette.applications import Starlette

from katib.admission import AdmissionContext, admit
from katib.api import names
from katib.api.codec import to_manifest
from katib.api.experiment import Experiment
from katib.api.suggestion import TrialAssignment
from katib.api.trial import TRIALS
from katib.api.values import Key, Kind, Manifest, ObjectMeta, OwnerReference
from katib.apps.webhooks import OwnerReader, Pods, make_app
from katib.errors import KindNotServedError, NotFoundError, RequestRefusedError, StoreAwayError
from katib.kubernetes.client import KubernetesClient
from katib.kubernetes.sidecars import LOGGER, Cluster
from katib.stores.memory import MemoryStore
from katib.testing.builders import a_running_trial, an_experiment
from katib.testing.clocks import FakeClock

CONTEXT = AdmissionContext(
    algorithms=["random"],
    early_stopping_algorithms=["medianstop"],
    collector_kinds=["StdOut"],
    find_config_map=lambda key: None,
)
OWNER = {"apiVersion": "batch/v1", "kind": "Job", "name": "tune-x1", "uid": "job"}


class Stage:
    """The webhooks over a store with one trial."""

    def __init__(self) -> None:
        self.store = MemoryStore(FakeClock())
        experiment = an_experiment().named("tune", "team-a").build()
        trial = a_running_trial(experiment, "tune-x1", TrialAssignment())
        spec = replace(trial.spec, primary_container_name="main")
        self.trial = self.store.create(TRIALS, replace(trial, spec=spec))
        self.cluster = Cluster(image="katib:1")
        self.problem: Exception | None = None
        pods = Pods(self.store, self.fetch_owner, lambda: self.cluster)
        self.app: Starlette = make_app(self.admit, pods)

    def admit(self, manifest: Manifest, old: Experiment | None) -> Experiment:
        return admit(manifest, CONTEXT, old)

    def fetch_owner(self, owner: OwnerReference, namespace: str) -> ObjectMeta | None:
        if self.problem is not None:
            raise self.problem
        assert (owner.name, namespace) == ("tune-x1", "team-a")
        reference = OwnerReference(
            api_version="kubeflow.org/v1beta1", kind="Trial", name="tune-x1", uid="trial"
        )
        return ObjectMeta(owner_references=(reference,))

    def send(self, method: str, path: str, body: bytes = b"") -> httpx.Response:
        async def answer() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://katib") as client:
                return await client.request(method, path, content=body)

        return asyncio.run(answer())

    def ask(self, path: str, object: Manifest, old: Manifest | None = None) -> Any:
        request = {"uid": "u", "namespace": "team-a", "object": object, "oldObject": old}
        review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"}
        answer = self.send("POST", path, msgspec.json.encode({**review, "request": request}))
        assert answer.status_code == 200, answer.text
        response = answer.json()["response"]
        if "patch" in response:
            response["patch"] = msgspec.json.decode(base64.b64decode(response["patch"]))
        return response

    def ask_pod(self, **metadata: object) -> Any:
        main = {"name": "main", "image": "train:1", "command": ["train"]}
        given = {"generateName": "tune-x1-", "ownerReferences": [OWNER], **metadata}
        return self.ask("/mutate-pod", {"metadata": given, "spec": {"containers": [main]}})


@pytest.fixture
def stage() -> Stage:
    return Stage()


def a_manifest() -> Manifest:
    return to_manifest(an_experiment().named("tune", "team-a").build())


def test_a_legal_experiment_may_be(stage: Stage) -> None:
    assert stage.ask("/validate-experiment", a_manifest()) == {"uid": "u", "allowed": True}


def test_an_illegal_one_is_refused_with_everything_that_is_wrong(stage: Stage) -> None:
    manifest = a_manifest()
    manifest["spec"] |= {"maxTrialCount": -1, "algorithm": {"algorithmName": "rndom"}}
    answer = stage.ask("/validate-experiment", manifest)
    assert not answer["allowed"]
    assert answer["status"]["code"] == 400
    told = answer["status"]["message"]
    assert "spec.maxTrialCount: Invalid value: -1" in told
    assert 'unknown algorithm "rndom", did you mean "random"?' in told


def test_a_change_is_compared_with_what_is_stored(stage: Stage) -> None:
    old, new = a_manifest(), a_manifest()
    new["spec"]["algorithm"] = {"algorithmName": "random", "algorithmSettings": [{"name": "a"}]}
    answer = stage.ask("/validate-experiment", new, old)
    assert "are editable; changed: spec.algorithm" in answer["status"]["message"]


def test_defaults_are_filled_in(stage: Stage) -> None:
    manifest = a_manifest()
    for name in ("parallelTrialCount", "resumePolicy", "metricsCollectorSpec"):
        manifest["spec"].pop(name, None)
    answer = stage.ask("/mutate-experiment", manifest)
    (change,) = answer["patch"]
    assert change["path"] == "/spec"
    assert change["value"]["parallelTrialCount"] == 3
    assert change["value"]["resumePolicy"] == "Never"
    assert change["value"]["metricsCollectorSpec"]["collector"] == {"kind": "StdOut"}
    assert change["value"]["trialTemplate"] == manifest["spec"]["trialTemplate"]


def test_what_has_its_defaults_is_left_alone(stage: Stage) -> None:
    first = stage.ask("/mutate-experiment", a_manifest())
    filled = {**a_manifest(), "spec": first["patch"][0]["value"]} if "patch" in first else None
    again = stage.ask("/mutate-experiment", filled or a_manifest())
    assert again == {"uid": "u", "allowed": True}


def test_what_is_no_experiment_is_left_to_validation(stage: Stage) -> None:
    manifest = {**a_manifest(), "spec": {"parallelTrialCount": "three"}}
    assert stage.ask("/mutate-experiment", manifest) == {"uid": "u", "allowed": True}
    assert not stage.ask("/validate-experiment", manifest)["allowed"]


def test_a_trials_pod_gets_its_collector(stage: Stage) -> None:
    answer = stage.ask_pod()
    changes = {one["path"]: one["value"] for one in answer["patch"]}
    assert changes["/metadata/labels"]["katib.kubeflow.org/trial"] == "tune-x1"
    assert [one["name"] for one in changes["/spec"]["containers"]] == ["main", LOGGER]


def test_a_pod_that_has_it_from_its_template_is_left_alone(stage: Stage) -> None:
    answer = stage.ask_pod(labels={names.LABEL_PREPARED: "true"})
    assert answer == {"uid": "u", "allowed": True}


def test_a_pod_of_nobody_is_left_alone(stage: Stage) -> None:
    assert stage.ask_pod(ownerReferences=[]) == {"uid": "u", "allowed": True}


def test_what_may_not_be_read_stops_no_pod_and_is_told(stage: Stage) -> None:
    stage.problem = RequestRefusedError("GET /apis/x", 403, "forbidden")
    answer = stage.ask_pod()
    assert answer["allowed"]
    (warning,) = answer["warnings"]
    assert warning.startswith("Katib cannot see whether this pod belongs to a trial: ")


def test_a_pod_of_a_trial_that_is_not_known_yet_comes_again(stage: Stage) -> None:
    stage.store.delete(TRIALS, stage.trial.key)
    answer = stage.ask_pod()
    assert not answer["allowed"]
    assert answer["status"]["code"] == 500


def test_a_pod_that_cannot_have_a_collector_is_refused(stage: Stage) -> None:
    stage.cluster = Cluster()
    answer = stage.ask_pod()
    assert answer["status"]["code"] == 400
    assert "failed to find metrics collector config for kind: StdOut" in answer["status"]["message"]


@pytest.mark.parametrize(
    ("problem", "message"),
    [
        (StoreAwayError("/apis", "connection refused"), "the API server does not answer /apis"),
        (ValueError("a fault"), "Katib's webhook failed; its log says why"),
    ],
)
def test_what_goes_wrong_is_answered(stage: Stage, problem: Exception, message: str) -> None:
    stage.problem = problem
    answer = stage.ask_pod()
    assert answer["status"]["code"] == 500
    assert message in answer["status"]["message"]


def test_what_is_no_review_is_refused(stage: Stage) -> None:
    assert stage.send("POST", "/mutate-pod", b"{}").status_code == 400
    assert stage.send("GET", "/mutate-pod").status_code == 405
    assert stage.send("POST", "/mutate-pod", b" " * (4 * 1024 * 1024)).status_code == 413


class Answers:
    """An API server that knows one Job."""

    def request(self, method: str, path: str) -> bytes:
        if path != "/apis/batch/v1/namespaces/team-a/jobs/tune-x1":
            raise NotFoundError("jobs", "team-a", path)
        return b'{"metadata": {"name": "tune-x1", "uid": "job", "labels": {"a": "b"}}, "spec": 1}'


def find_path(kind: Kind[Any], key: Key) -> str:
    if kind.name != "Job":
        raise KindNotServedError(kind.api_version, kind.name)
    return f"/apis/{kind.api_version}/namespaces/{key.namespace}/{kind.plural}/{key.name}"


@pytest.mark.parametrize(
    ("changes", "is_found"),
    [({}, True), ({"uid": "other"}, False), ({"name": "gone"}, False), ({"kind": "X"}, False)],
)
def test_owners_are_read_from_the_api_server(changes: dict[str, str], is_found: bool) -> None:
    reader = OwnerReader(cast(KubernetesClient, Answers()), find_path)
    owner = msgspec.convert({**OWNER, **changes}, OwnerReference)
    found = reader(owner, "team-a")
    assert (found is not None) is is_found
