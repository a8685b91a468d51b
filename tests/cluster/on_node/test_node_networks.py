"""Katib's own documents for architectures and populations, in real pods that really train."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml
from node_cluster import LONGEST, NodeCluster, a_volume, end_of, wait_for

from katib.api.values import Manifest
from katib.search.algorithms.pbt import GENERATION, MEMBER, PARENT

pytestmark = [pytest.mark.node, pytest.mark.timeout(1800)]

EXAMPLES = Path(__file__).resolve().parent.parent.parent.parent / "examples"

#: The namespace that the documents name.
NAMESPACE = "kubeflow"

#: How many members the population has, and how many trials there are for each.
MEMBERS, GENERATIONS = 5, 2


def a_document(path: str, image: str) -> Manifest:
    """A published document with the cluster's own image; its networks see few pictures."""
    manifest: Manifest = yaml.safe_load((EXAMPLES / path).read_text())
    job = manifest["spec"]["trialTemplate"]["trialSpec"]
    [container] = job["spec"]["template"]["spec"]["containers"]
    container["image"] = image
    few = {"TRIAL_IMAGES": "60", "OMP_NUM_THREADS": "1"}
    container["env"] = [{"name": name, "value": value} for name, value in few.items()]
    return manifest


def a_population(image: str) -> Manifest:
    """The document of ``pbt``, as small as can be and long enough for children."""
    manifest = a_document("hp-tuning/simple-pbt.yaml", image)
    manifest["spec"]["maxTrialCount"] = MEMBERS * GENERATIONS
    for setting in manifest["spec"]["algorithm"]["algorithmSettings"]:
        if setting["name"] == "n_population":
            setting["value"] = str(MEMBERS)
    return manifest


@pytest.fixture(scope="module")
def started(
    node_cluster: NodeCluster, networks_image: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[NodeCluster]:
    """A cluster with Katib where the documents say, and their experiments, side by side."""
    cluster, folder = node_cluster, tmp_path_factory.mktemp("volumes")
    cluster.run(f"kubectl create namespace {NAMESPACE}")
    cluster.apply(
        a_volume("katib-observations", folder / "observations"),
        a_volume("katib-checkpoints", folder / "checkpoints", accessModes=["ReadWriteMany"]),
    )
    cluster.install("--namespaced", "--namespace", NAMESPACE, "--no-ui")
    for name in ("katib-db-manager", "katib-controller"):
        cluster.run(f"kubectl -n {NAMESPACE} rollout status deployment {name} --timeout=5m")
    documents = [
        a_document(f"nas/{name}.yaml", networks_image) for name in ("enas-cpu", "darts-cpu")
    ]
    cluster.apply(*documents, a_population(networks_image), namespace=NAMESPACE)
    try:
        yield cluster
    finally:
        print(cluster.run(f"kubectl -n {NAMESPACE} get experiments,trials,pods,pvc -o wide"))
        print(cluster.run(f"kubectl -n {NAMESPACE} logs deployment/katib-controller --tail=50"))
        cluster.run(f"kubectl -n {NAMESPACE} delete experiments --all --timeout=2m")
        cluster.run(f"kubectl delete namespace {NAMESPACE}")
        cluster.run("kubectl delete pv katib-observations katib-checkpoints")


def over(cluster: NodeCluster, name: str) -> Manifest:
    """An experiment, when it is over."""
    wait_for(lambda: name not in cluster.unfinished(NAMESPACE), f"{name} is over", 2 * LONGEST)
    experiment: Manifest = cluster.get(NAMESPACE, "experiment", name)
    return experiment


def trials_of(cluster: NodeCluster, name: str) -> list[Manifest]:
    """All trials of an experiment, when it is over."""
    over(cluster, name)
    return cluster.trials_of(NAMESPACE, name)


def assigned(trial: Manifest) -> Mapping[str, str]:
    return {one["name"]: one["value"] for one in trial["spec"]["parameterAssignments"]}


def observed(trial: Manifest) -> str:
    """The value of the trial's only metric."""
    [metric] = trial["status"]["observation"]["metrics"]
    return str(metric["latest"])


@pytest.mark.parametrize(
    ("name", "trials"),
    [("enas-cpu", 3), ("darts-cpu", 1), ("simple-pbt", MEMBERS * GENERATIONS)],
)
def test_a_document_runs_to_its_end(started: NodeCluster, name: str, trials: int) -> None:
    experiment = over(started, name)
    assert end_of(experiment) == "ExperimentMaxTrialsReached"
    assert experiment["status"]["trialsSucceeded"] == trials


def test_enas_trains_a_network_of_each_architecture(started: NodeCluster) -> None:
    trials = trials_of(started, "enas-cpu")
    assert len({assigned(one)["architecture"] for one in trials}) == 3
    assert all(0 <= float(observed(one)) <= 1 for one in trials)


def test_darts_finds_a_genotype(started: NodeCluster) -> None:
    [trial] = trials_of(started, "darts-cpu")
    assert re.fullmatch(r"Genotype\(normal=\[\[\('\w+',\d\).*\)", observed(trial))


def test_children_go_on_from_the_checkpoints_of_their_parents(
    started: NodeCluster, tmp_path: Path
) -> None:
    """The program computes the same here, from nothing and then from the parent's checkpoint."""
    program = EXAMPLES / "programs" / "simple-pbt" / "opt" / "pbt" / "pbt_test.py"
    trials = trials_of(started, "simple-pbt")
    seats = set()
    # A parent may be of the same generation; in any case its end was before its child's beginning.
    for trial in sorted(trials, key=lambda one: str(one["metadata"]["creationTimestamp"])):
        labels, name = trial["metadata"]["labels"], trial["metadata"]["name"]
        seats.add((int(labels[MEMBER]), int(labels[GENERATION])))
        assert (PARENT in labels) == (labels[GENERATION] != "0")
        if PARENT in labels:
            shutil.copytree(tmp_path / labels[PARENT], tmp_path / name)
        words = ["--epochs=20", f"--lr={assigned(trial)['lr']}", f"--checkpoint={tmp_path / name}"]
        printed = subprocess.check_output([sys.executable, program, *words], text=True)
        assert f"Validation-accuracy={observed(trial)} " in printed, printed
    # Nobody waits for a generation to be complete, so that some member may be ahead of another.
    assert len(seats) == MEMBERS * GENERATIONS
    assert {member for member, generation in seats if generation == 0} == set(range(MEMBERS))
