"""Three experiments that are built of models; they differ in what is kept when they have ended.

    python examples/sdk/resume_policies.py

The same program runs with Katib's own SDK: write ``kubeflow.katib`` for ``katib``.
"""

import time

from katib import (
    KatibClient,
    V1beta1AlgorithmSetting,
    V1beta1AlgorithmSpec,
    V1beta1Experiment,
    V1beta1ExperimentSpec,
    V1beta1FeasibleSpace,
    V1beta1ObjectiveSpec,
    V1beta1ParameterSpec,
    V1beta1TrialParameterSpec,
    V1beta1TrialTemplate,
)
from katib.models import V1ObjectMeta

NAMESPACE = "default"
PROGRAM = """
rate, momentum = float("${trialParameters.learningRate}"), float("${trialParameters.momentum}")
for epoch in range(3):
    print(f"epoch={epoch} loss={(rate - 0.03) ** 2 + (momentum - 0.7) ** 2 / (epoch + 1)}")
"""


def an_experiment(name: str, resume_policy: str) -> V1beta1Experiment:
    """CMA-ES with two parameters of a small program."""
    container = {
        "name": "training-container",
        "image": "docker.io/library/python:3.11",
        "command": ["python3", "-c", PROGRAM],
    }
    trial = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "spec": {"template": {"spec": {"containers": [container], "restartPolicy": "Never"}}},
    }
    parameters = [
        V1beta1ParameterSpec(
            name="lr",
            parameter_type="double",
            feasible_space=V1beta1FeasibleSpace(min="0.01", max="0.06"),
        ),
        V1beta1ParameterSpec(
            name="momentum",
            parameter_type="double",
            feasible_space=V1beta1FeasibleSpace(min="0.5", max="0.9"),
        ),
    ]
    template = V1beta1TrialTemplate(
        primary_container_name="training-container",
        trial_parameters=[
            V1beta1TrialParameterSpec(name="learningRate", description="rate", reference="lr"),
            V1beta1TrialParameterSpec(name="momentum", reference="momentum"),
        ],
        trial_spec=trial,
    )
    return V1beta1Experiment(
        api_version="kubeflow.org/v1beta1",
        kind="Experiment",
        metadata=V1ObjectMeta(name=name, namespace=NAMESPACE),
        spec=V1beta1ExperimentSpec(
            max_trial_count=3,
            parallel_trial_count=2,
            max_failed_trial_count=1,
            resume_policy=resume_policy,
            algorithm=V1beta1AlgorithmSpec(
                algorithm_name="cmaes",
                algorithm_settings=[V1beta1AlgorithmSetting(name="random_state", value="1")],
            ),
            objective=V1beta1ObjectiveSpec(type="minimize", goal=0.0, objective_metric_name="loss"),
            parameters=parameters,
            trial_template=template,
        ),
    )


def main() -> None:
    client = KatibClient()
    policies = {"never-resume": "Never", "from-volume": "FromVolume", "long-running": "LongRunning"}
    for name, policy in policies.items():
        client.create_experiment(an_experiment(name, policy), namespace=NAMESPACE)
        found = client.get_experiment(name, NAMESPACE)
        print(f"{found.metadata.name}: resumes {found.spec.resume_policy}")
    for name in policies:
        client.wait_for_experiment_condition(name, NAMESPACE, polling_interval=1)
        last = client.get_experiment_conditions(name, NAMESPACE)[-1]
        print(f"{name}: {last.type}, {last.reason}")
    listed = {one.metadata.name for one in client.list_experiments(NAMESPACE)}
    print(f"all are listed: {listed >= policies.keys()}")
    print(f"trials of the first: {len(client.list_trials('never-resume', NAMESPACE))}")
    best = client.get_optimal_hyperparameters("never-resume", NAMESPACE)
    print(f"best of the first: {[(one.name, one.value) for one in best.parameter_assignments]}")
    for name in ("from-volume", "long-running"):
        # Two more, which the algorithm draws knowing the first three.
        client.edit_experiment_budget(name, NAMESPACE, max_trial_count=5)
        while client.get_experiment(name, NAMESPACE).status.trials_succeeded != 5:
            time.sleep(0.2)
        client.wait_for_experiment_condition(name, NAMESPACE, polling_interval=1)
        suggestion = client.get_suggestion(name, NAMESPACE)
        print(f"{name}: {suggestion.status.suggestion_count} suggestions")
    for name in policies:
        client.delete_experiment(name, NAMESPACE)


if __name__ == "__main__":
    main()
