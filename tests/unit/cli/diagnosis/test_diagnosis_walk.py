from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from left_behind import LIMIT_REACHED, RUNNING, UNMEASURED, LeftBehind, a_condition, waiting
from msgspec import Raw
from msgspec.structs import replace

from katib.api import names
from katib.api.codec import decode, to_raw
from katib.api.experiment import (
    CollectorSpec,
    ConfigMapSource,
    Metric,
    MetricsCollectorSpec,
    Observation,
    OptimalTrial,
    TrialTemplate,
)
from katib.api.kinds import CONFIG_MAPS
from katib.api.trial import TRIALS
from katib.api.values import Kind, ObjectMeta, Unstructured
from katib.testing.builders import an_experiment

Scenery = Callable[[LeftBehind], None]


@dataclass(frozen=True)
class Case:
    """What is left behind, and what is to be found."""

    scenery: Scenery
    reason: str
    message: tuple[str, ...]
    fix: str
    object: str


@pytest.fixture
def left(tmp_path: Path) -> Iterator[LeftBehind]:
    left = LeftBehind(tmp_path)
    yield left
    left.close()


def template_of(left: LeftBehind) -> None:
    source = ConfigMapSource(
        config_map_name="templates", config_map_namespace="default", template_path="job.yaml"
    )
    left.specify(trial_template=TrialTemplate(config_map=source))
    left.state(waiting("TrialTemplateMissing", "The trial template is gone: ConfigMap x"))


def template_back(left: LeftBehind) -> None:
    template_of(left)
    metadata = ObjectMeta(name="templates", namespace="default")
    body = {"data": {"job.yaml": "kind: Job"}}
    left.store.create(
        CONFIG_MAPS, Unstructured(api_version="v1", kind="ConfigMap", metadata=metadata, body=body)
    )


def refused(left: LeftBehind) -> None:
    why = "Validation failed: sigma must be positive, not -1"
    left.suggestion(a_condition(names.FAILED, "SuggestionFailed", why))
    failed = a_condition(names.FAILED, "ExperimentFailed", f"Suggestion has failed. {why}")
    left.state(failed)


def failed_for_good(left: LeftBehind) -> None:
    why = "The algorithm failed 10 times in a row: ValueError: x"
    left.suggestion(a_condition(names.FAILED, "SuggestionFailed", why))


def asked_in_vain(reason: str, message: str) -> Scenery:
    def prepare(left: LeftBehind) -> None:
        left.suggestion(waiting(reason, message), requests=5, given=2)
        left.state(waiting(reason, message))

    return prepare


def active(reason: str, message: str, count: int = 1) -> Scenery:
    def prepare(left: LeftBehind) -> None:
        for number in range(count):
            name = f"trial-{number}"
            left.trial(waiting(reason, f"{message} {number}"), RUNNING, name=name)
        left.trial(RUNNING, name="good")
        left.state(waiting("TrialsRunning", "Trials are under way", "True"))

    return prepare


def unscheduled(left: LeftBehind) -> None:
    left.trial(RUNNING)
    left.job()
    full = {"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available"}
    left.pod(phase="Pending", conditions=[full])


def suspended(left: LeftBehind) -> None:
    left.trial(RUNNING)
    left.job(spec={"suspend": True})


def looping(left: LeftBehind) -> None:
    left.trial(RUNNING)
    left.job()
    state = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}}
    last = {"terminated": {"exitCode": 127, "reason": "Error"}}
    left.pod(containerStatuses=[{"name": "main", "state": state, "lastState": last}])


def start_error(left: LeftBehind) -> None:
    why = "Trial has failed. Job message: Job has reached the specified backoff limit"
    left.trial(a_condition(names.FAILED, "TrialFailed. Job reason: BackoffLimitExceeded", why))
    ended = {
        "exitCode": 128,
        "reason": "StartError",
        "message": 'exec: "train": executable file not found in $PATH',
    }
    left.pod(containerStatuses=[{"name": "main", "state": {"terminated": ended}}])
    left.state(LIMIT_REACHED, trials=1, trials_failed=1)


def unpulled(left: LeftBehind) -> None:
    left.trial(RUNNING)
    left.job()
    state = {"waiting": {"reason": "ErrImagePull", "message": 'pull access denied for "org/x"'}}
    left.pod(containerStatuses=[{"name": "main", "state": state}])


def wrong_container(is_over: bool) -> Scenery:
    def prepare(left: LeftBehind) -> None:
        left.trial(UNMEASURED if is_over else RUNNING, primary_container_name="training")

    return prepare


def uncollected(left: LeftBehind) -> None:
    left.trial(UNMEASURED)
    left.log("loss=0.5")


def misnamed(left: LeftBehind) -> None:
    left.trial(UNMEASURED)
    left.log("speed=3", "train_speed=4")


def unheard(left: LeftBehind) -> None:
    left.trial(UNMEASURED)
    left.log("Loss: 0.5")


def unlogged(left: LeftBehind) -> None:
    left.trial(UNMEASURED)


def unpushed(left: LeftBehind) -> None:
    pushed = MetricsCollectorSpec(collector=CollectorSpec(kind="Push"))
    left.trial(UNMEASURED, metrics_collector=pushed)


def incomparable(left: LeftBehind) -> None:
    trial = left.trial(a_condition(names.SUCCEEDED))
    metric = Metric(name="loss", min="nan", max="nan", latest="nan")
    status = replace(trial.status, observation=Observation(metrics=(metric,)))
    left.store.update_status(TRIALS, replace(trial, status=status))


NON_FINITE = "Job reason: NonFiniteObjective"


def ignored(left: LeftBehind) -> None:
    why = 'Metrics are not available. Job message: metric "loss" was never finite: 2x nan'
    reason = f"MetricsUnavailable. {NON_FINITE}"
    left.trial(a_condition(names.METRICS_UNAVAILABLE, reason, why))


def diverged(left: LeftBehind) -> None:
    why = 'Trial has failed. Job message: metric "loss" is inf by its strategy max'
    left.trial(a_condition(names.FAILED, f"TrialFailed. {NON_FINITE}", why))


def penalised(left: LeftBehind) -> None:
    objective = an_experiment().with_non_finite(names.PENALISE).build().spec.objective
    trial = left.trial(a_condition(names.SUCCEEDED), objective=objective)
    metric = Metric(name="loss", min="inf", max="inf", latest="inf")
    status = replace(trial.status, observation=Observation(metrics=(metric,)))
    left.store.update_status(TRIALS, replace(trial, status=status))


def unjudged(success: str) -> Scenery:
    def prepare(left: LeftBehind) -> None:
        left.trial(RUNNING, success_condition=success)
        left.job(conditions=[{"type": "Complete", "status": "True", "reason": "Done"}])

    return prepare


def unmet(left: LeftBehind) -> None:
    why = (
        "Trial has failed. Job message: The Job has ended (Failed), but neither successCondition a "
        "nor failureCondition b matches it (a is no path)"
    )
    reason = "TrialFailed. Job reason: ConditionsNotMet"
    left.trial(a_condition(names.FAILED, reason, why), success_condition="a", failure_condition="b")


def engine_gone(left: LeftBehind) -> None:
    left.trial(RUNNING)
    left.state(waiting("TrialsRunning", "Trials are under way", "True"))
    left.is_engine_running = False


def stalled_and_engine_gone(left: LeftBehind) -> None:
    suspended(left)
    left.is_engine_running = False


def faulty(left: LeftBehind) -> None:
    left.warn(left.experiment, "ReconcileError", "Failed to reconcile: 'x'")


def failed_alone(left: LeftBehind) -> None:
    left.state(LIMIT_REACHED)


def unmade(left: LeftBehind) -> None:
    why = "Experiment has failed because its next trial cannot be made: no ${trialParameters.y}"
    left.state(a_condition(names.FAILED, "ExperimentFailed", why))


def exhausted_in_vain(left: LeftBehind) -> None:
    why = "Trial has failed. Job message: Container main exited with code 3"
    for name in ("one", "two"):
        left.trial(a_condition(names.FAILED, "TrialFailed", why), name=name)
    left.state(a_condition(names.SUCCEEDED, "ExperimentSuggestionEndReached"), trials=2)


def exhausted(left: LeftBehind) -> None:
    best = OptimalTrial(best_trial_name="one")
    ended = a_condition(names.SUCCEEDED, "ExperimentSuggestionEndReached")
    left.state(ended, trials=4, current_optimal_trial=best)


def waiting_for_results(left: LeftBehind) -> None:
    why = "The algorithm gave 2 of 5 assignments: it waits for the results of trials"
    left.suggestion(waiting("WaitingForTrials", why, "True"), requests=5, given=2)
    left.state(waiting("WaitingForTrials", why, "True"))


def untouched(left: LeftBehind) -> None:
    pass


TRIAL, SUGGESTION, EXPERIMENT = "trial/one", "suggestion/an-experiment", "experiment/an-experiment"

CASES: dict[str, Case] = {
    "the trial template is gone": Case(
        template_of,
        "TrialTemplateMissing",
        ("The trial template is gone",),
        'create the ConfigMap "default/templates" with the key "job.yaml" again',
        EXPERIMENT,
    ),
    "the algorithm refuses its settings": Case(
        refused,
        "AlgorithmSettingsRefused",
        ("sigma must be positive, not -1",),
        "change spec.algorithm or spec.parameters",
        SUGGESTION,
    ),
    "the algorithm has failed for good": Case(
        failed_for_good, "AlgorithmFailed", ("10 times in a row",), "take another", SUGGESTION
    ),
    "the algorithm fails and is asked again": Case(
        asked_in_vain("AlgorithmFailed", "The algorithm failed 3 times in a row: x"),
        "AlgorithmFailed",
        ("3 times in a row", "it has given 2 of 5 assignments"),
        "asked again a few times",
        SUGGESTION,
    ),
    "the algorithm cannot be reached": Case(
        asked_in_vain("AlgorithmUnavailable", "the algorithm at x:6789 cannot be reached"),
        "AlgorithmUnavailable",
        ("x:6789", "it has given 2 of 5 assignments; since 2026-01-01T00:00:00Z ("),
        "see that its service runs",
        SUGGESTION,
    ),
    "the algorithm gives too few assignments": Case(
        asked_in_vain("TooFewAssignments", "The algorithm gave 2 of 5 assignments though idle"),
        "TooFewAssignments",
        ("gave 2 of 5 assignments though idle; since 2026-01-01T00:00:00Z (",),
        "lower spec.parallelTrialCount",
        SUGGESTION,
    ),
    "the algorithm crashes, and another stands in": Case(
        asked_in_vain("SuggestionFallback", "algorithm tpe crashed 3 times in a row: exit code 3"),
        "SuggestionFallback",
        ("crashed 3 times in a row: exit code 3", "it has given 2 of 5 assignments"),
        "raise init.controller.workerMemory",
        SUGGESTION,
    ),
    "the algorithm's service has forgotten its trials": Case(
        asked_in_vain("HistoryForgotten", "the algorithm at x:6789 was restarted"),
        "HistoryForgotten",
        ("x:6789 was restarted",),
        "nothing needs to be done",
        SUGGESTION,
    ),
    "all pods wait for room": Case(
        active("PodUnschedulable", "Pod x: 0/3 nodes are available", count=3),
        "PodUnschedulable",
        ("3 of 4 trials under way wait, such as trial-0:", "0/3 nodes are available 0"),
        "lower the requests",
        "trial/trial-0",
    ),
    "a pod waits for room, and its trial does not say so yet": Case(
        unscheduled,
        "PodUnschedulable",
        ("1 of 1 trials under way wait, such as one:\nPod one-abcde: 0/3 nodes are available",),
        "free or add resources",
        TRIAL,
    ),
    "a run is suspended": Case(
        suspended, "RunSuspended", ("Job one is suspended",), "take suspend out", TRIAL
    ),
    "the observation log is away": Case(
        active("ObservationLogUnavailable", "The observation log cannot be reached: locked"),
        "ObservationLogUnavailable",
        ("cannot be reached: locked",),
        "see that its database runs",
        "trial/trial-0",
    ),
    "an image cannot be pulled": Case(
        unpulled,
        "ErrImagePull",
        ('pull access denied for "org/x"',),
        "correct the image in the template",
        TRIAL,
    ),
    "a container is run again and again whose command does not exist": Case(
        looping,
        "ProgramNotFound",
        ("container main of pod one-abcde ended with exit code 127", "the command: train --lr=1"),
        "correct the command",
        TRIAL,
    ),
    "a container runtime does not find the program": Case(
        start_error,
        "ProgramNotFound",
        (
            "1 trial failed, such as one:",
            'exit code 128: exec: "train": executable file not found in $PATH',
            "the command: train --lr=1",
            "1 of 1 trials failed; spec.maxFailedTrialCount is 3",
        ),
        "raise spec.maxFailedTrialCount",
        TRIAL,
    ),
    "the primary container is not in the pod": Case(
        wrong_container(is_over=True),
        "WrongPrimaryContainer",
        ('The pod has no container "training"; it has main',),
        "set spec.trialTemplate.primaryContainerName to main",
        TRIAL,
    ),
    "the primary container is missed before the trial ends": Case(
        wrong_container(is_over=False), "WrongPrimaryContainer", ("it has main",), "to main", TRIAL
    ),
    "the metric is printed where nobody reads": Case(
        uncollected, "MetricNotCollected", ('the log holds "loss=…"',), "primaryPodLabels", TRIAL
    ),
    "the log holds other metrics only, and none is like it": Case(
        misnamed,
        "WrongMetricName",
        ('the log holds no metric "loss", but "speed", "train_speed"\nits log: ',),
        'set spec.objective.objectiveMetricName to "speed"',
        TRIAL,
    ),
    "no event tells of the missing metric, but the log does": Case(
        unheard,
        "MetricNeverPrinted",
        ('no line with "loss=<number>". These lines were nearly that: Loss: 0.5',),
        "metricsFormat",
        TRIAL,
    ),
    "neither event nor log tell of the missing metric": Case(
        unlogged,
        "MetricNeverPrinted",
        ('The program ended well but printed no line with "loss=<number>"',),
        "metricsFormat",
        TRIAL,
    ),
    "the program never reported its metric": Case(
        unpushed,
        "MetricNeverReported",
        ('The collector Push found no "loss"',),
        'let the program report "loss" before it ends',
        TRIAL,
    ),
    "the metric is not a number": Case(
        incomparable,
        "MetricNotANumber",
        ("1 trial ended well without a number as metric, such as one:", 'metric "loss" is "nan"'),
        "let the program print numbers",
        TRIAL,
    ),
    "the metric was never finite and that is left out": Case(
        ignored,
        "NonFiniteObjective",
        ("1 trial ended without the metric, such as one:", "was never finite: 2x nan"),
        "let spec.objective.nonFinite be penalise",
        TRIAL,
    ),
    "the metric is infinite and that fails the trial": Case(
        diverged,
        "NonFiniteObjective",
        ('metric "loss" is inf by its strategy max',),
        "let spec.objective.nonFinite be penalise",
        TRIAL,
    ),
    "a run has ended and no condition of the template matches it": Case(
        unjudged('status.conditions.#(type=="Done")'),
        "ConditionsNeverMatch",
        (
            'successCondition status.conditions.#(type=="Done")',
            "the Job has condition Complete=True (Done)",
        ),
        "leave both out: a Job has defaults that match",
        TRIAL,
    ),
    "a condition of the template cannot be read": Case(
        unjudged("status.conditions.#.type"),
        "ConditionsNeverMatch",
        ("successCondition status.conditions.#.type", 'begins with "Complete"'),
        "correct successCondition and failureCondition",
        TRIAL,
    ),
    "a trial failed since no condition matched its run, which is gone": Case(
        unmet,
        "ConditionsNeverMatch",
        (
            "its Job has ended (Failed), but no condition of the template matches (a is no path):",
            "successCondition a\n",
            "failureCondition b",
        ),
        "correct successCondition",
        TRIAL,
    ),
    "no engine is running": Case(
        engine_gone,
        "NoEngine",
        ("no engine is running in this home, so nothing happens",),
        "start the same katib run command again",
        EXPERIMENT,
    ),
    "a stall is told although no engine is running, and that too": Case(
        stalled_and_engine_gone,
        "RunSuspended",
        ("Job one is suspended",),
        "and start the same katib run command again, since no engine is running",
        TRIAL,
    ),
    "the engine fails over the experiment": Case(
        faulty, "ReconcileError", ("Failed to reconcile: 'x'",), "engine.log", EXPERIMENT
    ),
    "an experiment has failed whose trials are gone": Case(
        failed_alone, "FailureLimitReached", ("max failed count",), "start it afresh", EXPERIMENT
    ),
    "a trial cannot be made of the template": Case(
        unmade, "TrialNotMade", ("no ${trialParameters.y}",), "katib render FILE", EXPERIMENT
    ),
    "a search space is exhausted, and every trial failed": Case(
        exhausted_in_vain,
        "ProgramFailed",
        ("2 trials failed, such as two:", "exited with code 3"),
        "katib logs two",
        "trial/two",
    ),
    "a search space is exhausted": Case(
        exhausted, "SearchSpaceExhausted", ("after 4 of 12 trials",), "widen", EXPERIMENT
    ),
    "an algorithm that waits for results is told, and nothing is wrong": Case(
        waiting_for_results, "WaitingForTrials", ("2 of 5 assignments",), "", EXPERIMENT
    ),
    "an experiment that nobody has looked at says so": Case(
        untouched, "NotStarted", ("has not looked at the experiment yet",), "", EXPERIMENT
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_first_cause_is_found(left: LeftBehind, name: str) -> None:
    case = CASES[name]
    case.scenery(left)

    found = left.diagnose()

    assert found.reason == case.reason, found
    for part in case.message:
        assert part in found.message
    assert case.fix in found.fix if case.fix else not found.fix
    assert found.object == case.object
    assert found.is_wrong is bool(case.fix and case.reason != "SearchSpaceExhausted")


def test_a_trial_template_that_is_back_is_waited_for_without_alarm(left: LeftBehind) -> None:
    template_back(left)
    assert not left.diagnose().is_wrong


def test_every_cause_is_in_the_documentation() -> None:
    page = Path(__file__).parents[4] / "docs" / "explain.md"
    listed = set(re.findall(r"^\| `(\w+)` \|", page.read_text(), re.MULTILINE))
    assert {case.reason for case in CASES.values()} - listed == set()


def test_of_ten_thousand_trials_few_are_read(
    left: LeftBehind, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = a_condition(names.FAILED, "TrialFailed", "Container main exited with code 3")
    raw: Raw = to_raw({"apiVersion": "batch/v1", "kind": "Job", "spec": {"x": "y" * 1000}})
    for number in range(10_000):
        left.trial(failed, name=f"trial-{number}", run_spec=raw)
    left.diagnose()
    read: list[Any] = []

    def counted(kind: Kind[Any], data: bytes) -> Any:
        read.append(kind)
        return decode(kind, data)

    monkeypatch.setattr("katib.stores.sqlite.decode", counted)
    found = left.diagnose()

    assert 0 < len(read) < 1000
    assert found.reason == "ProgramFailed"
    assert found.object == "trial/trial-9999"
    assert found.message.startswith("of the newest 500, 500 trials failed, such as trial-9999:")


def test_a_metric_that_is_penalised_is_no_fault(left: LeftBehind) -> None:
    penalised(left)
    assert not left.diagnose().is_wrong
