"""Tunes a function that prints its metrics, then trains with the best values.

    python examples/sdk/tune_function.py

The same program runs with Katib's own SDK: write ``kubeflow.katib`` for ``katib``.
"""

from katib import KatibClient, search

NAME = "tune-function"


def train(parameters: dict[str, str]) -> None:
    """Follow a slope down; only its text goes to trials."""
    rate, momentum = float(parameters["lr"]), 0.0
    place = 4.0
    print(f"is distributed: {parameters['is_dist']}")
    for epoch in range(int(parameters["num_epoch"])):
        momentum = 0.5 * momentum - rate * 2 * (place - 1)
        place += momentum
        loss = (place - 1) ** 2
        print(f"epoch={epoch} loss={loss:.6f} accuracy={1 / (1 + loss):.6f}")


def main() -> None:
    client = KatibClient()
    parameters = {
        "lr": search.double(min=0.01, max=0.3),
        "num_epoch": search.int(min=5, max=10),
        "is_dist": False,
    }
    client.tune(
        name=NAME,
        objective=train,
        parameters=parameters,
        algorithm_name="cmaes",
        algorithm_settings={"random_state": 1},
        objective_metric_name="accuracy",
        additional_metric_names=["loss"],
        max_trial_count=6,
        parallel_trial_count=2,
        resources_per_trial={"cpu": "1", "memory": "100Mi"},
    )
    client.wait_for_experiment_condition(NAME, polling_interval=1)
    print(f"succeeded: {client.is_experiment_succeeded(NAME)}")
    best = client.get_optimal_hyperparameters(NAME)
    values = {one.name: one.value for one in best.parameter_assignments}
    print(f"training with {values}")
    train({**values, "is_dist": "False"})
    client.delete_experiment(NAME)


if __name__ == "__main__":
    main()
