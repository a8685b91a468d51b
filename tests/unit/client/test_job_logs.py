from __future__ import annotations

import pytest
from fake_backend import FakeBackend

from katib.api.values import Manifest
from katib.client.backend import RefusedError
from katib.client.job_logs import read_lines

TRIAL = "/apis/kubeflow.org/v1beta1/namespaces/default/trials/one"
PODS = "/api/v1/namespaces/default/pods"
SELECTED = f"{PODS}?labelSelector=katib.kubeflow.org/trial=one"
COLLECTOR = "metrics-logger-and-collector"


def a_trial(kind: str = "StdOut", **spec: object) -> Manifest:
    collector = {"collector": {"kind": kind}}
    usual = {"metricsCollector": collector, "primaryContainerName": "main"}
    conditions = [{"type": "Running", "status": "True"}]
    return {"spec": {**usual, **spec}, "status": {"conditions": conditions}}


def pods(*containers: str) -> Manifest:
    named = [{"name": name} for name in containers]
    return {"items": [{"metadata": {"name": "pod"}, "spec": {"containers": named}}]}


@pytest.mark.parametrize(
    ("trial", "containers", "expected"),
    [
        (a_trial(), ["main", COLLECTOR], COLLECTOR),
        (a_trial(), ["main"], "main"),
        (a_trial("File"), ["other", "main", COLLECTOR], "main"),
        (a_trial(primaryContainerName=""), ["first", "second"], "first"),
    ],
    ids=[
        "the collector shows what it reads",
        "without one, the program's",
        "a collector of files shows nothing",
        "nobody says which is the primary one",
    ],
)
def test_the_container_that_shows_what_is_printed_is_read(
    trial: Manifest, containers: list[str], expected: str
) -> None:
    log = f"{PODS}/pod/log?container={expected}"
    answers = {TRIAL: trial, SELECTED: pods(*containers)}
    backend = FakeBackend(answers, {log: [b"loss=1", b"\xff"]})
    assert list(read_lines(backend, "default", "one", is_followed=False)) == ["loss=1", "\ufffd"]


def test_the_primary_pod_is_found_by_its_labels_and_followed() -> None:
    trial = a_trial("Push", primaryPodLabels={"role": "master"})
    log = f"{PODS}/pod/log?container=main&follow=true"
    backend = FakeBackend({TRIAL: trial, f"{SELECTED},role=master": pods("main")}, {log: [b"x"]})
    assert list(read_lines(backend, "default", "one", is_followed=True)) == ["x"]
    assert backend.asked[-1] == f"GET {log}"


def test_nothing_is_asked_before_the_first_line_is() -> None:
    backend = FakeBackend({})
    lines = read_lines(backend, "default", "one", is_followed=False)
    assert backend.asked == []
    with pytest.raises(RuntimeError, match=r"^Trial one or associated job not found$"):
        next(lines)


FAULTS: dict[str, tuple[dict[str, Manifest | Exception], str]] = {
    "it has just been created": (
        {TRIAL: {"spec": {}}},
        "Failed to get job logs: Trial one not found or has no status",
    ),
    "it has no pod": (
        {TRIAL: a_trial(), SELECTED: {"items": []}},
        "Failed to get job logs: No pods found for trial one: its run has not begun",
    ),
    "nobody may read it": (
        {TRIAL: RefusedError(403, "Forbidden", "trials are not for you")},
        r"Kubernetes API error: \(403\) trials are not for you",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_why_there_are_no_lines_is_said(fault: str) -> None:
    answers, words = FAULTS[fault]
    with pytest.raises(RuntimeError, match=f"^{words}"):
        next(read_lines(FakeBackend(answers), "default", "one", is_followed=False))
