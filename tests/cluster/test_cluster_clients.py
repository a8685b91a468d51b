"""What users of a cluster speak with: kubectl and Katib's own SDK, unmodified."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from experiments import an_experiment
from processes import wait_for
from stage import Stage

from environments import an_environment
from katib.api.codec import dump_yaml
from katib.api.values import Manifest

pytestmark = [pytest.mark.timeout(600), pytest.mark.usefixtures("running_operator")]

PROGRAM = """
import json, sys
from kubeflow import katib
from kubeflow.katib import KatibClient
from kubernetes import client as kubernetes

namespace = sys.argv[1]
client = KatibClient(namespace=namespace)
experiment = katib.V1beta1Experiment(
    api_version="kubeflow.org/v1beta1",
    kind="Experiment",
    metadata=kubernetes.V1ObjectMeta(name="by-sdk", namespace=namespace),
    spec=katib.V1beta1ExperimentSpec(**json.loads(sys.argv[2])),
)
client.create_experiment(experiment, namespace=namespace)
client.wait_for_experiment_condition("by-sdk", namespace=namespace, polling_interval=1)
best = client.get_optimal_hyperparameters("by-sdk", namespace=namespace)
trials = client.list_trials("by-sdk", namespace=namespace)
suggestion = client.get_suggestion("by-sdk", namespace=namespace)
names = [one.metadata.name for one in client.list_experiments(namespace=namespace)]
client.edit_experiment_budget("by-sdk", namespace=namespace, max_trial_count=5)
client.delete_experiment("by-sdk", namespace=namespace)
print(json.dumps({
    "best": best.best_trial_name,
    "trials": len(trials),
    "assignments": suggestion.status.suggestion_count,
    "experiments": names,
}))
"""


@pytest.fixture(scope="session")
def sdk() -> str:
    """An interpreter with Katib's SDK."""
    return an_environment("katib-sdk", "kubeflow-katib==0.19.0", "kubernetes<36")


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="there is no kubectl")
def test_kubectl(stage: Stage, kubeconfig: Path, tmp_path: Path) -> None:
    def kubectl(*words: str) -> str:
        named = ("--kubeconfig", str(kubeconfig), "-n", stage.experiments.namespace)
        done = subprocess.run(
            ["kubectl", *named, *words], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    path = tmp_path / "experiment.yaml"
    path.write_text(dump_yaml(an_experiment(trials=3)))
    assert "tuned created" in kubectl("apply", "-f", str(path))
    kubectl("wait", "--for=condition=Succeeded", "experiment/tuned", "--timeout=120s")
    (head, line) = kubectl("get", "experiment", "tuned").splitlines()
    assert head.split() == ["NAME", "TYPE", "STATUS", "AGE"]
    assert line.split()[:3] == ["tuned", "Succeeded", "True"]
    assert len(kubectl("get", "trials", "--no-headers").splitlines()) == 3
    assert "Experiment has succeeded" in kubectl("describe", "experiment", "tuned")
    given: Manifest = json.loads(kubectl("get", "suggestion", "tuned", "-o", "json"))
    assert given["status"]["suggestionCount"] == 3
    kubectl("delete", "experiment", "tuned", "--timeout=60s")
    assert stage.experiments.find("experiments", "tuned") is None


def test_katibs_own_sdk(stage: Stage, sdk: str, kubeconfig: Path, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    spec = an_experiment(trials=4, resumePolicy="LongRunning")["spec"]
    done = subprocess.run(
        [sdk, str(program), stage.experiments.namespace, json.dumps(snaked(spec))],
        env={**os.environ, "KUBECONFIG": str(kubeconfig), "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["trials"] == told["assignments"] == 4
    assert told["experiments"] == ["by-sdk"]
    assert told["best"].startswith("by-sdk-")
    wait_for(lambda: stage.experiments.find("experiments", "by-sdk") is None, "it is deleted")


def snaked(spec: Manifest) -> Manifest:
    """The fields of a spec as the SDK's models call them; what is below them stays as it is."""
    return {
        "".join(f"_{one.lower()}" if one.isupper() else one for one in name): value
        for name, value in spec.items()
    }
