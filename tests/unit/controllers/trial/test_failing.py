from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from katib.api.values import Manifest, ObjectMeta, Unstructured
from katib.controllers.trial.failing import MOST_CHARACTERS, find_cause

JOB = Unstructured(api_version="batch/v1", kind="Job", metadata=ObjectMeta(name="one"), body={})


def ended(code: int, **more: object) -> Manifest:
    return {"terminated": {"exitCode": code, "reason": "Error", **more}}


def a_pod(
    name: str = "one-a",
    containers: Mapping[str, Manifest] | None = None,
    phase: str = "Failed",
    **status: object,
) -> Unstructured:
    found = [{"name": key, "state": state} for key, state in (containers or {}).items()]
    body = {"status": {"phase": phase, "containerStatuses": found, **status}}
    return Unstructured(api_version="v1", kind="Pod", metadata=ObjectMeta(name=name), body=body)


KILLED = a_pod(containers={"main": ended(137, reason="OOMKilled")})
COLLECTED = a_pod(
    containers={
        "metrics-logger-and-collector": ended(1, message="loading\nno such file: data.csv\n"),
        "main": ended(2),
    }
)
HELPED = a_pod(containers={"helper": ended(3), "main": ended(0), "other": ended(4)})
BEFORE = a_pod(
    initContainerStatuses=[{"name": "fetch", "state": ended(7, message="no network")}],
    containers={"main": {"waiting": {"reason": "PodInitializing"}}},
)

CAUSES: dict[str, tuple[Sequence[Unstructured], str]] = {
    "what killed the program is told": (
        [KILLED],
        "Pod one-a: container main ended with exit code 137 (OOMKilled)",
    ),
    "its collector says what it printed last": (
        [COLLECTED],
        "Pod one-a: container main ended with exit code 2: loading\nno such file: data.csv",
    ),
    "a container beside it may be what failed": (
        [HELPED],
        "Pod one-a: container helper ended with exit code 3",
    ),
    "so may one that runs before": (
        [BEFORE],
        "Pod one-a: container fetch ended with exit code 7: no network",
    ),
    "a pod that the node has ended has words of its own": (
        [a_pod(reason="Evicted", message="The node was low on resource: memory.")],
        "Pod one-a: Evicted: The node was low on resource: memory.",
    ),
    "the pod that failed last counts": (
        [
            a_pod("late", {"main": ended(2, finishedAt="2026-01-01T00:00:09Z")}),
            a_pod("early", {"main": ended(1, finishedAt="2026-01-01T00:00:01Z")}),
        ],
        "Pod late: container main ended with exit code 2",
    ),
    "a pod that says nothing tells nothing": ([a_pod()], ""),
    "pods that go on tell nothing": ([a_pod(containers={"main": ended(1)}, phase="Running")], ""),
    "without pods nothing is known": ([], ""),
}


@pytest.mark.parametrize("case", CAUSES)
def test_the_cause(case: str) -> None:
    pods, cause = CAUSES[case]
    assert find_cause(JOB, pods, "main") == cause


def test_a_run_that_is_a_pod_tells_it_itself() -> None:
    assert find_cause(KILLED, [], "main").startswith("Pod one-a: container main ended")


def test_only_the_last_of_much_is_told() -> None:
    lines = "\n".join(f"line {number}" for number in range(1_000))
    short = find_cause(JOB, [a_pod(containers={"main": ended(1, message=lines)})], "main")
    assert short.endswith("line 999")
    assert "line 989" not in short
    long = find_cause(JOB, [a_pod(containers={"main": ended(1, message="x" * 5_000)})], "main")
    assert len(long) < MOST_CHARACTERS + 100
