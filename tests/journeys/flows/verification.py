"""What holds of an experiment that has just ended, as Katib's end-to-end tests have it."""

import os
import time
from typing import Any

from kubernetes import client as kubernetes
from kubernetes.client.exceptions import ApiException
from kubernetes.config import load_kube_config

from katib import KatibClient

INJECTION = "katib.kubeflow.org/metrics-collector-injection"


def connect() -> None:
    """Let the client of Kubernetes ask the server that Katib's asks."""
    # The engine of a program has a kubeconfig in its home, as a server has.
    home = os.path.join(os.environ["KATIB_HOME"], "kubeconfig")
    load_kube_config(os.environ.get("KUBECONFIG", home))  # type: ignore[no-untyped-call]


def enable_injection(namespace: str) -> None:
    """Let a cluster of Katib read the metrics of pods in a namespace."""
    core = kubernetes.CoreV1Api()
    found: Any = core.read_namespace(namespace)
    labels = found.metadata.labels or {}
    if INJECTION not in labels:
        body = {"metadata": {"labels": {**labels, INJECTION: "enabled"}}}
        core.patch_namespace(namespace, body)


def verify_results(client: KatibClient, experiment: Any) -> None:
    """Check what an experiment that has succeeded says of itself.

    Raises:
        AssertionError: something does not fit.
    """
    name, namespace = experiment.metadata.name, experiment.metadata.namespace
    spec, status = experiment.spec, experiment.status
    objective = spec.objective
    observed = status.current_optimal_trial.observation.metrics
    assert observed, status
    metrics = {one.name: one for one in observed}
    best = metrics[objective.objective_metric_name]
    reasons = [one.reason for one in status.conditions if one.type == "Succeeded"]
    if reasons == ["ExperimentMaxTrialsReached"]:
        done = (status.trials_succeeded or 0) + (status.trials_early_stopped or 0)
        assert done == spec.max_trial_count, status
    if reasons == ["ExperimentGoalReached"]:
        is_small = objective.type == "minimize"
        goal = float(objective.goal)
        assert float(best.min) <= goal if is_small else float(best.max) >= goal, best
    is_running = spec.resume_policy == "LongRunning"
    conditions = wait_for_suggestion(
        client, name, namespace, "Succeeded" if is_running else "Running"
    )
    if not is_running:
        verify_service_is_gone(f"{name}-{spec.algorithm.algorithm_name}", namespace)
    # An algorithm in the engine of one machine has no disk of its own.
    if spec.resume_policy == "FromVolume" and "DeploymentReady" in conditions:
        verify_volume(f"{name}-{spec.algorithm.algorithm_name}", namespace)


def verify_service_is_gone(name: str, namespace: str) -> None:
    """Check that no algorithm is served any longer."""
    for read in (
        kubernetes.AppsV1Api().read_namespaced_deployment,
        kubernetes.CoreV1Api().read_namespaced_service,
    ):
        try:
            read(name, namespace)
            code = 200
        except ApiException as error:
            code = error.status
        assert code == 404, f"it is still there: {name}"


def verify_volume(name: str, namespace: str) -> None:
    """Check that the algorithm's disk is kept."""
    found: Any = kubernetes.CoreV1Api().read_namespaced_persistent_volume_claim(name, namespace)
    assert found.metadata.name == name


def wait_for_suggestion(client: Any, name: str, namespace: str, absent: str) -> dict[str, str]:
    """The conditions of a suggestion, when one of them is no longer true; soon after the end."""
    for _ in range(10):
        suggestion = client.get_suggestion(name, namespace)
        conditions = {one.type: one.status for one in suggestion.status.conditions}
        if conditions.get(absent) != "True":
            return conditions
        time.sleep(1)
    raise AssertionError(conditions)
