from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any, cast

import msgspec
import pytest
from msgspec.structs import replace

from katib.api import names
from katib.api.codec import from_manifest
from katib.api.kinds import JOBS
from katib.api.suggestion import TrialAssignment
from katib.api.trial import TRIALS, Trial
from katib.api.values import Manifest, Resource, Unstructured
from katib.apps.trial_pods import Station, TrialPods
from katib.configuration import KatibConfig
from katib.errors import AlgorithmUnavailableError, NotFoundError
from katib.kubernetes.client import KubernetesClient
from katib.kubernetes.sidecars import LOGGER
from katib.stores.memory import MemoryStore
from katib.suggesters.stopped import tell_stopped
from katib.testing.builders import a_running_trial, an_experiment
from katib.testing.clocks import FakeClock


class ApiServer:
    """An old one that keeps one Secret."""

    def __init__(self) -> None:
        self.secret: Manifest | None = None

    def request(self, method: str, path: str, body: bytes = b"") -> bytes:
        if path == "/version":
            return b'{"major": "1", "minor": "20"}'
        assert path.startswith("/api/v1/namespaces/kubeflow/secrets")
        if method == "POST":
            secret: Manifest = msgspec.json.decode(body)
            secret["metadata"]["resourceVersion"] = "1"
            self.secret = secret
        if self.secret is None:
            raise NotFoundError("secrets", "kubeflow", "katib-trial-tokens")
        return msgspec.json.encode(self.secret)


class Stage:
    """The pods of one trial."""

    def __init__(self) -> None:
        self.store = MemoryStore(FakeClock())
        self.server = ApiServer()
        self.told: list[str] = []
        experiment = an_experiment().named("tune", "team-a").build()
        trial = a_running_trial(experiment, "tune-x1", TrialAssignment())
        spec = replace(trial.spec, primary_container_name="main")
        self.trial = self.store.create(TRIALS, replace(trial, spec=spec))
        self.pods = self.make()

    def make(self) -> TrialPods:
        station = Station("kubeflow", "db:6789", "katib:1", "127.0.0.1:0")
        client = cast(KubernetesClient, self.server)
        return TrialPods(client, self.store, KatibConfig, station)

    def record(self, resource: Resource, reason: str, message: str, warning: bool = False) -> None:
        self.told.append(reason)

    def prepared(self, pods: TrialPods | None = None) -> Any:
        main = {"name": "main", "command": ["train"]}
        spec = {"template": {"spec": {"containers": [main]}}}
        manifest = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "tune-x1"}}
        job: Unstructured = from_manifest(JOBS, {**manifest, "spec": spec})
        run = (pods or self.pods).prepare(self.trial, job)
        containers = run.spec["template"]["spec"]["containers"]
        return next(one for one in containers if one["name"] == LOGGER)

    def token(self, pods: TrialPods | None = None) -> str:
        found: str = self.prepared(pods)["env"][1]["value"]
        return found


@pytest.fixture
def stage() -> Iterator[Stage]:
    made = Stage()
    yield made
    made.pods.close()


def test_a_run_gets_the_operators_own_collector(stage: Stage) -> None:
    found = stage.prepared()
    assert found["image"] == "katib:1"
    assert ("-s-db", "db:6789") in zip(found["args"], found["args"][1:], strict=False)
    assert found["env"][1]["name"] == names.ENV_DB_MANAGER_TOKEN
    assert stage.pods.cluster().operator == "katib-controller.kubeflow:6788"


def test_tokens_outlive_an_operator(stage: Stage) -> None:
    assert stage.server.secret is not None
    assert len(base64.b64decode(stage.server.secret["data"]["seal"])) == 32
    assert stage.token(stage.make()) == stage.token()


def test_a_collector_says_that_its_trial_was_stopped_and_no_other(stage: Stage) -> None:
    address = f"127.0.0.1:{stage.pods.serve_statuses(stage)}"
    with pytest.raises(AlgorithmUnavailableError, match="UNAUTHENTICATED"):
        tell_stopped(address, "tune-x1", stage.token() + "x")
    with pytest.raises(AlgorithmUnavailableError, match="PERMISSION_DENIED"):
        tell_stopped(address, "tune-x2", stage.token())
    tell_stopped(address, "tune-x1", stage.token())
    trial: Trial = stage.store.get(TRIALS, stage.trial.key)
    assert trial.has(names.EARLY_STOPPED)
    assert stage.told == ["TrialEarlyStopped"]


def test_the_token_of_an_earlier_trial_of_the_name_is_nobodys(stage: Stage) -> None:
    token = stage.token()
    address = f"127.0.0.1:{stage.pods.serve_statuses(stage)}"
    stage.store.delete(TRIALS, stage.trial.key)
    metadata = replace(stage.trial.metadata, uid="", resource_version="", finalizers=())
    stage.store.create(TRIALS, replace(stage.trial, metadata=metadata))
    with pytest.raises(AlgorithmUnavailableError, match="UNAUTHENTICATED"):
        tell_stopped(address, "tune-x1", token)


def test_what_our_own_image_has_can_be_used(stage: Stage) -> None:
    stage.pods.usable().check_collector("TensorFlowEvent")
    assert stage.pods.is_ready
