"""Algorithms that are asked elsewhere: at an address, or in a Deployment that is made for them."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from experiments import an_experiment
from processes import a_service, wait_for
from stage import Stage

from katib.api.values import Manifest
from katib.kubernetes.client import KubernetesClient

pytestmark = pytest.mark.timeout(300)

SETTINGS = [{"name": "min_trials_required", "value": "2"}, {"name": "start_step", "value": "1"}]
STOPPING = {"algorithmName": "medianstop", "algorithmSettings": SETTINGS}


def condition(suggestion: Manifest, type: str) -> tuple[str, str]:
    """Status and reason of a condition; empty when there is none."""
    found = suggestion.get("status", {}).get("conditions", [])
    return next(((one["status"], one["reason"]) for one in found if one["type"] == type), ("", ""))


def test_services_that_run_already_are_asked(stage: Stage, tmp_path: Path) -> None:
    """Our own algorithm and rule, as services; the rule reads the logs of the database manager."""
    search, address = a_service(tmp_path, "suggestion", "--algorithm", "sobol")
    stopping, rule_address = a_service(tmp_path, "early-stopping", "--algorithm", "medianstop")
    runtime: Manifest = {
        "suggestions": [{"algorithmName": "sobol", "address": address}],
        "earlyStoppings": [{"algorithmName": "medianstop", "address": rule_address}],
    }
    operator = stage.add_operator(runtime=runtime)
    try:
        search.start()
        stopping.start()
        operator.start()
        given = an_experiment(
            trials=8, algorithm={"algorithmName": "sobol"}, earlyStopping=STOPPING
        )
        assert stage.run(given) == "ExperimentMaxTrialsReached"
    finally:
        search.close()
        stopping.close()
    stage.experiments.check_books(8)
    rules = [
        rule
        for trial in stage.experiments.list("trials")
        for rule in trial["spec"].get("earlyStoppingRules", [])
    ]
    assert rules
    assert {(rule["name"], rule["comparison"]) for rule in rules} == {("loss", "greater")}


def test_an_algorithm_with_an_image_gets_a_deployment(
    stage: Stage, client: KubernetesClient
) -> None:
    """It is made, waited for, made again when somebody deletes it, and goes with the experiment.

    Its pod is said to be ready, but nothing runs behind its Service here.
    """
    entry = {"algorithmName": "sobol", "image": "localhost/katib:test"}
    operator = stage.add_operator(
        runtime={"suggestions": [entry]}, enableGRPCProbeInSuggestion=False
    )
    operator.start()
    given = an_experiment(algorithm={"algorithmName": "sobol"}, resumePolicy="FromVolume")
    stage.experiments.create(given)
    namespace = stage.experiments.namespace
    deployments = f"/apis/apps/v1/namespaces/{namespace}/deployments"

    def listed(path: str, field: str) -> list[str]:
        items = msgspec.json.decode(client.request("GET", path))["items"]
        return [one["metadata"][field] for one in items]

    def made(path: str) -> list[str]:
        return listed(path, "name")

    def uids() -> list[str]:
        return listed(deployments, "uid")

    def said(type: str) -> tuple[str, str]:
        return condition(stage.experiments.find("suggestions", "tuned") or {}, type)

    wait_for(lambda: made(deployments) == ["tuned-sobol"], "there is a Deployment")
    core = f"/api/v1/namespaces/{namespace}"
    assert made(f"{core}/services") == ["tuned-sobol"]
    assert made(f"{core}/persistentvolumeclaims") == ["tuned-sobol"]
    wait_for(lambda: said("DeploymentReady")[0] == "True", "its pod is ready")
    wait_for(lambda: said("Progressing") == ("False", "AlgorithmUnavailable"), "it is asked")
    first = uids()
    client.request("DELETE", f"{deployments}/tuned-sobol", body=b"{}")
    wait_for(lambda: uids() not in ([], first), "another one is made")
    wait_for(lambda: said("DeploymentReady")[0] == "True", "its pod is ready, too")
    stage.experiments.delete("experiments", "tuned")
    wait_for(lambda: not made(deployments) and not made(f"{core}/services"), "all of it is gone")
