"""Katib's own SDK, unmodified, with a home that is served; and ours, by the same programs.

Of a program for Katib's SDK, only the imports are changed.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from command_line import Katib

from environments import an_environment

pytestmark = [pytest.mark.journey, pytest.mark.timeout(900)]

PACKAGES = ("kubeflow-katib==0.19.0", "kubernetes<36")

#: What every program begins with; it tells what it has found as JSON in its last line.
PREAMBLE = """
import json
import os
import time
from kubeflow import katib
from kubeflow.katib import KatibClient, models, search
from kubernetes import client as kubernetes

client = KatibClient()
PORTS = os.path.join(os.environ["KATIB_HOME"], "push.json")


def tell(**found):
    print(json.dumps(found))


def wait(name, condition="Succeeded", timeout=500):
    return client.wait_for_experiment_condition(
        name, expected_condition=condition, timeout=timeout, polling_interval=1
    )


def until(fact):
    deadline = time.monotonic() + 300
    while not fact():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def text_of(call, *args, **named):
    try:
        call(*args, **named)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "no error"
"""


@dataclass(frozen=True)
class Sdk:
    """An SDK.

    Attributes:
        python: an interpreter that has it.
        is_ours: whether programs import this package.
    """

    python: str
    is_ours: bool = False

    def program(self, text: str) -> str:
        """The text with the imports of this SDK."""
        if not self.is_ours:
            return text
        text = text.replace("import kubeflow.katib as katib", "import katib")
        text = text.replace("from kubeflow import katib", "import katib")
        return re.sub(r"\bkubeflow\.katib\b", "katib", text)


@pytest.fixture(scope="module", params=["kubeflow.katib", "katib"])
def sdk(request: pytest.FixtureRequest) -> Sdk:
    """Katib's SDK, then ours."""
    if request.param == "katib":
        return Sdk(sys.executable, is_ours=True)
    return Sdk(an_environment("katib-sdk", *PACKAGES))


@pytest.fixture(scope="module")
def served(sdk: Sdk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Katib]:
    """A home with a server whose trials find the SDK; each program has names of its own in it."""
    root = tmp_path_factory.mktemp("katib-sdk")
    (root / "folder").mkdir()
    katib = Katib(root / "home", root / "folder")
    katib("up", "--detach", "--port", "0", "--python", sdk.python, check=0)
    yield katib
    katib("down", "--stop-trials", check=0)


def run(served: Katib, sdk: Sdk, name: str, program: str) -> Any:
    """Run a program with the SDK; what it tells."""
    # In a file: the SDK reads the source of functions.
    path = served.folder / f"{name}.py"
    path.write_text(sdk.program(PREAMBLE + program))
    ended = subprocess.run(
        [sdk.python, str(path)],
        cwd=served.folder,
        env={
            **served.environment,
            "KUBECONFIG": str(served.home / "kubeconfig"),
            "HOME": str(served.folder),
        },
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return json.loads(ended.stdout.splitlines()[-1])


def assert_said(found: str, said: str, reason: str) -> None:
    """The error says what Katib's SDK says; ours goes on with the reason."""
    assert found == said or (found.startswith(f"{said}: ") and reason in found)


TUNE = """
def objective(parameters):
    result = 4 * int(parameters["a"]) - float(parameters["b"]) ** 2
    print(f"choice={parameters['kind']} constant={parameters['constant']}")
    print(f"result={result}")


client.tune(
    name="tuned",
    objective=objective,
    parameters={
        "a": search.int(min=10, max=20),
        "b": search.double(min=0.1, max=0.2),
        "kind": search.categorical(["round", "square"]),
        "constant": 7,
    },
    objective_metric_name="result",
    algorithm_settings={"random_state": 10},
    max_trial_count=4,
    parallel_trial_count=2,
    resources_per_trial={"cpu": "2"},
    retain_trials=True,
)
experiment = wait("tuned")
best = client.get_optimal_hyperparameters("tuned")
details = client.get_success_trial_details("tuned")
name = best.best_trial_name
address = "127.0.0.1:%d" % json.load(open(PORTS))["dbManager"]
tell(
    is_created=client.is_experiment_created("tuned"),
    is_running=client.is_experiment_running("tuned"),
    is_succeeded=client.is_experiment_succeeded("tuned"),
    is_failed=client.is_experiment_failed("tuned"),
    kinds=[one.feasible_space.list for one in experiment.spec.parameters],
    settings=[(one.name, one.value) for one in experiment.spec.algorithm.algorithm_settings],
    best=[one.latest for one in best.observation.metrics],
    details=[
        {
            "assignments": {one.name: one.value for one in detail["parameter_assignments"]},
            "latest": detail["metrics"][0].latest,
        }
        for detail in details
    ],
    trials=len(client.list_trials("tuned")),
    experiments=[one.metadata.name for one in client.list_experiments()],
    requests=client.get_suggestion("tuned").spec.requests,
    trial=client.get_trial(name).status.conditions[-1].type,
    logs=list(client.get_job_logs("tuned", name)),
    followed=list(client.get_job_logs("tuned", name, follow=True)),
    no_trial=text_of(lambda: list(client.get_job_logs("tuned", "nobody"))),
    metrics=[
        (one.metric.name, one.metric.value)
        for one in client.get_trial_metrics(name, db_manager_address=address)
    ],
)
"""


def test_a_function_is_tuned_and_all_that_came_of_it_is_read(served: Katib, sdk: Sdk) -> None:
    found = run(served, sdk, "tune", TUNE)
    assert (found["is_created"], found["is_succeeded"], found["is_failed"]) == (True, True, False)
    assert not found["is_running"]
    # The SDK puts the list of choices where a distribution belongs.
    assert found["kinds"] == [None, None, ["round", "square"]]
    assert found["settings"] == [["random_state", "10"]]
    assert found["trials"] == found["requests"] == len(found["details"]) == 4
    for detail in found["details"]:
        given = detail["assignments"]
        expected = 4 * int(given["a"]) - float(given["b"]) ** 2
        assert 10 <= int(given["a"]) <= 20
        assert float(detail["latest"]) == pytest.approx(expected)
    latest = [detail["latest"] for detail in found["details"]]
    assert found["best"] == [max(latest, key=float)]
    assert found["metrics"] == [["result", found["best"][0]]]
    assert "tuned" in found["experiments"]
    assert found["trial"] == "Succeeded"
    choice, result = found["logs"]
    assert choice in ("choice=round constant=7", "choice=square constant=7")
    assert [f"result={found['best'][0]}"] == [result]
    assert found["followed"] == found["logs"]
    assert found["no_trial"] == "RuntimeError: Trial nobody or associated job not found"


PUSH = """
def objective(parameters):
    import time
    import kubeflow.katib as katib

    time.sleep(0.2)
    result = 4 * int(parameters["a"]) - float(parameters["b"]) ** 2
    katib.report_metrics({"result": result})


client.tune(
    name="pushed",
    objective=objective,
    parameters={"a": search.int(min=10, max=20), "b": search.double(min=0.1, max=0.2)},
    objective_metric_name="result",
    max_trial_count=12,
    metrics_collector_config={"kind": "Push"},
)
wait("pushed")
best = client.get_optimal_hyperparameters("pushed")
address = "127.0.0.1:%d" % json.load(open(PORTS))["dbManager"]
tell(
    given={one.name: one.value for one in best.parameter_assignments},
    best=best.observation.metrics[0].latest,
    read=[
        one.metric.value
        for one in client.get_trial_metrics(best.best_trial_name, db_manager_address=address)
    ],
    results=[one["metrics"][0].latest for one in client.get_success_trial_details("pushed")],
)
"""


def test_a_function_that_reports_its_metrics_is_tuned(served: Katib, sdk: Sdk) -> None:
    found = run(served, sdk, "push", PUSH)
    given = found["given"]
    assert float(found["best"]) == 4 * int(given["a"]) - float(given["b"]) ** 2
    assert found["read"] == [found["best"]]
    assert len(found["results"]) == 12
    assert max(found["results"], key=float) == found["best"]


MODELS = """
def experiment(name, count=2, **more):
    container = kubernetes.V1Container(
        name="main",
        image="busybox",
        command=["sh", "-c", "echo loss=${trialParameters.rate}"],
    )
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "spec": {
            "template": {
                "spec": kubernetes.V1PodSpec(containers=[container], restart_policy="Never")
            }
        },
    }
    parameter = models.V1beta1ParameterSpec(
        name="lr",
        parameter_type="double",
        feasible_space=models.V1beta1FeasibleSpace(min="0.1", max="0.9"),
    )
    settings = dict(
        max_trial_count=count,
        parallel_trial_count=1,
        max_failed_trial_count=1,
        objective=models.V1beta1ObjectiveSpec(type="minimize", objective_metric_name="loss"),
        algorithm=models.V1beta1AlgorithmSpec(algorithm_name="random"),
        parameters=[parameter],
        trial_template=models.V1beta1TrialTemplate(
            primary_container_name="main",
            trial_parameters=[models.V1beta1TrialParameterSpec(name="rate", reference="lr")],
            trial_spec=job,
        ),
    )
    return models.V1beta1Experiment(
        api_version="kubeflow.org/v1beta1",
        kind="Experiment",
        metadata=kubernetes.V1ObjectMeta(name=name, namespace="default"),
        spec=models.V1beta1ExperimentSpec(**{**settings, **more}),
    )

"""

BUDGET = """
client.create_experiment(experiment("longer", resume_policy="LongRunning"))
before = wait("longer")
client.edit_experiment_budget("longer", max_trial_count=4, parallel_trial_count=2)
until(lambda: client.get_experiment("longer").status.trials_succeeded == 4)
after = wait("longer")
tell(
    before=before.status.trials_succeeded,
    after=after.status.trials_succeeded,
    parallel=after.spec.parallel_trial_count,
    is_restarting=client.is_experiment_restarting("longer"),
    refused=text_of(client.edit_experiment_budget, "longer", max_trial_count=1),
    nothing=text_of(client.edit_experiment_budget, "longer"),
)
"""


def test_an_experiment_that_has_ended_goes_on_with_a_larger_budget(served: Katib, sdk: Sdk) -> None:
    found = run(served, sdk, "budget", MODELS + BUDGET)
    assert (found["before"], found["after"], found["parallel"]) == (2, 4, 2)
    assert found["is_restarting"]
    refused = "RuntimeError: Failed to edit Katib Experiment: default/longer"
    assert_said(found["refused"], refused, "spec.maxTrialCount")
    assert found["nothing"].startswith("ValueError: Invalid input arguments.")


MANAGING = """
client.create_experiment(experiment("managed"))
again = text_of(client.create_experiment, experiment("managed"))
wait("managed")
legal = {one.metadata.name for one in client.list_experiments()}
unknown = models.V1beta1AlgorithmSpec(algorithm_name="randon")
invalid = text_of(client.create_experiment, experiment("invalid", algorithm=unknown))
nameless = experiment(None)
nameless.metadata.generate_name = "generated-"
client.create_experiment(nameless)
generated = [
    one.metadata.name
    for one in client.list_experiments()
    if one.metadata.name.startswith("generated-")
]
client.delete_experiment("managed")
# What has finalizers goes a moment after it is deleted, and what it owns behind it.
until(lambda: text_of(client.get_experiment, "managed") != "no error")
until(lambda: not client.list_trials("managed"))
tell(
    again=again,
    invalid=invalid,
    is_listed="managed" in legal,
    is_invalid_listed="invalid" in legal,
    generated=generated,
    gone=text_of(client.get_experiment, "managed"),
    suggestion=text_of(client.get_suggestion, "managed"),
    nobody=text_of(client.delete_experiment, "nobody"),
    elsewhere=client.list_experiments(namespace="elsewhere"),
)
"""


def test_experiments_are_created_listed_and_deleted(served: Katib, sdk: Sdk) -> None:
    found = run(served, sdk, "managing", MODELS + MANAGING)
    assert found["again"] == (
        "Exception: A Katib Experiment with the name default/managed already exists."
    )
    assert found["invalid"].startswith("RuntimeError: Failed to create Katib Experiment")
    assert (found["is_listed"], found["is_invalid_listed"]) == (True, False)
    [generated] = found["generated"]
    assert len(generated) > len("generated-")
    gone = "RuntimeError: Failed to get Katib Experiment: default/managed"
    assert_said(found["gone"], gone, "not found")
    assert found["suggestion"].startswith("RuntimeError: Failed to get Katib Suggestion")
    nobody = "RuntimeError: Failed to delete Katib Experiment: default/nobody"
    assert_said(found["nobody"], nobody, "not found")
    assert found["elsewhere"] == []


FAILING = """
def objective(parameters):
    raise SystemExit("no luck with " + parameters["a"])


client.tune(
    name="failing",
    objective=objective,
    parameters={"a": search.int(min=1, max=2)},
    objective_metric_name="result",
    max_trial_count=1,
    parallel_trial_count=1,
    max_failed_trial_count=1,
)
until(lambda: client.is_experiment_failed("failing"))
tell(
    waited=text_of(wait, "failing", timeout=5),
    best=client.get_optimal_hyperparameters("failing"),
    details=client.get_success_trial_details("failing"),
)
"""


def test_a_function_that_fails_is_told_of(served: Katib, sdk: Sdk) -> None:
    found = run(served, sdk, "failing", FAILING)
    assert found["waited"].startswith("RuntimeError: Experiment: default/failing is Failed.")
    assert found["best"] is None
    assert found["details"] == []
