from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from katib.api import conditions, names
from katib.api.codec import format_time, to_raw, with_status
from katib.api.experiment import CollectorSpec, MetricsCollectorSpec
from katib.api.kinds import JOBS, PODS, kind_of
from katib.api.trial import TRIALS, Trial, TrialSpec
from katib.api.values import Condition, Key, Manifest, ObjectMeta, Resource, Strings, Unstructured
from katib.controllers.trial import Runnable, TrialReconciler
from katib.controllers.trial.hurry import TOLD_AFTER
from katib.controllers.trial.reconciler import FORGET_AGAIN
from katib.controllers.trial.runnable import WAITS_EVERY
from katib.errors import (
    ConfigurationError,
    NotFoundError,
    RenderError,
    RequestRefusedError,
    StoreUnavailableError,
)
from katib.observations.memory import MemoryObservationLog
from katib.ports.observation_log import NO_TIME, MetricEntry
from katib.ports.reconciler import DONE, Result
from katib.ports.resource_store import Event
from katib.stores.memory import MemoryStore
from katib.testing.builders import an_experiment
from katib.testing.clocks import FakeClock

KEY = Key("default", "trial-a")
GOES_ON = Result(retry_after_seconds=WAITS_EVERY)


class CountingLog(MemoryObservationLog):
    """Knows how often a trial was forgotten."""

    def __init__(self) -> None:
        super().__init__()
        self.deleted: list[Key] = []

    def delete(self, trial: Key) -> None:
        self.deleted.append(trial)
        super().delete(trial)


class Stage:
    """One trial that was just created."""

    def __init__(
        self, here: Runnable | None = None, log: AwayLog | None = None, **spec: Any
    ) -> None:
        self.clock = FakeClock()
        self.store = MemoryStore(self.clock)
        self.log = log or AwayLog()
        self.told: list[tuple[str, str, bool]] = []
        here = Runnable((JOBS, PODS)) if here is None else here
        self.reconciler = TrialReconciler(self.store, self.log, self, self.clock, here)
        self.woken: list[Key] = []
        self.store.create(TRIALS, a_trial(**spec))
        self.store.subscribe(self._hear)

    @property
    def trial(self) -> Trial:
        return self.store.get(TRIALS, KEY)

    @property
    def job(self) -> Unstructured | None:
        return self.store.find(JOBS, KEY)

    def record(self, resource: Resource, reason: str, message: str, warning: bool = False) -> None:
        assert resource.metadata.name == KEY.name
        self.told.append((reason, message, warning))

    def reconcile(self) -> Result:
        return self.reconciler.reconcile(KEY)

    def report(self, *values: str, name: str = "loss") -> None:
        self.log.report(KEY, [MetricEntry(NO_TIME, name, value) for value in values])

    def job_is(self, *conditions: Manifest, **status: Any) -> Result:
        """The run's status is written, and the trial looked at."""
        job = self.store.get(JOBS, KEY)
        status = {**status, "conditions": list(conditions)} if conditions else status
        self.store.update_status(JOBS, with_status(job, status))
        return self.reconcile()

    def mark(self, type: str) -> Result:
        """Somebody else puts a condition on the trial."""
        trial = self.trial
        fresh = Condition(type=type, status="True", reason="TrialEarlyStopped")
        status = replace(trial.status, conditions=(*trial.status.conditions, fresh))
        self.store.update_status(TRIALS, replace(trial, status=status))
        return self.reconcile()

    def conditions(self) -> list[tuple[str, str, str, str]]:
        found = self.trial.status.conditions
        return [(one.type, one.status, one.reason, one.message) for one in found]

    def reasons(self) -> list[str]:
        return [reason for reason, _, _ in self.told]

    def _hear(self, event: Event) -> None:
        self.woken += self.reconciler.keys(event)


def a_trial(**spec: Any) -> Trial:
    experiment = an_experiment().build()
    template = experiment.spec.trial_template
    assert template is not None
    run = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": KEY.name, "namespace": KEY.namespace, "labels": {"a": "b"}},
        "spec": {"template": {"spec": {"containers": [{"name": "main"}]}}},
    }
    made = TrialSpec(
        objective=experiment.spec.objective,
        run_spec=to_raw(run),
        metrics_collector=MetricsCollectorSpec(collector=CollectorSpec(kind="StdOut")),
        primary_container_name="main",
        success_condition=template.success_condition,
        failure_condition=template.failure_condition,
    )
    metadata = ObjectMeta(
        name=KEY.name,
        namespace=KEY.namespace,
        labels=Strings({names.LABEL_EXPERIMENT: experiment.metadata.name}),
        finalizers=(names.FINALIZER_TRIAL,),
    )
    return Trial(metadata=metadata, spec=replace(made, **spec))


def condition(type: str, reason: str = "", message: str = "", status: str = "True") -> Manifest:
    return {"type": type, "status": status, "reason": reason, "message": message}


CREATED = ("Created", "True", "TrialCreated", "Trial is created")
RUNNING = ("Running", "True", "TrialRunning", "Trial is running")
STOPPED = ("Running", "False", "TrialRunning", "Trial is running")


@pytest.mark.rule("A new trial is `Created`, with a start time and no completion time")
@pytest.mark.rule(
    "A run is created as the trial says, owned by the trial, with the event `JobCreated`"
)
@pytest.mark.rule(
    "A run that meets no condition makes its trial `Running`, with the event `JobRunning`"
)
def test_a_new_trial_starts_its_run() -> None:
    stage = Stage()
    assert stage.reconcile() == GOES_ON
    assert stage.conditions() == [CREATED, RUNNING]
    assert stage.trial.status.start_time == stage.clock.now()
    assert stage.trial.status.completion_time is None
    job = stage.job
    assert job is not None
    assert job.metadata.labels == {"a": "b"}
    owner = job.metadata.controller
    assert owner is not None
    assert (owner.kind, owner.uid) == ("Trial", stage.trial.metadata.uid)
    assert stage.told == [
        ("JobCreated", "Job trial-a has been created", False),
        ("JobRunning", "Job trial-a is running", False),
    ]


@pytest.mark.rule("A running trial whose run meets no condition is not written again")
def test_looking_again_changes_nothing() -> None:
    stage = Stage()
    stage.reconcile()
    version, told = stage.store.version, list(stage.told)
    assert stage.reconcile() == GOES_ON
    assert stage.job_is(active=1) == GOES_ON
    assert (stage.store.version, stage.told) == (version + 1, told)


@pytest.mark.rule("A trial without the finalizer `clean-metrics-in-db` gets it")
def test_a_missing_finalizer_is_added() -> None:
    stage = Stage()
    metadata = replace(stage.trial.metadata, finalizers=("other",))
    stage.store.update(TRIALS, replace(stage.trial, metadata=metadata))
    stage.reconcile()
    assert stage.trial.metadata.finalizers == ("other", names.FINALIZER_TRIAL)


@pytest.mark.rule("A `Complete` run with 0.99 then 0.11: smallest 0.11, largest 0.99, latest 0.11")
@pytest.mark.rule("A succeeded trial has a completion time and the event `JobSucceeded`")
@pytest.mark.rule("The run of a trial that has ended is deleted, with the event `JobDeleted`")
def test_a_run_that_succeeds_ends_its_trial() -> None:
    stage = Stage()
    stage.reconcile()
    stage.report("0.99", "0.11")
    stage.clock.advance(60)
    assert stage.job_is(condition("Complete")) == DONE
    assert stage.conditions() == [
        CREATED,
        STOPPED,
        ("Succeeded", "True", "TrialSucceeded", "Trial has succeeded"),
    ]
    observation = stage.trial.status.observation
    assert observation is not None
    (metric,) = observation.metrics
    assert (metric.min, metric.max, metric.latest) == ("0.11", "0.99", "0.11")
    assert stage.trial.status.completion_time == stage.clock.now()
    assert stage.job is None
    assert stage.told[2:] == [
        ("JobSucceeded", "Job trial-a has succeeded", False),
        ("JobDeleted", "Job trial-a has been deleted", False),
    ]


@pytest.mark.rule("A run that gets `Failed` after `FailureTarget` fails its trial")
@pytest.mark.rule(
    "A failed trial has a completion time and the event `JobFailed` with message and reason"
)
def test_a_run_that_fails_ends_its_trial_and_says_why() -> None:
    stage = Stage()
    stage.reconcile()
    why = condition("Failed", "BackoffLimitExceeded", "it exited 1 times")
    assert stage.job_is(condition("FailureTarget"), why) == DONE
    assert stage.conditions()[1:] == [
        STOPPED,
        (
            "Failed",
            "True",
            "TrialFailed. Job reason: BackoffLimitExceeded",
            "Trial has failed. Job message: it exited 1 times",
        ),
    ]
    assert stage.trial.status.completion_time is not None
    assert stage.told[2] == (
        "JobFailed",
        "Job trial-a has failed. it exited 1 times BackoffLimitExceeded",
        False,
    )
    assert stage.job is None


@pytest.mark.rule("Reason and message of the run follow behind those of the trial")
def test_a_success_carries_the_runs_reason_too() -> None:
    stage = Stage()
    stage.reconcile()
    stage.report("1")
    stage.job_is(condition("Complete", "CompletionsReached", "Reached expected number"))
    assert stage.conditions()[-1] == (
        "Succeeded",
        "True",
        "TrialSucceeded. Job reason: CompletionsReached",
        "Trial has succeeded. Job message: Reached expected number",
    )


def a_failed_pod(message: str = "", **ended: object) -> Unstructured:
    """A pod of the trial's run whose program failed."""
    state = {"terminated": {"exitCode": 137, "reason": "OOMKilled", **ended}}
    status = {"phase": "Failed", "containerStatuses": [{"name": "main", "state": state}]}
    return Unstructured(
        api_version=PODS.api_version,
        kind=PODS.name,
        metadata=ObjectMeta(
            name="pod", namespace=KEY.namespace, labels=Strings({names.LABEL_TRIAL: KEY.name})
        ),
        body={"status": {**status, "message": message}},
    )


BACKOFF = condition("Failed", "BackoffLimitExceeded", "it exited 1 times")


@pytest.mark.rule(
    "What the pod that failed last says of its end stands behind what its run says of the failure"
)
def test_a_failed_trial_says_what_became_of_its_pod() -> None:
    stage = Stage()
    stage.reconcile()
    stage.store.create(PODS, a_failed_pod(message="", finishedAt="2026-01-01T00:00:00Z"))
    stage.job_is(BACKOFF)
    *_, reason, message = stage.conditions()[-1]
    assert reason == "TrialFailed. Job reason: BackoffLimitExceeded"
    assert message == (
        "Trial has failed. Job message: it exited 1 times. Pod pod: container main ended with exit "
        "code 137 (OOMKilled)"
    )


def test_what_a_run_says_of_its_pod_is_not_said_twice() -> None:
    stage = Stage()
    stage.reconcile()
    stage.store.create(PODS, a_failed_pod(message="it exited 1 times"))
    stage.job_is(BACKOFF)
    assert stage.conditions()[-1][-1] == "Trial has failed. Job message: it exited 1 times"


def test_a_run_is_judged_by_who_may_not_ask_for_its_pods(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage()
    stage.reconcile()

    def refuse(*_: object) -> Sequence[Resource]:
        raise RequestRefusedError("GET /api/v1/pods", 403, "pods is forbidden")

    monkeypatch.setattr(stage.store, "list", refuse)
    stage.job_is(BACKOFF)
    assert stage.conditions()[-1][-1] == "Trial has failed. Job message: it exited 1 times"


@pytest.mark.rule("A run that meets both conditions has failed")
def test_failure_wins_over_success() -> None:
    stage = Stage()
    stage.reconcile()
    stage.report("1")
    stage.job_is(condition("Complete"), condition("Failed"))
    assert stage.conditions()[-1][:3] == ("Failed", "True", "TrialFailed")


@pytest.mark.rule("A run whose conditions are all `False` leaves its trial running")
def test_conditions_that_are_false_are_not_met() -> None:
    stage = Stage()
    stage.reconcile()
    stage.job_is(condition("Complete", status="False"), condition("Failed", status="False"))
    assert stage.conditions() == [CREATED, RUNNING]


@pytest.mark.rule("A condition on `succeeded` gives neither reason nor message")
def test_a_condition_on_a_field_has_no_reason() -> None:
    stage = Stage(success_condition="status.[@this].#(succeeded==1)")
    stage.reconcile()
    stage.report("1")
    stage.job_is(succeeded=1)
    assert stage.conditions()[-1][2] == "TrialSucceeded"


@pytest.mark.rule("A condition may look at the whole run and not only its status")
def test_a_condition_may_look_at_more_than_the_status() -> None:
    stage = Stage(success_condition="metadata.labels.[@this].#(a==b)")
    stage.report("1")
    stage.reconcile()
    assert stage.conditions()[-1][0] == "Succeeded"


@pytest.mark.rule("A condition that cannot be read is told by an event while the run goes on")
def test_a_condition_that_cannot_be_read_is_told_and_changes_nothing() -> None:
    stage = Stage(failure_condition="status.conditions.#.type")
    stage.reconcile()
    stage.job_is(condition("FailureTarget"))
    assert stage.conditions() == [CREATED, RUNNING]
    assert stage.told[-1][0] == "ConditionError"
    assert stage.told[-1][2] is True


UNMET: dict[str, dict[str, Any]] = {
    "A run that has ended and meets no condition fails its trial with `ConditionsNotMet`": {
        "success_condition": "status.phase",
        "failure_condition": "status.phase",
    },
    "A run that has ended with a condition that cannot be read fails its trial": {
        "failure_condition": "status.conditions.#.type"
    },
    "A run that has ended with conditions that are no paths fails its trial": {
        "success_condition": "#((",
        "failure_condition": "#((",
    },
}


@pytest.mark.parametrize("case", UNMET)
def test_a_run_that_has_ended_and_meets_no_condition_fails_the_trial(case: str) -> None:
    stage = Stage(**UNMET[case])
    stage.reconcile()
    stage.report("0.5")
    assert stage.job_is(condition("Complete")) == DONE
    type, status, reason, message = stage.conditions()[-1]
    assert (type, status) == ("Failed", "True")
    assert reason == "TrialFailed. Job reason: ConditionsNotMet"
    assert "Trial has failed. Job message: The Job has ended (Complete), but neither" in message
    assert UNMET[case].get("success_condition", "") in message


@pytest.mark.rule("A trial whose pod no node takes says so until one does")
def test_a_trial_whose_pod_no_node_takes_says_so_until_one_does() -> None:
    stage = Stage()
    stage.reconcile()
    pod = a_pod({"type": "PodScheduled", "status": "False", "message": "0/3 nodes: no GPU"})
    stage.store.create(PODS, pod)
    assert stage.reconcile() == GOES_ON
    assert stage.conditions() == [CREATED, RUNNING]
    stage.clock.advance(WAITS_EVERY)
    assert stage.reconcile() == GOES_ON
    stuck = ("Progressing", "False", "PodUnschedulable", "Pod trial-a-1: 0/3 nodes: no GPU")
    assert stage.conditions() == [stuck, CREATED, RUNNING]
    found = stage.store.get(PODS, pod.key)
    scheduled = {"conditions": [{"type": "PodScheduled", "status": "True"}]}
    stage.store.update_status(PODS, with_status(found, scheduled))
    stage.reconcile()
    assert stage.conditions() == [CREATED, RUNNING]


def a_pod(*found: Manifest, **status: Any) -> Unstructured:
    metadata = ObjectMeta(
        name="trial-a-1", namespace="default", labels=Strings({names.LABEL_TRIAL: KEY.name})
    )
    body = {"spec": {}, "status": {"conditions": list(found), **status}}
    return Unstructured(api_version="v1", kind="Pod", metadata=metadata, body=body)


class AwayLog(CountingLog):
    """Cannot be reached while ``is_away``."""

    is_away = False

    def read(self, trial: Key, metric: str | None = None) -> Sequence[MetricEntry]:
        self._check()
        return super().read(trial, metric)

    def report(self, trial: Key, entries: Sequence[MetricEntry]) -> None:
        self._check()
        super().report(trial, entries)

    def delete(self, trial: Key) -> None:
        self._check()
        super().delete(trial)

    def _check(self) -> None:
        if self.is_away:
            raise StoreUnavailableError("db:6789", "connection refused")


@pytest.mark.rule("A trial waits for an observation log that is away and says so")
def test_a_trial_waits_for_an_observation_log_that_is_away_and_says_so() -> None:
    stage = Stage(log=AwayLog())
    stage.reconcile()
    stage.report("0.5")
    stage.log.is_away = True
    assert stage.job_is(condition("Complete")) == Result(retry_after_seconds=1)
    said = stage.conditions()[0]
    assert said[:3] == ("Progressing", "False", "ObservationLogUnavailable")
    assert "connection refused" in said[3]
    stage.clock.advance(1_000)
    assert stage.reconcile() == Result(retry_after_seconds=1)
    stage.log.is_away = False
    assert stage.reconcile() == DONE
    assert [one[0] for one in stage.conditions()] == ["Created", "Running", "Succeeded"]


class WaitingLog(AwayLog):
    """Lets reports wait while it is away."""

    def delay(self, trial: Key) -> str:
        return "3 entries wait in outbox/trial-a: db:6789" if self.is_away else ""


def test_a_run_goes_on_while_its_reports_wait_and_says_so() -> None:
    stage = Stage(log=WaitingLog())
    stage.log.is_away = True
    assert stage.reconcile() == GOES_ON
    said = stage.conditions()[0]
    assert said[:3] == ("Progressing", "False", "ObservationLogUnavailable")
    assert said[3].endswith("3 entries wait in outbox/trial-a: db:6789")
    for _ in range(3):
        stage.clock.advance(100)
        assert stage.reconcile() == GOES_ON
    told = [message for reason, message, _ in stage.told if reason == "ObservationLogUnavailable"]
    assert len(told) == 1
    assert told[0].startswith("The run goes on. The observation log cannot be reached: 3 entries")
    # How it ends is judged only when all is there.
    assert stage.job_is(condition("Complete")) == Result(retry_after_seconds=1)
    assert stage.conditions()[0][2] == "ObservationLogUnavailable"
    stage.log.is_away = False
    stage.report("0.5")
    assert stage.reconcile() == DONE
    assert [one[0] for one in stage.conditions()] == ["Created", "Running", "Succeeded"]


def test_a_run_whose_reports_are_stored_waits_for_nothing_any_more() -> None:
    stage = Stage(log=WaitingLog())
    stage.log.is_away = True
    stage.reconcile()
    stage.log.is_away = False
    assert stage.reconcile() == GOES_ON
    assert [one[0] for one in stage.conditions()] == ["Created", "Running"]


@pytest.mark.rule(
    "A deleted trial goes while the observation log is away; its entries are deleted later"
)
def test_a_trial_can_be_deleted_while_the_observation_log_is_away() -> None:
    stage = Stage(log=AwayLog())
    stage.reconcile()
    stage.report("0.5")
    stage.log.is_away = True
    stage.store.delete(TRIALS, KEY)
    assert stage.reconcile() == Result(retry_after_seconds=FORGET_AGAIN)
    assert stage.store.find(TRIALS, KEY) is None
    reason, message, is_warning = stage.told[-1]
    assert (reason, is_warning) == ("ObservationLogUnavailable", True)
    assert message.startswith("The trial's entries are deleted later; the observation log is away")
    assert "cannot use db:6789: connection refused" in message
    assert stage.reconcile() == Result(retry_after_seconds=FORGET_AGAIN)
    stage.log.is_away = False
    assert stage.reconcile() == DONE
    assert stage.log.read(KEY) == []


def a_pod_with(main: Manifest, collector: Manifest) -> Unstructured:
    logger = names.COLLECTOR_CONTAINERS[0]
    return a_pod(
        containerStatuses=[
            {"name": "main", "state": main},
            {"name": logger, "state": collector},
        ]
    )


@pytest.mark.rule(
    "A trial whose program has ended and whose collector cannot report its metrics says so"
)
def test_a_trial_whose_collector_cannot_report_says_so() -> None:
    stage = Stage()
    stage.reconcile()
    ended = {"terminated": {"exitCode": 3, "finishedAt": format_time(stage.clock.now())}}
    pod = a_pod_with(ended, {"running": {}})
    stage.store.create(PODS, pod)
    stage.clock.advance(WAITS_EVERY)
    stage.reconcile()
    assert stage.conditions() == [CREATED, RUNNING], "a collector may take its time"
    stage.clock.advance(1)
    stage.reconcile()
    said = stage.conditions()[0]
    assert said[:3] == ("Progressing", "False", "MetricsNotReported")
    assert said[3].startswith(
        "Pod trial-a-1: its program has ended, and container metrics-logger-and-collector still "
    )
    found = stage.store.get(PODS, pod.key)
    done = a_pod_with(ended, {"terminated": {"exitCode": 0}})
    stage.store.update_status(PODS, with_status(found, done.status))
    stage.reconcile()
    assert stage.conditions() == [CREATED, RUNNING]


@pytest.mark.parametrize(
    "pod",
    [
        a_pod_with({"running": {}}, {"running": {}}),
        a_pod(containerStatuses=[{"name": "metrics-collector", "state": {"running": {}}}]),
        a_pod(),
    ],
    ids=["its program runs", "nothing is known of its program", "nothing is known"],
)
def test_a_collector_whose_program_has_not_ended_waits_for_nothing(pod: Unstructured) -> None:
    stage = Stage()
    stage.reconcile()
    stage.store.create(PODS, pod)
    stage.clock.advance(2 * WAITS_EVERY)
    stage.reconcile()
    assert stage.conditions() == [CREATED, RUNNING]


@pytest.mark.rule("A new trial of an old name waits until the old entries are deleted")
def test_a_new_trial_of_the_name_waits_until_the_old_entries_are_deleted() -> None:
    stage = Stage(log=AwayLog())
    stage.reconcile()
    stage.report("0.5")
    stage.log.is_away = True
    stage.store.delete(TRIALS, KEY)
    stage.reconcile()
    stage.store.create(TRIALS, a_trial())
    assert stage.reconcile() == Result(retry_after_seconds=FORGET_AGAIN)
    *shown, message = stage.conditions()[0]
    assert shown == ["Progressing", "False", "ObservationLogUnavailable"]
    assert "of an earlier trial of this name are to be deleted" in message
    assert "cannot use db:6789: connection refused" in message
    assert stage.job is None
    stage.log.is_away = False
    assert stage.reconcile() == GOES_ON
    assert stage.conditions() == [CREATED, RUNNING]
    assert (stage.job is None, stage.log.read(KEY)) == (False, [])


@pytest.mark.rule("A run with `retainRun` stays when its trial has ended")
def test_a_retained_run_stays() -> None:
    stage = Stage(retain_run=True)
    stage.reconcile()
    stage.report("1")
    stage.job_is(condition("Complete"))
    stage.reconcile()
    assert stage.trial.has(names.SUCCEEDED)
    assert stage.job is not None
    assert "JobDeleted" not in stage.reasons()


@pytest.mark.rule("A succeeded run without entries is looked at every second, for a minute at most")
def test_metrics_are_waited_for_a_minute() -> None:
    stage = Stage()
    stage.reconcile()
    assert stage.job_is(condition("Complete")) == Result(retry_after_seconds=1)
    waiting = "The run has succeeded; its metrics are waited for, 60 s at most"
    progress = ("Progressing", "True", "WaitingForMetrics", waiting)
    assert stage.conditions() == [progress, CREATED, RUNNING]
    for _ in range(59):
        stage.clock.advance(1)
        assert stage.reconcile() == Result(retry_after_seconds=1)
    stage.clock.advance(1)
    assert stage.reconcile() == DONE
    assert stage.conditions()[-1][:3] == ("MetricsUnavailable", "True", "MetricsUnavailable")
    assert stage.told[-2] == (
        "MetricsUnavailable",
        "Metrics are not available for Job trial-a",
        True,
    )
    assert stage.trial.status.completion_time == stage.clock.now()


def a_pod_of_the_run(**labels: str) -> Unstructured:
    both = Strings({names.LABEL_TRIAL: KEY.name, **labels})
    metadata = ObjectMeta(name=f"{KEY.name}-abcde", namespace=KEY.namespace, labels=both)
    return Unstructured(api_version="v1", kind="Pod", metadata=metadata, body={"spec": {}})


@pytest.mark.rule(
    "While that minute lasts, a trial says so when no pod of its run has the primary labels"
)
@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({"role": "worker"}, ("False", "NoPrimaryPod")),
        ({"role": "master"}, ("True", "WaitingForMetrics")),
    ],
)
def test_a_run_without_a_primary_pod_says_so(
    labels: dict[str, str], expected: tuple[str, str]
) -> None:
    stage = Stage(primary_pod_labels=Strings({"role": "master"}))
    stage.reconcile()
    stage.store.create(PODS, a_pod_of_the_run(**labels))
    assert stage.job_is(condition("Complete")) == Result(retry_after_seconds=1)
    (type, status, reason, message) = stage.conditions()[0]
    assert (type, status, reason) == ("Progressing", *expected)
    assert ("the labels role=master of spec.trialTemplate.primaryPodLabels" in message) == (
        reason == "NoPrimaryPod"
    )
    assert message.endswith("waited for, 60 s at most")
    stage.clock.advance(60)
    assert stage.reconcile() == DONE
    assert stage.trial.has(names.METRICS_UNAVAILABLE)


@pytest.mark.rule("A suspended run is told of at once, and no longer when it is resumed")
def test_a_suspended_run_is_told_of_at_once() -> None:
    run = {"apiVersion": "batch/v1", "kind": "Job", "spec": {"suspend": True}}
    metadata = {"name": KEY.name, "namespace": KEY.namespace}
    stage = Stage(run_spec=to_raw({**run, "metadata": metadata}))
    stage.reconcile()
    stage.reconcile()
    message = "Job trial-a is suspended; it starts when that is taken back"
    assert stage.conditions() == [
        ("Progressing", "False", "RunSuspended", message),
        CREATED,
        RUNNING,
    ]
    job = stage.store.get(JOBS, KEY)
    stage.store.update(JOBS, replace(job, body={**job.body, "spec": {"suspend": False}}))
    assert KEY in stage.woken
    stage.reconcile()
    assert stage.conditions() == [CREATED, RUNNING]


@pytest.mark.rule("Metrics that come within the minute count")
def test_metrics_that_come_late_count() -> None:
    stage = Stage()
    stage.reconcile()
    stage.job_is(condition("Complete"))
    stage.clock.advance(30)
    stage.report("0.5")
    assert stage.reconcile() == DONE
    assert stage.trial.has(names.SUCCEEDED)


@pytest.mark.rule("Entries that are all `unavailable` make a trial `MetricsUnavailable` at once")
def test_only_unavailable_means_without_metrics_at_once() -> None:
    stage = Stage()
    stage.reconcile()
    stage.report("unavailable")
    assert stage.job_is(condition("Complete")) == DONE
    assert stage.trial.has(names.METRICS_UNAVAILABLE)
    observation = stage.trial.status.observation
    assert observation is not None
    (metric,) = observation.metrics
    assert {metric.min, metric.max, metric.latest} == {"unavailable"}


@pytest.mark.rule("A number followed by `unavailable` is without metrics")
def test_a_number_followed_by_unavailable_is_without_metrics() -> None:
    stage = Stage()
    stage.reconcile()
    stage.report("1", "unavailable")
    stage.job_is(condition("Complete"))
    assert stage.trial.has(names.METRICS_UNAVAILABLE)


@pytest.mark.rule("Additional metrics alone leave a trial without metrics")
def test_other_metrics_alone_are_not_the_objective() -> None:
    stage = Stage()
    stage.reconcile()
    stage.report("1", name="accuracy")
    stage.job_is(condition("Complete"))
    assert stage.trial.has(names.METRICS_UNAVAILABLE)


@pytest.mark.rule("A text is an observation of the objective, an empty one too")
@pytest.mark.parametrize("text", ["Genotype(a)", ""])
def test_a_text_is_a_value(text: str) -> None:
    stage = Stage()
    stage.reconcile()
    stage.report(text)
    stage.job_is(condition("Complete"))
    assert stage.trial.has(names.SUCCEEDED)


@pytest.mark.rule("More pushed metrics than an observation holds are told of")
def test_many_pushed_metrics() -> None:
    wanted = an_experiment().with_objective(additional=["*"]).build()
    push = MetricsCollectorSpec(collector=CollectorSpec(kind="Push"))
    stage = Stage(objective=wanted.spec.objective, metrics_collector=push)
    stage.reconcile()
    for number in range(101):
        stage.report("1", name=f"m{number}")
    stage.report("1")
    stage.job_is(condition("Complete"))
    assert stage.trial.has(names.SUCCEEDED)
    (told,) = [message for reason, message, _ in stage.told if reason == "TooManyMetrics"]
    assert told.startswith("101 metrics match the wildcards *; the observation holds the 100")


def judged(policy: str, *values: str, type: str = names.MINIMIZE) -> Stage:
    """A trial whose program ended well, in an experiment with that policy."""
    wanted = an_experiment().with_objective(type=type).with_non_finite(policy).build()
    stage = Stage(objective=wanted.spec.objective)
    stage.reconcile()
    stage.report(*values)
    stage.job_is(condition("Complete"))
    return stage


@pytest.mark.rule("Without a policy, and with `penalise`, a trial of `nan` succeeds, and says so")
@pytest.mark.parametrize(
    ("policy", "told"),
    [
        ("", "such a trial is never the optimum"),
        ("penalise", "by spec.objective.nonFinite=penalise it counts as worse than every other"),
    ],
)
@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e400"])
def test_a_trial_that_is_not_finite_succeeds(policy: str, told: str, value: str) -> None:
    stage = judged(policy, value)
    assert stage.trial.has(names.SUCCEEDED)
    message = f'metric "loss" is {value} by its strategy min: {told}'
    assert ("NonFiniteObjective", message, True) in stage.told


@pytest.mark.rule(
    "With `fail`, a trial whose value by its strategy is not finite fails and says it"
)
def test_a_trial_that_is_not_finite_fails() -> None:
    stage = judged("fail", "0.5", "inf", type="maximize")
    last = stage.trial.status.conditions[-1]
    assert (last.type, last.status) == ("Failed", "True")
    assert last.reason == "TrialFailed. Job reason: NonFiniteObjective"
    assert last.message.endswith(
        'Job message: metric "loss" is inf by its strategy max: spec.objective.nonFinite is fail'
    )
    assert "JobSucceeded" not in stage.reasons()
    assert stage.trial.status.observation is not None
    assert stage.job is None


@pytest.mark.rule("With `fail`, a trial whose value by its strategy is finite succeeds")
def test_a_trial_that_is_finite_in_the_end_succeeds() -> None:
    stage = judged("fail", "nan", "0.5", "inf")
    assert stage.trial.has(names.SUCCEEDED)
    assert "NonFiniteObjective" not in stage.reasons()


@pytest.mark.rule("With `ignore`, a trial that was never finite is without metrics, and says why")
def test_a_trial_that_was_never_finite_is_without_metrics() -> None:
    stage = judged("ignore", "nan", "inf", "nan")
    last = stage.trial.status.conditions[-1]
    assert (last.type, last.reason) == (
        "MetricsUnavailable",
        "MetricsUnavailable. Job reason: NonFiniteObjective",
    )
    assert last.message.endswith(
        'metric "loss" was never finite: 1x inf, 2x nan, which spec.objective.nonFinite=ignore '
        "leaves out"
    )
    assert judged("ignore", "nan", "3").trial.has(names.SUCCEEDED)
    missing = judged("ignore", "unavailable").trial.status.conditions[-1]
    assert (missing.type, missing.reason) == ("MetricsUnavailable", "MetricsUnavailable")


@pytest.mark.rule(
    "A program that pushed nothing is without metrics at once, and its log says `unavailable`"
)
@pytest.mark.rule("The observation of a trial that pushed nothing stays empty")
def test_what_was_not_pushed_is_written_as_unavailable_at_once() -> None:
    stage = Stage(metrics_collector=MetricsCollectorSpec(collector=CollectorSpec(kind="Push")))
    stage.reconcile()
    assert stage.job_is(condition("Complete")) == DONE
    assert stage.trial.has(names.METRICS_UNAVAILABLE)
    assert list(stage.log.read(KEY)) == [MetricEntry(NO_TIME, "loss", "unavailable")]
    assert stage.trial.status.observation is None
    stage.reconcile()
    assert len(stage.log.read(KEY)) == 1


@pytest.mark.rule("An early-stopped trial is observed before its run is deleted")
@pytest.mark.rule("An early-stopped trial gets a completion time, and `Running` stays `True`")
def test_a_trial_stopped_early_is_observed_before_its_run_goes() -> None:
    stage = Stage()
    stage.reconcile()
    stage.report("0.7")
    stage.clock.advance(5)
    stage.mark(names.EARLY_STOPPED)
    assert stage.trial.is_observed
    assert stage.trial.status.completion_time == stage.clock.now()
    assert stage.job is None
    assert stage.conditions()[:2] == [CREATED, RUNNING]
    assert stage.conditions()[2][0] == "EarlyStopped"


@pytest.mark.rule("A run that ends after an early stop changes no condition, and is observed")
def test_a_run_that_ends_after_an_early_stop_changes_no_condition() -> None:
    stage = Stage(retain_run=True)
    stage.reconcile()
    stage.mark(names.EARLY_STOPPED)
    before = stage.conditions()
    stage.report("0.7")
    stage.job_is(condition("Failed"))
    assert stage.conditions() == before
    assert stage.trial.is_observed


@pytest.mark.rule("A kind that cannot be run here fails its trial and says which can")
def test_a_kind_that_is_not_run_here_fails_and_names_what_is() -> None:
    run = {"apiVersion": "kubeflow.org/v1", "kind": "PyTorchJob", "metadata": {}}
    stage = Stage(run_spec=to_raw(run))
    assert stage.reconcile() == DONE
    assert stage.conditions()[-1] == (
        "Failed",
        "True",
        "TrialFailed. Job reason: KindNotRunnable",
        "Trial has failed. Job message: this machine runs Job and Pod; the kind "
        "PyTorchJob (kubeflow.org/v1) needs a cluster that knows it",
    )
    assert list(stage.store.list(kind_of("kubeflow.org/v1", "PyTorchJob"))) == []


@pytest.mark.rule("In a cluster a run of any kind is created")
def test_a_cluster_runs_any_kind() -> None:
    metadata = {"name": KEY.name, "namespace": KEY.namespace}
    run = {"apiVersion": "kubeflow.org/v1", "kind": "PyTorchJob", "metadata": metadata}
    stage = Stage(Runnable(), run_spec=to_raw(run))
    stage.reconcile()
    assert len(stage.store.list(kind_of("kubeflow.org/v1", "PyTorchJob"))) == 1


@pytest.mark.rule("A deleted trial's entries are deleted exactly once")
@pytest.mark.rule("A deleted trial takes its run with it")
def test_a_deleted_trial_forgets_its_metrics_once_and_takes_its_run_along() -> None:
    stage = Stage()
    stage.reconcile()
    stage.report("1")
    stage.store.delete(TRIALS, KEY)
    assert stage.store.find(TRIALS, KEY) is not None
    assert stage.reconcile() == DONE
    assert stage.store.find(TRIALS, KEY) is None
    assert stage.job is None
    assert stage.log.deleted == [KEY]
    assert stage.reconcile() == DONE
    assert stage.log.deleted == [KEY]


@pytest.mark.rule("A deleted trial gives up its own finalizer and waits for those of others")
def test_a_deleted_trial_waits_for_the_finalizers_of_others() -> None:
    stage = Stage()
    stage.reconcile()
    held = replace(stage.trial.metadata, finalizers=("other", names.FINALIZER_TRIAL))
    stage.store.update(TRIALS, replace(stage.trial, metadata=held))
    stage.store.delete(TRIALS, KEY)
    stage.reconcile()
    assert stage.trial.metadata.finalizers == ("other",)
    stage.reconcile()
    assert stage.log.deleted == [KEY]


@pytest.mark.rule("A run that is deleted by hand is created again while its trial has not ended")
def test_a_run_that_was_deleted_by_hand_is_created_again() -> None:
    stage = Stage()
    stage.reconcile()
    old = stage.job
    stage.woken.clear()
    stage.store.delete(JOBS, KEY)
    assert stage.woken == [KEY]
    stage.reconcile()
    new = stage.job
    assert old is not None
    assert new is not None
    assert old.metadata.uid != new.metadata.uid
    assert stage.reasons().count("JobCreated") == 2


@pytest.mark.rule("The run of a trial that has ended is not created again")
def test_an_ended_trials_run_is_not_created_again() -> None:
    stage = Stage(retain_run=True)
    stage.reconcile()
    stage.job_is(condition("Failed"))
    stage.store.delete(JOBS, KEY)
    stage.reconcile()
    assert stage.job is None


@pytest.mark.rule("A run that is there already is taken as it is")
def test_a_run_that_is_there_already_is_taken() -> None:
    """An engine that died between creating the run and saying so."""
    stage = Stage()
    body = {"spec": {"mine": True}}
    metadata = ObjectMeta(name=KEY.name, namespace=KEY.namespace)
    stage.store.create(
        JOBS, Unstructured(api_version="batch/v1", kind="Job", metadata=metadata, body=body)
    )
    stage.reconcile()
    job = stage.job
    assert job is not None
    assert job.spec == {"mine": True}
    assert stage.reasons() == ["JobRunning"]


@pytest.mark.rule("A trial that does not exist is nothing to do")
def test_a_missing_trial_is_nothing_to_do() -> None:
    assert Stage().reconciler.reconcile(Key("default", "missing")) == DONE


@pytest.mark.rule("A trial whose experiment is not wanted now does not start")
def test_a_trial_that_is_not_wanted_now_does_not_start() -> None:
    asked: list[Key] = []

    def refuse(experiment: Key) -> bool:
        asked.append(experiment)
        return False

    stage = Stage(Runnable((JOBS,), refuse))
    assert stage.reconcile() == DONE
    assert stage.job is None
    assert asked == [Key("default", "an-experiment")]


@pytest.mark.rule("The trial controller wakes for its trials and for the status of their runs")
def test_it_wakes_for_its_trial_and_its_runs_status() -> None:
    stage = Stage()
    stage.reconcile()
    stage.woken.clear()
    stage.job_is(active=1)
    assert stage.woken == [KEY]
    stage.woken.clear()
    stranger = ObjectMeta(name="stranger", namespace="default")
    stage.store.create(JOBS, Unstructured(api_version="batch/v1", kind="Job", metadata=stranger))
    stage.store.delete(JOBS, Key("default", "stranger"))
    assert stage.woken == []
    stage.store.delete(TRIALS, KEY)
    assert stage.woken == [KEY]


@pytest.mark.rule("The trial controller wakes when a rule stops a trial early")
def test_it_wakes_when_somebody_else_stops_the_trial() -> None:
    stage = Stage()
    stage.reconcile()
    stage.woken.clear()
    stage.mark(names.EARLY_STOPPED)
    assert KEY in stage.woken


@pytest.mark.rule("A trial without a run fails")
def test_a_trial_without_a_manifest_cannot_run() -> None:
    stage = Stage(run_spec=UNSET)
    stage.reconcile()
    assert stage.conditions()[-1][2] == "TrialFailed. Job reason: KindNotRunnable"


PUSH = MetricsCollectorSpec(collector=CollectorSpec(kind="Push"))


class RefusingLog(AwayLog):
    """Refuses to be written while ``is_full``."""

    is_full = False

    def report(self, trial: Key, entries: Sequence[MetricEntry]) -> None:
        if self.is_full:
            raise StoreUnavailableError("db:6789", "disk full")
        super().report(trial, entries)


@pytest.mark.rule("A report of `unavailable` that fails is tried again after a second")
def test_a_report_of_unavailable_that_fails() -> None:
    log = RefusingLog()
    stage = Stage(log=log, metrics_collector=PUSH)
    stage.reconcile()
    log.is_full = True
    assert stage.job_is(condition("Complete")) == Result(retry_after_seconds=1)
    assert [one[0] for one in stage.conditions()] == ["Progressing", "Created", "Running"]
    assert stage.conditions()[0][1:3] == ("False", "ObservationLogUnavailable")
    log.is_full = False
    stage.clock.advance(1)
    assert stage.reconcile() == DONE
    assert [one[0] for one in stage.conditions()] == ["Created", "Running", "MetricsUnavailable"]
    assert list(log.read(KEY)) == [MetricEntry(NO_TIME, "loss", "unavailable")]


@pytest.mark.rule("What a program pushed is its observation")
def test_what_was_pushed_is_observed() -> None:
    stage = Stage(metrics_collector=PUSH)
    stage.reconcile()
    stage.report("0.5")
    assert stage.job_is(condition("Complete")) == DONE
    assert stage.trial.has(names.SUCCEEDED)


@pytest.mark.rule("A program that pushes after its run has ended is too late")
def test_a_late_push_is_not_observed() -> None:
    stage = Stage(retain_run=True, metrics_collector=PUSH)
    stage.reconcile()
    stage.job_is(condition("Complete"))
    stage.report("0.5")
    stage.reconcile()
    assert stage.trial.has(names.METRICS_UNAVAILABLE)
    assert stage.trial.status.observation is None


@pytest.mark.rule("A trial that vanishes during a pass is an error, so that it is tried again")
def test_a_trial_that_vanishes_during_a_pass() -> None:
    def vanish(experiment: Key) -> bool:
        trial = stage.trial
        bare = replace(trial.metadata, finalizers=())
        stage.store.update(TRIALS, replace(trial, metadata=bare))
        stage.store.delete(TRIALS, KEY)
        return True

    stage = Stage(Runnable((JOBS,), vanish))
    with pytest.raises(NotFoundError):
        stage.reconcile()
    assert stage.reconcile() == DONE


@pytest.mark.rule("A trial that somebody kills has ended, and its run is deleted")
def test_a_killed_trial() -> None:
    stage = Stage()
    stage.reconcile()
    assert stage.mark(names.KILLED) == DONE
    assert stage.job is None
    assert stage.conditions()[-1][0] == "Killed"


@pytest.mark.rule("A trial that is stopped while it waits for something waits no more")
@pytest.mark.parametrize("type", [names.EARLY_STOPPED, names.KILLED])
def test_a_stopped_trial_waits_for_nothing(type: str) -> None:
    stage = Stage()
    stage.reconcile()
    stage.job_is(condition("Complete"))
    assert stage.conditions()[0][0] == "Progressing"
    stage.mark(type)
    assert [one[0] for one in stage.conditions()] == ["Created", "Running", type]


@pytest.mark.rule("An early-stopped trial waits for an observation log that is away, and no longer")
def test_an_early_stopped_trial_while_the_log_is_away() -> None:
    stage = Stage()
    stage.reconcile()
    stage.report("0.7")
    stage.log.is_away = True
    assert stage.mark(names.EARLY_STOPPED) == Result(retry_after_seconds=1)
    assert stage.conditions()[0][2] == "ObservationLogUnavailable"
    assert len(stage.store.list(JOBS)) == 1
    stage.log.is_away = False
    assert stage.reconcile() == DONE
    assert stage.trial.is_observed
    assert stage.job is None
    assert [one[0] for one in stage.conditions()] == ["Created", "Running", "EarlyStopped"]


@pytest.mark.rule("An early-stopped trial without metrics stays early stopped and no more")
def test_an_early_stopped_trial_without_metrics() -> None:
    stage = Stage(retain_run=True)
    stage.reconcile()
    stage.mark(names.EARLY_STOPPED)
    before = stage.conditions()
    assert stage.job_is(condition("Complete")) == DONE
    assert stage.conditions() == before
    assert stage.trial.status.observation is None


@pytest.mark.rule("The deletion of a run is asked for once, also while it takes its time")
def test_a_run_is_deleted_once() -> None:
    stage = Stage()
    stage.reconcile()
    job = stage.store.get(JOBS, KEY)
    held = replace(job.metadata, finalizers=("foregroundDeletion",))
    stage.store.update(JOBS, replace(job, metadata=held))
    stage.job_is(condition("Failed"))
    for _ in range(3):
        stage.reconcile()
    assert stage.job is not None
    assert stage.reasons().count("JobDeleted") == 1


@pytest.mark.rule("The end of a run of a kind that is not watched is found within thirty seconds")
def test_a_run_of_a_kind_that_is_not_watched() -> None:
    kind = kind_of("kubeflow.org/v1", "PyTorchJob")
    metadata = {"name": KEY.name, "namespace": KEY.namespace}
    run = {"apiVersion": kind.api_version, "kind": kind.name, "metadata": metadata}
    stage = Stage(Runnable(), run_spec=to_raw(run))
    assert stage.reconcile() == Result(retry_after_seconds=30)
    stage.report("0.5")
    found = stage.store.get(kind, KEY)
    stage.store.update_status(kind, with_status(found, {"conditions": [condition("Complete")]}))
    assert stage.reconcile() == DONE
    assert stage.trial.has(names.SUCCEEDED)


def test_in_a_cluster_a_long_run_is_looked_at_more_and_more_rarely() -> None:
    stage = Stage(Runnable((JOBS,), looks_within=600))
    pauses: list[float] = []
    while sum(pauses) < 5000:
        pause = stage.reconcile().retry_after_seconds
        assert pause is not None
        pauses.append(pause)
        stage.clock.advance(pause)
    assert pauses[:5] == [30, 30, 60, 120, 240]
    assert set(pauses[6:]) == {600}


def test_a_run_is_prepared_before_it_is_made() -> None:
    def prepare(trial: Trial, run: Unstructured) -> Unstructured:
        labels = Strings({names.LABEL_TRIAL: trial.metadata.name})
        return replace(run, metadata=replace(run.metadata, labels=labels))

    stage = Stage(Runnable((JOBS,), prepare=prepare))
    stage.reconcile()
    assert stage.job is not None
    assert stage.job.metadata.label(names.LABEL_TRIAL) == KEY.name
    assert stage.job.metadata.controller is not None


def test_a_run_that_cannot_be_prepared_yet_waits_and_says_for_what() -> None:
    problems = [ConfigurationError("failed to find metrics collector config for kind: StdOut")]

    def prepare(trial: Trial, run: Unstructured) -> Unstructured:
        if problems:
            raise problems.pop()
        return run

    stage = Stage(Runnable((JOBS,), prepare=prepare))
    assert stage.reconcile() == GOES_ON
    assert stage.store.list(JOBS) == []
    assert stage.conditions()[0] == (
        "Progressing",
        "False",
        "CollectorNotConfigured",
        "failed to find metrics collector config for kind: StdOut",
    )
    stage.reconcile()
    assert stage.job is not None
    assert conditions.find(stage.trial.status.conditions, names.PROGRESSING) is None


def test_a_run_that_can_never_be_prepared_fails_its_trial() -> None:
    def prepare(trial: Trial, run: Unstructured) -> Unstructured:
        raise RenderError('container "main" has no command')

    stage = Stage(Runnable((JOBS,), prepare=prepare))
    assert stage.reconcile() == DONE
    assert stage.job is None
    assert stage.conditions()[-1] == (
        "Failed",
        "True",
        "TrialFailed. Job reason: RunNotPrepared",
        'Trial has failed. Job message: container "main" has no command',
    )


def hurried(log: AwayLog | None = None) -> Stage:
    return Stage(Runnable((JOBS,), hurried=(JOBS,)), log)


def test_of_a_hurried_trial_that_ends_at_once_nothing_is_written_before() -> None:
    stage = hurried()
    version = stage.store.version
    assert stage.reconcile() == Result(retry_after_seconds=TOLD_AFTER)
    assert stage.store.version == version + 1, "its run was made, and that is all"
    began = stage.clock.now()
    stage.clock.advance(5)
    stage.report("0.5")
    stage.job_is(condition("Complete"))
    assert [one[0] for one in stage.conditions()] == ["Created", "Running", "Succeeded"]
    assert stage.trial.status.start_time == began
    assert stage.reasons() == ["JobSucceeded"]


def test_a_hurried_trial_that_goes_on_is_written_after_a_moment() -> None:
    stage = hurried()
    stage.reconcile()
    assert stage.reconcile() == GOES_ON
    assert stage.conditions() == [CREATED, RUNNING]
    assert stage.reasons() == []


def test_a_hurried_trial_that_is_stopped_at_once_says_all() -> None:
    stage = hurried()
    stage.reconcile()
    stage.report("0.5")
    stage.mark(names.EARLY_STOPPED)
    assert [one[0] for one in stage.conditions()] == ["Created", "Running", "EarlyStopped"]
    assert stage.trial.is_observed
    assert stage.job is None


def test_a_hurried_trial_is_no_other_of_its_name() -> None:
    stage = hurried()
    stage.reconcile()
    stage.store.delete(TRIALS, KEY)
    stage.reconcile()
    stage.store.create(TRIALS, a_trial())
    stage.clock.advance(5)
    stage.reconcile()
    stage.reconcile()
    assert stage.trial.status.start_time == stage.clock.now()
