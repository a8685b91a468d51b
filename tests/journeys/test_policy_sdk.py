"""The fields that Katib does not have, through Katib's own SDK, which knows nothing of them."""

from __future__ import annotations

import json
import subprocess

import pytest
from command_line import Katib, an_experiment

from environments import an_environment

pytestmark = [pytest.mark.journey, pytest.mark.timeout(900)]

PACKAGES = ("kubeflow-katib==0.19.0", "kubernetes<36")

PROGRAM = """
import json, sys, yaml
from kubeflow.katib import KatibClient, V1beta1Experiment, V1beta1ExperimentSpec
from kubernetes import client as kubernetes

client = KatibClient()
document = yaml.safe_load(open(sys.argv[1]))
# The SDK's objects, and a plain map where they have no field.
spec = V1beta1ExperimentSpec(
    objective=document["spec"]["objective"],
    algorithm=document["spec"]["algorithm"],
    parameters=document["spec"]["parameters"],
    trial_template=document["spec"]["trialTemplate"],
    max_trial_count=2,
    parallel_trial_count=1,
    max_failed_trial_count=2,
    resume_policy="LongRunning",
)
made = V1beta1Experiment(
    api_version=document["apiVersion"],
    kind="Experiment",
    metadata=kubernetes.V1ObjectMeta(name="policy", namespace="default"),
    spec=spec,
)
client.create_experiment(made)
client.wait_for_experiment_condition("policy", timeout=500, polling_interval=1)
known = client.get_experiment("policy")
assert not hasattr(known.spec.objective, "non_finite")
client.edit_experiment_budget("policy", max_trial_count=3)
client.wait_for_experiment_condition(
    "policy", expected_condition="Restarting", timeout=500, polling_interval=1
)
client.wait_for_experiment_condition("policy", timeout=500, polling_interval=1)
best = client.get_optimal_hyperparameters("policy")
print(json.dumps({"best": best.best_trial_name, "trials": len(client.list_trials("policy"))}))
"""


def test_a_policy_survives_the_sdk(katib: Katib) -> None:
    sdk = an_environment("katib-sdk", *PACKAGES)
    objective = {
        "type": "maximize",
        "objectiveMetricName": "score",
        "additionalMetricNames": ["val_*"],
        "nonFinite": "penalise",
    }
    # The first trial is infinitely good, as far as numbers go.
    script = """
if [ -e first ]; then echo score=${trialParameters.x} val_a=1 val_b=2
else touch first; echo score=inf; fi
"""
    path = katib.write(an_experiment(script, objective=objective))
    katib("up", "--detach", "--port", "0", check=0)
    try:
        ended = subprocess.run(
            [sdk, "-c", PROGRAM, path],
            cwd=katib.folder,
            env={**katib.environment, "KUBECONFIG": str(katib.home / "kubeconfig")},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
    finally:
        katib("down", "--stop-trials", check=0)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    found = json.loads(ended.stdout.splitlines()[-1])
    assert found["trials"] == 3
    experiment = katib.get("experiment", "policy")
    for kept in (experiment["spec"], *(trial["spec"] for trial in katib.trials("policy"))):
        assert kept["objective"]["nonFinite"] == "penalise"
        assert kept["objective"]["additionalMetricNames"] == ["val_*"]
    scores = {
        trial["metadata"]["name"]: {
            metric["name"]: metric["latest"] for metric in trial["status"]["observation"]["metrics"]
        }
        for trial in katib.trials("policy")
    }
    assert sorted(one["score"] for one in scores.values())[-1] == "inf"
    assert scores[found["best"]].keys() == {"score", "val_a", "val_b"}
