"""A kind of which nobody has heard: its own controller runs it, and its own conditions judge it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec
import pytest
from definitions import define, undefine
from experiments import an_experiment, is_true
from processes import wait_for
from stage import Stage

from katib.api.values import Key, Kind, Manifest, Unstructured
from katib.errors import KatibError
from katib.kubernetes.client import KubernetesClient
from katib.observations.remote import RemoteObservationLog
from katib.ports.observation_log import MetricEntry

pytestmark = [pytest.mark.timeout(300), pytest.mark.usefixtures("running_operator")]

MILLS = Kind("grinding.example.com/v1alpha7", "Mill", "mills", Unstructured)


class Miller:
    """Brings mills to their ends: they have ground, or they are broken."""

    def __init__(self, client: KubernetesClient, namespace: str, db_manager: str) -> None:
        self._client, self._namespace = client, namespace
        self._log = RemoteObservationLog(db_manager)
        self._is_stopping = threading.Event()
        self.seen: set[str] = set()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._is_stopping.set()
        self._thread.join()
        self._log.close()

    def _work(self) -> None:
        path = f"/apis/{MILLS.api_version}/namespaces/{self._namespace}/mills"
        while not self._is_stopping.wait(0.2):
            try:
                listed = msgspec.json.decode(self._client.request("GET", path))["items"]
                for mill in listed:
                    self._grind(path, mill)
            except KatibError:
                continue  # The kind may not be served yet.

    def _grind(self, path: str, mill: Manifest) -> None:
        name: str = mill["metadata"]["name"]
        if "status" in mill:
            return
        self.seen.add(mill["metadata"]["uid"])
        coarse = float(mill["spec"]["coarseness"])
        is_broken = coarse > 0.9
        entry = MetricEntry(datetime.now(UTC), "loss", str(coarse))
        if not is_broken:
            self._log.report(Key(self._namespace, name), [entry])
        reason = {"type": "Broken" if is_broken else "Ground", "state": "yes"}
        body = msgspec.json.encode({"status": {"facts": [{"type": "Fed", "state": "yes"}, reason]}})
        merge = "application/merge-patch+json"
        self._client.request("PATCH", f"{path}/{name}/status", body=body, content_type=merge)


@pytest.fixture(autouse=True)
def no_mills(client: KubernetesClient) -> Iterator[None]:
    """The kind is gone again, after everything else."""
    yield
    undefine(client, MILLS)


def test_it_tunes_and_needs_no_restart(stage: Stage, client: KubernetesClient) -> None:
    """The kind is defined after the operator has started, and after a trial was made of it."""
    given = an_experiment(trials=20, parallelTrialCount=4, maxFailedTrialCount=20)
    template = given["spec"]["trialTemplate"]
    template["successCondition"] = 'status.facts.#(type=="Ground")#|#(state=="yes")#'
    template["failureCondition"] = 'status.facts.#(type=="Broken")#|#(state=="yes")#'
    template["trialSpec"] = {
        "apiVersion": MILLS.api_version,
        "kind": MILLS.name,
        "spec": {"coarseness": "${trialParameters.x}"},
    }
    given["spec"]["algorithm"] = {
        "algorithmName": "random",
        "algorithmSettings": [{"name": "random_state", "value": "1"}],
    }
    stage.experiments.create(given)
    wait_for(lambda: len(stage.experiments.list("trials")) == 4, "trials are made")
    define(client, MILLS)
    miller = Miller(client, stage.experiments.namespace, stage.address)
    try:
        wait_for(lambda: bool(stage.experiments.ended()), "the experiment is over")
    finally:
        miller.close()
    assert stage.experiments.ended() == "ExperimentMaxTrialsReached"
    trials = stage.experiments.list("trials")
    assert len(miller.seen) == len(trials) == 20
    for trial in trials:
        (assignment,) = trial["spec"]["parameterAssignments"]
        is_broken = float(assignment["value"]) > 0.9
        assert is_true(trial, "Failed" if is_broken else "Succeeded")
    assert any(is_true(trial, "Failed") for trial in trials)
