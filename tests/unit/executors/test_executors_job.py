from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from katib.api import names
from katib.api.codec import format_time, with_status
from katib.api.kinds import JOBS, PODS
from katib.api.values import Key, Manifest, ObjectMeta, OwnerReference, Unstructured
from katib.executors.job import FIRST_PAUSE, INDEX, LONGEST_PAUSE, JobReconciler
from katib.ports.reconciler import DONE, Result
from katib.ports.resource_store import Event
from katib.stores.memory import MemoryStore
from katib.testing.clocks import FakeClock

KEY = Key("default", "train")
TEMPLATE: Manifest = {
    "metadata": {"labels": {"a": "b"}, "annotations": {"c": "d"}},
    "spec": {"containers": [{"name": "main", "command": ["true"]}], "restartPolicy": "Never"},
}


class Stage:
    """One job; the test plays the pods."""

    def __init__(self, **spec: Any) -> None:
        self.clock = FakeClock()
        self.store = MemoryStore(self.clock)
        self.reconciler = JobReconciler(self.store, self.clock)
        self.woken: list[Key] = []
        self.store.create(
            JOBS,
            Unstructured(
                api_version="batch/v1",
                kind="Job",
                metadata=ObjectMeta(name=KEY.name, namespace=KEY.namespace),
                body={"spec": {"template": TEMPLATE, **spec}},
            ),
        )
        self.store.subscribe(self._hear)

    @property
    def status(self) -> Manifest:
        return self.store.get(JOBS, KEY).status

    @property
    def pods(self) -> list[Unstructured]:
        """The oldest first."""
        return sorted(self.store.list(PODS), key=lambda pod: int(pod.metadata.resource_version))

    @property
    def active(self) -> list[Unstructured]:
        return [pod for pod in self.pods if pod.status["phase"] in ("Pending", "Running")]

    def reconcile(self) -> Result:
        return self.reconciler.reconcile(KEY)

    def pod_is(self, phase: str, message: str = "", restarts: int = 0) -> Result:
        """The first active pod gets a status, and the job is looked at."""
        container: Manifest = {"restartCount": restarts, "state": {"running": {}}}
        if phase != "Running":
            ended = {"finishedAt": format_time(self.clock.now())}
            container["state"] = {"terminated": ended}
        status: Manifest = {"phase": phase, "containerStatuses": [container]}
        if message:
            status["message"] = message
        self.store.update_status(PODS, with_status(self.active[0], status))
        return self.reconcile()

    def conditions(self) -> list[tuple[str, str, str, str]]:
        return [
            (one["type"], one["status"], one["reason"], one["message"])
            for one in self.status.get("conditions", ())
        ]

    def _hear(self, event: Event) -> None:
        if event.kind in (JOBS, PODS):
            self.woken += self.reconciler.keys(event)


#: Pods were made: the status that counts them is written a little later.
SOON = Result(retry_after_seconds=0.25)


def test_a_job_makes_a_pod_of_its_template() -> None:
    stage = Stage()
    assert stage.reconcile() == SOON
    (pod,) = stage.pods
    assert pod.metadata.name.startswith("train-")
    assert len(pod.metadata.name) == len("train-") + 5
    assert pod.metadata.labels == {"a": "b", names.LABEL_JOB: "train"}
    assert pod.metadata.annotations == {"c": "d"}
    owner = pod.metadata.controller
    assert owner is not None
    assert (owner.kind, owner.uid) == ("Job", stage.store.get(JOBS, KEY).metadata.uid)
    assert pod.body == {"spec": TEMPLATE["spec"], "status": {"phase": "Pending"}}
    assert stage.status == {}
    assert stage.reconcile() == DONE
    assert stage.status == {"startTime": format_time(stage.clock.now()), "active": 1}


def test_a_job_with_its_pod_waits() -> None:
    stage = Stage()
    stage.reconcile()
    stage.reconcile()
    version = stage.store.version
    assert stage.reconcile() == DONE
    assert stage.store.version == version
    assert len(stage.pods) == 1


def test_a_job_completes_with_its_pod() -> None:
    stage = Stage()
    stage.reconcile()
    start = format_time(stage.clock.now())
    stage.clock.advance(60)
    assert stage.pod_is("Succeeded") == DONE
    end = format_time(stage.clock.now())
    reached = ("True", "CompletionsReached", "Reached expected number of succeeded pods")
    assert stage.conditions() == [("SuccessCriteriaMet", *reached), ("Complete", *reached)]
    status = stage.status
    assert {one["lastTransitionTime"] for one in status.pop("conditions")} == {end}
    assert status == {"startTime": start, "completionTime": end, "succeeded": 1}


def test_a_finished_job_stays_as_it_is() -> None:
    stage = Stage()
    stage.reconcile()
    stage.pod_is("Succeeded")
    version = stage.store.version
    stage.store.delete(PODS, stage.pods[0].key)
    assert stage.reconcile() == DONE
    assert stage.pods == []
    assert stage.store.version == version + 1


def test_without_retries_the_first_failure_is_the_last() -> None:
    stage = Stage(backoffLimit=0)
    stage.reconcile()
    assert stage.pod_is("Failed", "Container main exited with code 3") == DONE
    why = "Job has reached the specified backoff limit. Container main exited with code 3"
    assert stage.conditions() == [
        ("FailureTarget", "True", "BackoffLimitExceeded", why),
        ("Failed", "True", "BackoffLimitExceeded", why),
    ]
    assert "completionTime" not in stage.status
    assert stage.status["failed"] == 1
    assert "active" not in stage.status


def test_a_failed_pod_is_tried_again_after_growing_pauses() -> None:
    stage = Stage(backoffLimit=20)
    stage.reconcile()
    pauses = []
    for _ in range(8):
        found = stage.pod_is("Failed").retry_after_seconds
        assert found is not None
        pauses.append(found)
        assert stage.active == []
        stage.clock.advance(found + 1)
        stage.reconcile()
        assert len(stage.active) == 1
    assert pauses[:4] == [FIRST_PAUSE * factor for factor in (1, 2, 4, 8)]
    assert max(pauses) == pauses[-1] == LONGEST_PAUSE


def test_a_pod_may_fail_six_times_when_nothing_is_said() -> None:
    stage = Stage()
    stage.reconcile()
    for _ in range(6):
        stage.pod_is("Failed")
        stage.clock.advance(LONGEST_PAUSE)
        stage.reconcile()
        assert stage.conditions() == []
    stage.pod_is("Failed")
    assert stage.conditions()[-1][:3] == ("Failed", "True", "BackoffLimitExceeded")
    assert stage.status["failed"] == 7


def test_a_job_may_succeed_after_failures() -> None:
    stage = Stage(backoffLimit=1)
    stage.reconcile()
    stage.pod_is("Failed")
    stage.clock.advance(LONGEST_PAUSE)
    stage.reconcile()
    stage.pod_is("Succeeded")
    assert stage.conditions()[-1][0] == "Complete"
    assert (stage.status["failed"], stage.status["succeeded"]) == (1, 1)


def test_restarts_inside_a_pod_count_as_failures() -> None:
    stage = Stage(backoffLimit=2)
    stage.reconcile()
    stage.pod_is("Running", restarts=2)
    assert stage.conditions() == []
    stage.pod_is("Running", restarts=3)
    assert stage.conditions()[-1][:3] == ("Failed", "True", "BackoffLimitExceeded")
    assert stage.pods == []


def test_a_deadline_ends_the_job_and_its_pods() -> None:
    stage = Stage(activeDeadlineSeconds=10)
    assert stage.reconcile() == SOON
    assert stage.reconcile() == Result(retry_after_seconds=10)
    stage.pod_is("Running")
    stage.clock.advance(9)
    assert stage.reconcile() == Result(retry_after_seconds=1)
    assert stage.conditions() == []
    stage.clock.advance(1)
    assert stage.reconcile() == DONE
    assert stage.conditions()[-1] == (
        "Failed",
        "True",
        "DeadlineExceeded",
        "Job was active longer than specified deadline",
    )
    assert stage.pods == []


def test_parallel_pods_fill_up_what_is_wanted() -> None:
    stage = Stage(parallelism=2, completions=3)
    stage.reconcile()
    stage.reconcile()
    assert (len(stage.active), stage.status["active"]) == (2, 2)
    stage.pod_is("Succeeded")
    assert len(stage.active) == 2
    stage.pod_is("Succeeded")
    assert len(stage.active) == 1
    stage.pod_is("Succeeded")
    assert stage.conditions()[-1][0] == "Complete"
    assert stage.status["succeeded"] == 3
    assert len(stage.pods) == 3


def test_no_more_pods_than_completions() -> None:
    stage = Stage(parallelism=5, completions=2)
    stage.reconcile()
    assert len(stage.active) == 2


def test_a_failed_job_takes_its_other_pods_along() -> None:
    stage = Stage(parallelism=3, completions=3, backoffLimit=0)
    stage.reconcile()
    stage.pod_is("Failed")
    assert [pod.status["phase"] for pod in stage.pods] == ["Failed"]


def test_a_pod_that_was_deleted_is_made_again() -> None:
    stage = Stage()
    stage.reconcile()
    old = stage.pods[0]
    stage.store.delete(PODS, old.key)
    assert stage.woken[-1] == KEY
    stage.reconcile()
    assert [pod.metadata.uid == old.metadata.uid for pod in stage.pods] == [False]


def test_a_suspended_job_makes_no_pods() -> None:
    stage = Stage(suspend=True)
    assert stage.reconcile() == DONE
    assert stage.pods == []


def test_what_a_pod_says_of_its_metrics_is_passed_on() -> None:
    stage = Stage()
    stage.reconcile()
    stage.pod_is("Succeeded", "no line named loss was found")
    assert stage.conditions()[-1][3].endswith("succeeded pods. no line named loss was found")


def test_a_missing_job_is_nothing_to_do() -> None:
    assert Stage().reconciler.reconcile(Key("default", "missing")) == DONE


@pytest.mark.parametrize(
    ("phase", "restarts", "is_woken"),
    [("Running", 0, False), ("Running", 1, True), ("Failed", 0, True)],
)
def test_it_wakes_for_what_can_change_the_job(phase: str, restarts: int, is_woken: bool) -> None:
    stage = Stage()
    stage.reconcile()
    stage.woken.clear()
    status = {"phase": phase, "containerStatuses": [{"restartCount": restarts, "state": {}}]}
    stage.store.update_status(PODS, with_status(stage.pods[0], status))
    assert stage.woken == ([KEY] if is_woken else [])


def test_it_does_not_wake_for_pods_of_nobody_or_its_own_writes() -> None:
    stage = Stage()
    stage.reconcile()
    stage.woken.clear()
    job = stage.store.get(JOBS, KEY)
    stage.store.update_status(JOBS, with_status(job, {"active": 7}))
    lonely = ObjectMeta(name="lonely", namespace="default")
    stage.store.create(PODS, Unstructured(api_version="v1", kind="Pod", metadata=lonely))
    stage.store.delete(PODS, Key("default", "lonely"))
    assert stage.woken == []
    job = stage.store.get(JOBS, KEY)
    stage.store.update(JOBS, replace(job, body={**job.body, "spec": {**job.spec, "suspend": True}}))
    assert stage.woken == [KEY]


def indexes(pods: list[Unstructured]) -> list[str]:
    return sorted(pod.metadata.label(INDEX) or "" for pod in pods)


def test_pods_of_an_indexed_job_know_which_one_they_are() -> None:
    stage = Stage(completionMode="Indexed", completions=3, parallelism=2)
    stage.reconcile()
    assert indexes(stage.pods) == ["0", "1"]
    for pod in stage.pods:
        index = pod.metadata.label(INDEX)
        assert pod.metadata.name.startswith(f"train-{index}-")
        assert pod.metadata.annotations == {"c": "d", INDEX: index}
        [variable] = pod.spec["containers"][0]["env"]
        assert variable["name"] == "JOB_COMPLETION_INDEX"
        path = variable["valueFrom"]["fieldRef"]["fieldPath"]
        assert path == f"metadata.annotations['{INDEX}']"
    assert "env" not in TEMPLATE["spec"]["containers"][0]


def test_an_indexed_job_is_complete_when_each_index_is() -> None:
    stage = Stage(completionMode="Indexed", completions=2, parallelism=2, backoffLimit=1)
    stage.reconcile()
    failed = stage.active[0].metadata.label(INDEX)
    stage.pod_is("Failed")
    stage.clock.advance(LONGEST_PAUSE)
    stage.reconcile()
    assert indexes(stage.active) == ["0", "1"]
    assert len([pod for pod in stage.pods if pod.metadata.label(INDEX) == failed]) == 2
    stage.pod_is("Succeeded")
    assert "completedIndexes" in stage.status
    assert stage.conditions() == []
    stage.pod_is("Succeeded")
    assert stage.conditions()[-1][0] == "Complete"
    assert (stage.status["succeeded"], stage.status["completedIndexes"]) == (2, "0,1")


def test_the_pods_of_a_trials_job_carry_its_name() -> None:
    stage = Stage()
    job = stage.store.get(JOBS, KEY)
    owner = OwnerReference(
        api_version="kubeflow.org/v1beta1", kind="Trial", name="tune-x1", uid="1", controller=True
    )
    metadata = replace(job.metadata, owner_references=(owner,))
    stage.store.update(JOBS, replace(job, metadata=metadata))
    stage.reconcile()
    [pod] = stage.pods
    assert pod.metadata.label(names.LABEL_TRIAL) == "tune-x1"
