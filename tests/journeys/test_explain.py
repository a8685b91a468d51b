"""``katib explain``, for each cause that an experiment on one machine can have."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import yaml
from command_line import Katib, Manifest, a_template, an_experiment, finish, wait_for

pytestmark = pytest.mark.journey


@dataclass(frozen=True)
class Case:
    """An experiment, the reason that is to be named, and what is to be told of it."""

    manifest: Manifest
    reason: str
    message: tuple[str, ...]
    fix: str
    object: str = "trial/"


def a_job_of(*command: str, **job: Any) -> Manifest:
    """A trial template whose manifest needs no assignment."""
    template = a_template(["/bin/sh", "-c", ": ${trialParameters.x}"], **job)
    container = template["trialSpec"]["spec"]["template"]["spec"]["containers"][0]
    container["command"] = list(command)
    container["env"] = [{"name": "X", "value": "${trialParameters.x}"}]
    return template


def unmatched() -> Manifest:
    template = a_job_of("/bin/sh", "-c", "echo loss=1")
    template["retain"] = True
    template["successCondition"] = 'status.conditions.#(type=="Succeeded")'
    template["failureCondition"] = 'status.conditions.#(type=="Broken")'
    return template


def again_and_again() -> Manifest:
    template = a_job_of("false", backoffLimit=50)
    template["trialSpec"]["spec"]["template"]["spec"]["restartPolicy"] = "OnFailure"
    return template


TWO_VALUES: Manifest = {
    "name": "x",
    "parameterType": "categorical",
    "feasibleSpace": {"list": ["1", "2"]},
}
MIXED = "if mkdir first 2>/dev/null; then echo nothing; else echo no memory; exit 3; fi"

ENDED = {
    "a metric that is printed in another form": Case(
        an_experiment("echo preparing; echo 'Loss: 0.5'"),
        "MetricNeverPrinted",
        ("1 trial ended without the metric", "These lines were nearly that: Loss: 0.5"),
        'let the program print the metric as "loss=<number>"',
    ),
    "a metric that is never printed": Case(
        an_experiment("echo preparing; echo ready"),
        "MetricNeverPrinted",
        ('printed no line with "loss=<number>"', "preparing | ready", "its log: "),
        "spec.metricsCollectorSpec.source.filter.metricsFormat",
    ),
    "a filter that finds nothing": Case(
        an_experiment(
            "echo loss is 1",
            metricsCollectorSpec={
                "source": {"filter": {"metricsFormat": ["(loss): ([0-9]+)"]}},
                "collector": {"kind": "StdOut"},
            },
        ),
        "MetricNeverPrinted",
        ("that the filter (loss): ([0-9]+) takes",),
        "correct spec.metricsCollectorSpec.source.filter.metricsFormat",
    ),
    "a metric that has another name": Case(
        an_experiment("echo 'epoch 1: accuracy=0.9 val_loss=0.5'"),
        "WrongMetricName",
        (
            'the log holds no metric "loss", but "accuracy", "val_loss", did you mean "val_loss"?',
            "so the experiment has failed",
        ),
        'set spec.objective.objectiveMetricName to "val_loss"',
    ),
    "a metric that is not a number": Case(
        an_experiment("echo loss=nan"),
        "MetricNotANumber",
        ('No value of metric "loss" was a finite number', "1 trial ended well without a number"),
        "smaller learning rate",
    ),
    "a program that is not found": Case(
        an_experiment("", trialTemplate=a_job_of("/no/such/program", "--epochs=3")),
        "ProgramNotFound",
        ("exited with code 127", "the command: /no/such/program --epochs=3"),
        "correct the command and the workingDir",
    ),
    "a container without a command": Case(
        an_experiment("", trialTemplate=a_job_of()),
        "ContainerNotStarted",
        ('container "main" has no command', "--image busybox=PROGRAM"),
        "correct the container in the template",
    ),
    "a program that takes too long": Case(
        an_experiment(
            "", trialTemplate=a_job_of("/bin/sleep", "1000", **{"activeDeadlineSeconds": 1})
        ),
        "DeadlineExceeded",
        ("Job was active longer than specified deadline",),
        "raise activeDeadlineSeconds",
    ),
    "conditions that never match": Case(
        an_experiment("", trialTemplate=unmatched()),
        "ConditionsNeverMatch",
        (
            "its Job has ended (Complete), but no condition of the template matches",
            'successCondition status.conditions.#(type=="Succeeded")',
            'failureCondition status.conditions.#(type=="Broken")',
            "the Job has condition Complete=True (CompletionsReached)",
        ),
        "leave both out: a Job has defaults that match",
    ),
    "a kind of run that needs a cluster": Case(
        an_experiment(
            "",
            trialTemplate={
                **a_job_of("true"),
                "successCondition": "status.phase",
                "failureCondition": "status.broken",
                "trialSpec": {
                    "apiVersion": "example.org/v1",
                    "kind": "Race",
                    "spec": {"laps": "${trialParameters.x}"},
                },
            },
        ),
        "RunKindUnknown",
        ("the kind Race (example.org/v1) needs a cluster that knows it",),
        "make the template a Job or a Pod",
    ),
    "a failure limit that is reached": Case(
        an_experiment(MIXED, maxTrialCount=9, maxFailedTrialCount=3),
        "ProgramFailed",
        (
            "2 trials failed, such as ",
            "exited with code 3; its last output:\nno memory",
            "also 1 trial ended without the metric (the metric was never printed), such as ",
            "3 of 3 trials failed; spec.maxFailedTrialCount is 3, so the experiment has failed",
        ),
        "start it afresh with: katib run FILE --replace. If some failures belong to the search, "
        "raise spec.maxFailedTrialCount",
    ),
    "a budget that is spent": Case(
        an_experiment("echo loss=1", maxTrialCount=2),
        "BudgetSpent",
        ("2 of 2 trials have ended, as spec.maxTrialCount says; the best is ",),
        "with resumePolicy LongRunning instead of Never it would go on",
        "experiment/",
    ),
    "a budget that is spent and can be raised": Case(
        an_experiment("echo loss=1", resumePolicy="LongRunning"),
        "BudgetSpent",
        ("1 of 1 trials have ended",),
        "raise spec.maxTrialCount and start it again with: katib run FILE",
        "experiment/",
    ),
    "a goal that is reached": Case(
        an_experiment(
            "echo loss=0.5",
            objective={"type": "minimize", "goal": 0.75, "objectiveMetricName": "loss"},
            maxTrialCount=5,
        ),
        "GoalReached",
        ("has loss 0.5, the goal is 0.75",),
        "change spec.objective.goal",
        "experiment/",
    ),
    "a search space that is exhausted": Case(
        an_experiment(
            "echo loss=1",
            algorithm={"algorithmName": "grid"},
            parameters=[TWO_VALUES],
            maxTrialCount=None,
        ),
        "SearchSpaceExhausted",
        ("the algorithm has no more assignments after 2 trials",),
        "widen a feasibleSpace",
        "experiment/",
    ),
}

GOING = {
    "nothing, since it goes on": Case(
        an_experiment("sleep 1000"),
        "TrialsRunning",
        ("Trials are under way: 1 running, 0 pending",),
        "",
        "experiment/",
    ),
    "a run that is suspended": Case(
        an_experiment("", trialTemplate=a_job_of("true", suspend=True)),
        "RunSuspended",
        ("1 of 1 trials under way wait", " is suspended; it starts when that is taken back"),
        "take suspend out of the template",
    ),
    "a program that fails and is tried again": Case(
        an_experiment("", trialTemplate=a_job_of("false", backoffLimit=50)),
        "ProgramRetried",
        ("its program failed ", " times and is tried again"),
        "backoffLimit in the Job says how often",
    ),
    "a container that ends and is run again": Case(
        an_experiment("", trialTemplate=again_and_again()),
        "CrashLoopBackOff",
        ("1 of 1 trials under way wait", "container main waits: the last run exited with code 1"),
        "mend the program; its output: katib logs ",
    ),
}


def named(cases: dict[str, Case]) -> dict[str, str]:
    """Case → the name of its experiment."""
    return {name: f"case-{number}" for number, name in enumerate(cases)}


def write(katib: Katib, cases: dict[str, Case]) -> str:
    manifests = []
    for name, case in cases.items():
        metadata = {"name": named(cases)[name]}
        manifests.append({**case.manifest, "metadata": metadata})
    path = katib.folder / "cases.yaml"
    path.write_text(yaml.safe_dump_all(manifests))
    return str(path)


def explain(katib: Katib, name: str) -> dict[str, str]:
    found: dict[str, str] = json.loads(katib("explain", name, "-o", "json", check=0).out)
    assert list(found) == ["cause", "reason", "message", "fix", "object"]
    return found


def check(case: Case, found: dict[str, str]) -> None:
    assert found["reason"] == case.reason, found
    for part in case.message:
        assert part in found["message"]
    assert case.fix in found["fix"]
    assert found["object"].startswith(case.object)


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Katib:
    """A home in which one command has run all experiments of :data:`ENDED` to their ends."""
    folder = tmp_path_factory.mktemp("ended")
    katib = Katib(folder / "home", folder)
    katib("run", write(katib, ENDED), check=1)
    return katib


@pytest.mark.parametrize("name", ENDED)
def test_the_cause_of_an_end_is_named(ended: Katib, name: str) -> None:
    check(ENDED[name], explain(ended, named(ENDED)[name]))


def test_people_read_the_state_the_cause_and_the_fix(ended: Katib) -> None:
    name = named(ENDED)["a program that is not found"]
    lines = ended("explain", name, check=0).out.splitlines()

    state, trials, cause, *_, fix = lines
    assert state == (
        f"experiment {name}: Failed: Experiment has failed because max failed count has reached"
    )
    assert trials == "trials: 1 of 1, 0 succeeded, 1 failed, 0 without metrics, 0 active"
    assert cause.startswith(
        f"cause: the program was not found (ProgramNotFound), seen at trial/{name}-"
    )
    assert fix.startswith("fix: correct the command")


def test_people_are_told_that_nothing_is_wrong(ended: Katib) -> None:
    name = named(ENDED)["a goal that is reached"]
    _, _, verdict, why, after = ended("explain", name, check=0).out.splitlines()

    assert verdict == "nothing is wrong"
    assert why.startswith("the goal is reached: trial ")
    assert after.startswith("next: there is nothing to do")


@pytest.fixture(scope="module")
def going(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Katib]:
    """A home in which an engine works on all experiments of :data:`GOING`, which do not end."""
    folder = tmp_path_factory.mktemp("going")
    katib = Katib(folder / "home", folder)
    engine = katib.start("run", write(katib, GOING))
    try:
        yield katib
    finally:
        engine.send_signal(signal.SIGINT)
        assert finish(engine).code == 130


@pytest.mark.parametrize("name", GOING)
def test_what_an_experiment_waits_for_is_named(going: Katib, name: str) -> None:
    experiment, case = named(GOING)[name], GOING[name]

    def is_explained() -> bool:
        answer = going("explain", experiment, "-o", "json")
        return answer.code == 0 and json.loads(answer.out)["reason"] == case.reason

    wait_for(is_explained, f"explain names {case.reason}")
    check(case, explain(going, experiment))


def test_an_experiment_that_is_missing_is_the_only_error(ended: Katib) -> None:
    answer = ended("explain", "case", "-o", "json", check=1)
    assert answer.out == ""
    assert 'Experiment "case" not found' in answer.err
