"""The optimizer of Kubeflow's SDK, unmodified, with a home that is served."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from command_line import Katib

from environments import an_environment

pytestmark = [pytest.mark.journey, pytest.mark.timeout(900)]

#: What every program begins with; it tells what it has found as JSON in its last line.
PREAMBLE = """
import json
import time
from kubeflow.optimizer import (
    GridSearch, Objective, OptimizerClient, RandomSearch, Search, TrainJobTemplate, TrialConfig
)
from kubeflow.trainer import CustomTrainer, TrainerClient

client = OptimizerClient()


def tell(**found):
    print(json.dumps(found))


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


@pytest.fixture(scope="module")
def sdk() -> str:
    """An interpreter with Kubeflow's SDK."""
    return an_environment("kubeflow-sdk", "kubeflow==0.5.0")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Katib]:
    """A home with a server; each program has experiments of its own in it."""
    root = tmp_path_factory.mktemp("kubeflow-sdk")
    (root / "folder").mkdir()
    katib = Katib(root / "home", root / "folder")
    katib("up", "--detach", "--port", "0", check=0)
    yield katib
    katib("down", "--stop-trials", check=0)


def run(served: Katib, sdk: str, name: str, program: str) -> Any:
    """Run a program with the SDK; what it tells."""
    # In a file: the SDK reads the source of functions.
    path = served.folder / f"{name}.py"
    path.write_text(PREAMBLE + program)
    ended = subprocess.run(
        [sdk, str(path)],
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


OPTIMIZE = """
def train(lr, kind, epochs):
    for epoch in range(int(epochs)):
        print(f"loss={float(lr) / (epoch + 1)}", flush=True)
    print(f"accuracy={1 - float(lr)}")
    print("kind", kind)


name = client.optimize(
    TrainJobTemplate(
        trainer=CustomTrainer(
            func=train, func_args={"lr": "0", "kind": "none", "epochs": "3"}, num_nodes=1
        )
    ),
    trial_config=TrialConfig(num_trials=3, parallel_trials=2),
    search_space={"lr": Search.loguniform(0.1, 0.2), "kind": Search.choice(["round", "square"])},
    objectives=[Objective(metric="loss"), Objective(metric="accuracy", direction="maximize")],
    algorithm=RandomSearch(random_state=10),
)
seen = []
job = client.wait_for_job_status(
    name, timeout=500, polling_interval=1, callbacks=[lambda job: seen.append(job.status)]
)
best = client.get_best_results(name)
winner = next(one for one in job.trials if one.parameters == best.parameters)
found = dict(
    name=job.name,
    seen=seen,
    status=job.status,
    trials=[
        {
            "name": one.name,
            "parameters": one.parameters,
            "metrics": {metric.name: metric.latest for metric in one.metrics},
            "status": one.trainjob.status,
            "steps": [(step.name, step.status) for step in one.trainjob.steps],
            "runtime": one.trainjob.runtime.name,
        }
        for one in job.trials
    ],
    objectives=[one.metric for one in job.objectives],
    space={
        "lr": [job.search_space["lr"].min, job.search_space["lr"].max],
        "kind": job.search_space["kind"].choices,
    },
    best={"parameters": best.parameters, "loss": best.metrics[0].latest},
    logs=list(client.get_job_logs(name)),
    followed=list(client.get_job_logs(name, trial_name=winner.name, follow=True)),
    events=[
        (one.involved_object_kind, one.involved_object_name, one.reason)
        for one in client.get_job_events(name)
    ],
    listed=[one.name for one in client.list_jobs()],
)
client.delete_job(name)
# What has finalizers goes a moment after it is deleted.
until(lambda: text_of(client.get_job, name) != "no error")
tell(
    **found,
    gone=text_of(client.get_job, name),
    rest=[one.name for one in client.list_jobs()],
)
"""


def test_a_function_is_optimized_and_all_that_came_of_it_is_read(served: Katib, sdk: str) -> None:
    found = run(served, sdk, "optimize", OPTIMIZE)
    name = found["name"]
    assert found["status"] == "Complete"
    assert found["seen"][-1] == "Complete"
    assert len(found["trials"]) == 3
    for trial in found["trials"]:
        lr = float(trial["parameters"]["lr"])
        assert 0.1 <= lr <= 0.2
        assert trial["parameters"]["kind"] in ("round", "square")
        assert float(trial["metrics"]["loss"]) == pytest.approx(lr / 3)
        assert float(trial["metrics"]["accuracy"]) == pytest.approx(1 - lr)
        assert (trial["status"], trial["runtime"]) == ("Complete", "torch-distributed")
        assert trial["steps"] == [["node-0", "Succeeded"]]
    assert found["objectives"] == ["loss", "accuracy"]
    assert found["space"] == {"lr": [0.1, 0.2], "kind": ["round", "square"]}
    losses = [trial["metrics"]["loss"] for trial in found["trials"]]
    assert found["best"]["loss"] == min(losses, key=float)
    best = found["best"]["parameters"]
    assert f"kind {best['kind']}" in found["logs"]
    assert f"loss={found['best']['loss']}" in found["logs"]
    assert found["followed"] == found["logs"]
    events = [tuple(event) for event in found["events"]]
    assert ("Experiment", name, "ExperimentMaxTrialsReached") in events
    for trial in found["trials"]:
        is_told = ("Trial", trial["name"], "JobSucceeded") in events
        assert is_told is served.tells_of_every_run
    assert name in found["listed"]
    assert found["gone"].startswith("RuntimeError: Failed to get OptimizationJob")
    assert name not in found["rest"]


RUNTIMES = """
def train(lr):
    print(f"loss={lr}")


def optimize(runtime, **more):
    return client.optimize(
        TrainJobTemplate(
            trainer=CustomTrainer(func=train, func_args={"lr": "0"}), runtime=runtime
        ),
        trial_config=TrialConfig(num_trials=2, max_failed_trials=1),
        search_space={"lr": Search.choice(["0.5", "0.25"])},
        algorithm=GridSearch(),
        **more,
    )


trainer = TrainerClient()
name = optimize("jax-distributed")
job = client.wait_for_job_status(name, timeout=500, polling_interval=1)
tell(
    runtimes=sorted(one.name for one in trainer.list_runtimes()),
    unknown=text_of(optimize, "nowhere"),
    losses=sorted(one.metrics[0].latest for one in job.trials),
    nobody=text_of(client.get_job, "nobody"),
    no_logs=text_of(lambda: list(client.get_job_logs("nobody"))),
    not_deleted=text_of(client.delete_job, "nobody"),
)
"""


def test_runtimes_are_those_that_are_built_in(served: Katib, sdk: str) -> None:
    found = run(served, sdk, "runtimes", RUNTIMES)
    assert found["runtimes"] == ["jax-distributed", "torch-distributed"]
    assert found["unknown"].startswith("RuntimeError: ")
    assert found["losses"] == ["0.25", "0.5"]
    for told in ("nobody", "no_logs", "not_deleted"):
        assert found[told].startswith("RuntimeError: ")


FAILING = """
def train(lr):
    raise SystemExit("no luck")


name = client.optimize(
    TrainJobTemplate(trainer=CustomTrainer(func=train, func_args={"lr": "0"})),
    trial_config=TrialConfig(num_trials=1, max_failed_trials=1),
    search_space={"lr": Search.uniform(0.1, 0.2)},
)
waited = text_of(client.wait_for_job_status, name, timeout=500, polling_interval=1)
tell(
    name=name,
    waited=waited,
    status=client.get_job(name).status,
    train_jobs=[one.trainjob.status for one in client.get_job(name).trials],
    best=client.get_best_results(name),
    logs=list(client.get_job_logs(name)),
)
"""


def test_a_function_that_fails_is_told_of(served: Katib, sdk: str) -> None:
    found = run(served, sdk, "failing", FAILING)
    assert found["waited"] == f"RuntimeError: OptimizationJob {found['name']} is Failed"
    assert found["status"] == "Failed"
    assert found["train_jobs"] == ["Failed"]
    assert found["best"] is None
    assert "no luck" in found["logs"]
