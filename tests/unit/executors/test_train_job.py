"""TrainJobs: their Job of nodes, what the nodes find, and how it is told how they go."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from katib.api import names
from katib.api.codec import format_time, from_manifest, with_status
from katib.api.kinds import (
    CLUSTER_TRAINING_RUNTIMES,
    JOBS,
    PODS,
    TRAIN_JOBS,
    TRAINER,
    TRAINING_RUNTIMES,
)
from katib.api.trial import TRIALS, Trial
from katib.api.values import Key, Manifest, ObjectMeta, Resource, Unstructured, owner_reference
from katib.executors.job import JobReconciler
from katib.executors.nodes import WORKSPACE
from katib.executors.runtimes import LABEL_STEP, builtin_runtimes, find_runtime
from katib.executors.torchrun import Torchrun
from katib.executors.train_job import TrainJobReconciler
from katib.ports.reconciler import DONE
from katib.ports.resource_store import Event
from katib.stores.memory import MemoryStore
from katib.testing.clocks import FakeClock

KEY = Key("default", "tune-x1")
NODES = Key("default", "tune-x1-node-0")
TORCH = {"name": "torch-distributed"}


class Stage:
    """One TrainJob of a trial; the test plays the pods."""

    def __init__(self, folder: Path, path: str = "", **spec: Any) -> None:
        self.clock = FakeClock()
        self.store = MemoryStore(self.clock)
        self.told: list[tuple[str, str]] = []
        self.woken: list[Key] = []
        torchrun = Torchrun(folder / "launchers", path)
        self.reconciler = TrainJobReconciler(self.store, self, self.clock, torchrun)
        self.jobs = JobReconciler(self.store, self.clock)
        trial = self.store.create(
            TRIALS, Trial(metadata=ObjectMeta(name=KEY.name, namespace=KEY.namespace))
        )
        self.store.create(
            TRAIN_JOBS,
            Unstructured(
                api_version=TRAINER,
                kind="TrainJob",
                metadata=ObjectMeta(
                    name=KEY.name,
                    namespace=KEY.namespace,
                    owner_references=(owner_reference(trial),),
                ),
                body={"spec": {"runtimeRef": TORCH, **spec}},
            ),
        )
        self.store.subscribe(self._hear)

    def record(self, resource: Resource, reason: str, message: str, warning: bool = False) -> None:
        self.told.append((reason, message))

    def reconcile(self) -> None:
        """The TrainJob, its Job, and what comes of that."""
        assert self.reconciler.reconcile(KEY) == DONE
        for _ in range(2):
            self.jobs.reconcile(NODES)
        assert self.reconciler.reconcile(KEY) == DONE

    @property
    def train_job(self) -> Unstructured:
        return self.store.get(TRAIN_JOBS, KEY)

    @property
    def conditions(self) -> list[tuple[str, str, str]]:
        found = self.train_job.status.get("conditions", ())
        return [(one["type"], one["status"], one["reason"]) for one in found]

    @property
    def message(self) -> str:
        return str(self.train_job.status["conditions"][-1]["message"])

    @property
    def states(self) -> dict[str, int]:
        """The states in which there are Jobs."""
        [found] = self.train_job.status["jobsStatus"]
        assert found.pop("name") == "node"
        return {state: count for state, count in found.items() if count}

    @property
    def pods(self) -> list[Unstructured]:
        return sorted(self.store.list(PODS), key=lambda pod: pod.metadata.name)

    @property
    def container(self) -> Manifest:
        found: Manifest = self.pods[0].spec["containers"][0]
        return found

    @property
    def variables(self) -> dict[str, str]:
        """The plain ones of the first node."""
        return {one["name"]: one["value"] for one in self.container["env"] if "value" in one}

    @property
    def ranked(self) -> set[str]:
        """The variables that hold the number of the node."""
        path = "metadata.annotations['batch.kubernetes.io/job-completion-index']"
        return {
            one["name"]
            for one in self.container["env"]
            if one.get("valueFrom") == {"fieldRef": {"fieldPath": path}}
        }

    def end(self, phase: str, message: str = "") -> None:
        """All pods end, and everybody looks."""
        ended = {"terminated": {"finishedAt": format_time(self.clock.now())}}
        status: Manifest = {"phase": phase, "containerStatuses": [{"state": ended}]}
        if message:
            status["message"] = message
        for pod in self.pods:
            self.store.update_status(PODS, with_status(pod, status))
        self.jobs.reconcile(NODES)
        self.reconciler.reconcile(KEY)

    def _hear(self, event: Event) -> None:
        if event.kind in (TRAIN_JOBS, JOBS):
            self.woken += self.reconciler.keys(event)


def a_runtime(runtime: str, policy: Manifest | None = None, **container: Any) -> Manifest:
    """One as users write them."""
    [found] = [one for one in builtin_runtimes() if one["metadata"]["name"] == "torch-distributed"]
    found["metadata"]["name"] = runtime
    spec = found["spec"]
    spec["mlPolicy"] = {"numNodes": 1} if policy is None else policy
    job = spec["template"]["spec"]["replicatedJobs"][0]["template"]
    job["spec"]["template"]["spec"]["containers"] = [{"name": "node", "image": "i", **container}]
    return found


def test_a_train_job_makes_a_pod_for_each_node(tmp_path: Path) -> None:
    trainer = {"numNodes": 2, "image": "mine", "command": ["python", "a.py"], "args": ["--lr=1"]}
    stage = Stage(tmp_path, trainer=trainer)
    stage.reconcile()
    first, second = stage.pods
    assert first.metadata.name.startswith("tune-x1-node-0-0-")
    assert second.metadata.name.startswith("tune-x1-node-0-1-")
    for index, pod in enumerate((first, second)):
        assert pod.metadata.labels == {
            "jobset.sigs.k8s.io/jobset-name": "tune-x1",
            "jobset.sigs.k8s.io/replicatedjob-name": "node",
            "jobset.sigs.k8s.io/job-index": "0",
            "batch.kubernetes.io/job-completion-index": str(index),
            LABEL_STEP: "trainer",
            names.LABEL_JOB: "tune-x1-node-0",
            names.LABEL_TRIAL: "tune-x1",
        }
        [container] = pod.spec["containers"]
        assert container["name"] == "node"
        assert {name: container[name] for name in ("image", "command", "args")} == {
            name: trainer[name] for name in ("image", "command", "args")
        }
    assert stage.states == {"active": 1, "ready": 1}
    assert stage.conditions == []


def test_the_owners_lead_from_a_pod_to_the_trial(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.reconcile()
    [pod] = stage.pods
    job = stage.store.get(JOBS, NODES)
    owners = [one.metadata.controller for one in (pod, job, stage.train_job)]
    assert [None if one is None else (one.kind, one.name) for one in owners] == [
        ("Job", "tune-x1-node-0"),
        ("TrainJob", "tune-x1"),
        ("Trial", "tune-x1"),
    ]
    stage.store.delete(TRAIN_JOBS, KEY)
    assert stage.pods == []
    assert stage.store.find(JOBS, NODES) is None
    assert stage.reconciler.reconcile(KEY) == DONE


ENDS: dict[str, tuple[str, str, tuple[str, str, str], str]] = {
    "when the nodes succeed": (
        "Succeeded",
        "",
        ("Complete", "True", "AllJobsCompleted"),
        "jobset completed successfully",
    ),
    "with what is to be said of the metrics": (
        "Succeeded",
        "no line named loss was found",
        ("Complete", "True", "AllJobsCompleted"),
        "jobset completed successfully. no line named loss was found",
    ),
    "when a node fails, at once": (
        "Failed",
        "Container node exited with code 3",
        ("Failed", "True", "FailedJobs"),
        "jobset failed due to one or more job failures (first failed job: tune-x1-node-0). "
        "Job has reached the specified backoff limit. Container node exited with code 3",
    ),
}


@pytest.mark.parametrize("case", ENDS)
def test_a_train_job_ends(case: str, tmp_path: Path) -> None:
    phase, said, condition, message = ENDS[case]
    stage = Stage(tmp_path, trainer={"numNodes": 2})
    stage.reconcile()
    stage.clock.advance(5)
    stage.end(phase, said)
    assert stage.conditions == [condition]
    assert stage.message == message
    assert stage.states == {"succeeded" if phase == "Succeeded" else "failed": 1}
    [found] = stage.train_job.status["conditions"]
    assert found["lastTransitionTime"] == format_time(stage.clock.now())
    version = stage.store.version
    stage.reconcile()
    assert stage.store.version == version


def test_nodes_of_torch_find_each_other(tmp_path: Path) -> None:
    stage = Stage(tmp_path, trainer={"numNodes": 2, "numProcPerNode": 3})
    stage.reconcile()
    found = stage.variables
    port = found.pop("PET_MASTER_PORT")
    assert 1024 < int(port) < 65536
    assert found == {
        "PET_NNODES": "2",
        "PET_NPROC_PER_NODE": "3",
        "PET_MASTER_ADDR": "127.0.0.1",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": port,
    }
    assert stage.ranked == {"PET_NODE_RANK", "JOB_COMPLETION_INDEX"}
    assert len({str(pod.spec["containers"][0]["env"]) for pod in stage.pods}) == 1


def test_nodes_of_jax_find_each_other(tmp_path: Path) -> None:
    stage = Stage(tmp_path, runtimeRef={"name": "jax-distributed"}, trainer={"numNodes": 2})
    stage.reconcile()
    found = stage.variables
    assert found["JAX_NUM_PROCESSES"] == found["WORLD_SIZE"] == "2"
    assert found["JAX_COORDINATOR_ADDRESS"] == f"127.0.0.1:{found['MASTER_PORT']}"
    assert "PET_NNODES" not in found
    assert stage.ranked == {"JAX_PROCESS_ID", "RANK", "JOB_COMPLETION_INDEX"}


def test_the_variables_of_a_train_job_win(tmp_path: Path) -> None:
    env = [{"name": "MASTER_PORT", "value": "29500"}, {"name": "A", "value": "1"}]
    stage = Stage(tmp_path, trainer={"env": env})
    stage.reconcile()
    found = [one["name"] for one in stage.container["env"]]
    assert len(found) == len(set(found))
    assert (stage.variables["MASTER_PORT"], stage.variables["A"]) == ("29500", "1")


PROCESSES: dict[str, tuple[Manifest, str]] = {
    "one, when nothing is said": ({}, "1"),
    "as many as are asked for": ({"numProcPerNode": 4}, "4"),
    "a number in quotes": ({"numProcPerNode": "4"}, "4"),
    "one for each CPU": ({"resourcesPerNode": {"limits": {"cpu": "2"}}}, "2"),
    "a part of a CPU is one": ({"resourcesPerNode": {"requests": {"cpu": "1500m"}}}, "2"),
    "one for each GPU": (
        {"resourcesPerNode": {"limits": {"cpu": 8, "nvidia.com/gpu": 2}}},
        "2",
    ),
    "GPUs do not count when CPUs are asked for": (
        {"numProcPerNode": "cpu", "resourcesPerNode": {"limits": {"cpu": 8, "amd.com/gpu": 2}}},
        "8",
    ),
    "CPUs do not count when GPUs are asked for": (
        {"numProcPerNode": "gpu", "resourcesPerNode": {"limits": {"cpu": 8}}},
        "1",
    ),
}


@pytest.mark.parametrize("case", PROCESSES)
def test_how_many_processes_a_node_has(case: str, tmp_path: Path) -> None:
    trainer, expected = PROCESSES[case]
    stage = Stage(tmp_path, trainer=trainer)
    stage.reconcile()
    assert stage.variables["PET_NPROC_PER_NODE"] == expected


def test_a_node_works_in_a_folder_of_its_own(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.reconcile()
    assert stage.container["workingDir"] == WORKSPACE
    [mount] = stage.container["volumeMounts"]
    assert mount["mountPath"] == WORKSPACE
    [volume] = stage.pods[0].spec["volumes"]
    assert volume == {"name": mount["name"], "emptyDir": {}}


def test_one_process_is_started_with_python_where_there_is_no_torchrun(tmp_path: Path) -> None:
    stage = Stage(tmp_path, path=str(tmp_path))
    stage.reconcile()
    assert [reason for reason, _ in stage.told] == ["TorchrunMissing"]
    assert stage.variables["PATH"] == f"$(PATH):{tmp_path}/launchers"
    assert os.access(tmp_path / "launchers" / "torchrun", os.X_OK)


def test_nothing_is_said_of_torchrun_where_there_is_one(tmp_path: Path) -> None:
    program = tmp_path / "torchrun"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    stage = Stage(tmp_path, path=str(tmp_path))
    stage.reconcile()
    assert stage.told == []


def test_many_processes_need_a_torchrun(tmp_path: Path) -> None:
    stage = Stage(tmp_path, trainer={"numNodes": 2})
    stage.reconcile()
    assert "PATH" not in stage.variables
    assert stage.told == []


LAUNCHES: dict[str, tuple[list[str], str]] = {
    "a program": (["a.py", "--lr=1"], "a.py --lr=1 rank 0 of 1"),
    "options of torchrun are passed over": (
        ["--standalone", "--nproc-per-node=1", "--nnodes", "1", "a.py", "-m"],
        "a.py -m rank 0 of 1",
    ),
    "a module": (["-m", "a", "x"], "a.py x rank 0 of 1"),
    "a program that is not Python": (["--no-python", "echo", "hello"], "hello"),
}


@pytest.mark.parametrize("case", LAUNCHES)
def test_the_stand_in_for_torchrun(case: str, tmp_path: Path) -> None:
    words, expected = LAUNCHES[case]
    program = "import os, sys\nnames = [os.path.basename(one) for one in sys.argv]\n"
    program += "print(*names, 'rank', os.environ['RANK'], 'of', os.environ['WORLD_SIZE'])\n"
    (tmp_path / "a.py").write_text(program)
    folder = Torchrun(tmp_path / "launchers", "").stand_in()
    ended = subprocess.run(
        [f"{folder}/torchrun", *words], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert ended.stdout.strip() == expected
    assert "torchrun is not installed" in ended.stderr


def test_a_suspended_train_job_has_no_nodes_until_it_is_resumed(tmp_path: Path) -> None:
    stage = Stage(tmp_path, suspend=True)
    stage.reconcile()
    assert stage.pods == []
    assert stage.conditions == [("Suspended", "True", "Suspended")]
    assert stage.states == {"suspended": 1}
    suspend(stage, False)
    stage.reconcile()
    assert len(stage.pods) == 1
    assert stage.conditions == [("Suspended", "False", "Resumed")]
    suspend(stage, True)
    stage.reconcile()
    assert stage.pods == []
    assert stage.conditions == [("Suspended", "True", "Suspended")]


def suspend(stage: Stage, is_suspended: bool) -> None:
    found = stage.train_job
    body = {**found.body, "spec": {**found.spec, "suspend": is_suspended}}
    stage.store.update(TRAIN_JOBS, replace(found, body=body))


REFUSED: dict[str, tuple[Manifest, str]] = {
    "a runtime that nobody made": (
        {"runtimeRef": {"name": "torch"}},
        'spec.runtimeRef: found no ClusterTrainingRuntime "torch"; create it, or name one that is '
        "built in: torch-distributed or jax-distributed",
    ),
    "a runtime of a namespace that nobody made": (
        {"runtimeRef": {"name": "torch-distributed", "kind": "TrainingRuntime"}},
        'found no TrainingRuntime "torch-distributed" in namespace "default"; create it',
    ),
    "programs of images that fetch data": (
        {"initializer": {"dataset": {"storageUri": "hf://a/b"}}},
        "spec.initializer: found one; its program is in an image",
    ),
    "MPI": (
        {"runtimeRef": {"name": "mpi"}},
        "runtime mpi starts its processes by MPI, which needs a cluster",
    ),
    "other jobs in the runtime": (
        {"runtimeRef": {"name": "many"}},
        "runtime many has the jobs launcher beside the one that trains",
    ),
    "no job that trains": (
        {"runtimeRef": {"name": "empty"}},
        "runtime empty has 0 jobs with the label",
    ),
    "no container for the program": (
        {"runtimeRef": {"name": "nameless"}},
        "its runtime needs a container node in its job; it has main",
    ),
    "resources that are no number": (
        {"trainer": {"resourcesPerNode": {"limits": {"cpu": "many"}}}},
        "resources of a node: found many",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_train_job_that_cannot_be_run_here_fails_and_says_why(case: str, tmp_path: Path) -> None:
    spec, words = REFUSED[case]
    stage = Stage(tmp_path, **spec)
    empty, many = a_runtime("empty"), a_runtime("many")
    empty["spec"]["template"]["spec"]["replicatedJobs"] = []
    many["spec"]["template"]["spec"]["replicatedJobs"].append({"name": "launcher"})
    nameless = a_runtime("nameless", name="main")
    runtimes = (a_runtime("mpi", {"mpi": {}}), empty, many, nameless)
    for runtime in runtimes:
        stage.store.create(
            CLUSTER_TRAINING_RUNTIMES, from_manifest(CLUSTER_TRAINING_RUNTIMES, runtime)
        )
    stage.reconcile()
    assert stage.conditions == [("Failed", "True", "TrainingRuntimeNotSupported")]
    assert words in stage.message
    assert stage.pods == []


def test_a_runtime_of_the_store_comes_before_one_that_is_built_in(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    own = a_runtime("torch-distributed", {"numNodes": 3}, workingDir="/src", command=["own"])
    stage.store.create(CLUSTER_TRAINING_RUNTIMES, from_manifest(CLUSTER_TRAINING_RUNTIMES, own))
    stage.reconcile()
    assert len(stage.pods) == 3
    assert (stage.container["workingDir"], stage.container["command"]) == ("/src", ["own"])
    assert "volumeMounts" not in stage.container


def test_a_runtime_of_the_namespace_is_found(tmp_path: Path) -> None:
    reference = {"name": "mine", "kind": "TrainingRuntime"}
    stage = Stage(tmp_path, runtimeRef=reference)
    own = {**a_runtime("mine", command=["own"]), "kind": "TrainingRuntime"}
    own["metadata"]["namespace"] = KEY.namespace
    stage.store.create(TRAINING_RUNTIMES, from_manifest(TRAINING_RUNTIMES, own))
    stage.reconcile()
    assert stage.container["command"] == ["own"]
    assert find_runtime(stage.store, stage.train_job)["metadata"]["name"] == "mine"


def test_fields_that_mean_nothing_here_are_told(tmp_path: Path) -> None:
    stage = Stage(tmp_path, path=str(tmp_path), podTemplateOverrides=[{}], managedBy="x")
    stage.reconcile()
    assert ("FieldsNotUsed", "Not looked at on one machine: spec.podTemplateOverrides") in (
        stage.told
    )


def test_a_job_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    metadata = ObjectMeta(name=NODES.name, namespace=NODES.namespace)
    other = Unstructured(api_version="batch/v1", kind="Job", metadata=metadata)
    stage.store.create(JOBS, other)
    stage.reconciler.reconcile(KEY)
    assert stage.conditions == [("Failed", "True", "TrainingRuntimeNotSupported")]
    assert "belongs to something else" in stage.message


WAKES: dict[str, tuple[Callable[[Stage], None], bool]] = {
    "its Job got a status": (
        lambda stage: put_status(stage, JOBS, NODES),
        True,
    ),
    "its Job is gone": (lambda stage: stage.store.delete(JOBS, NODES), True),
    "its spec changed": (lambda stage: suspend(stage, True), True),
    "its own status was written": (lambda stage: put_status(stage, TRAIN_JOBS, KEY), False),
    "it is gone": (lambda stage: stage.store.delete(TRAIN_JOBS, KEY), True),
}


def put_status(stage: Stage, kind: Any, key: Key) -> None:
    stage.store.update_status(kind, with_status(stage.store.get(kind, key), {"a": 1}))


@pytest.mark.parametrize("case", WAKES)
def test_it_wakes_for_what_can_change_it(case: str, tmp_path: Path) -> None:
    change, is_woken = WAKES[case]
    stage = Stage(tmp_path)
    stage.reconcile()
    stage.woken.clear()
    change(stage)
    assert set(stage.woken) == ({KEY} if is_woken else set())


def test_a_job_of_nodes_that_is_gone_is_made_again(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.reconcile()
    stage.store.delete(JOBS, NODES)
    assert stage.pods == []
    stage.reconcile()
    assert len(stage.pods) == 1
