"""Tunes a function that reports its metrics itself, epoch by epoch.

    python examples/sdk/push_metrics.py

The same program runs with Katib's own SDK: write ``kubeflow.katib`` for ``katib``.
"""

from katib import KatibClient, search

NAME = "push-metrics"


def train(parameters: dict[str, str]) -> None:
    """Learn to tell points inside of a circle from those outside; only its text goes to trials."""
    import math
    import random

    from katib import report_metrics

    rate, momentum = float(parameters["lr"]), float(parameters["momentum"])
    draw = random.Random(0)
    points = [(draw.uniform(-1, 1), draw.uniform(-1, 1)) for _ in range(200)]
    rows = [((1.0, x * x, y * y), float(x * x + y * y < 0.5)) for x, y in points]
    weights, steps = [0.0] * 3, [0.0] * 3
    for epoch in range(int(parameters["num_epochs"])):
        loss, right = 0.0, 0
        for features, label in rows:
            score = sum(weight * one for weight, one in zip(weights, features, strict=True))
            guess = 1 / (1 + math.exp(-max(-30.0, min(30.0, score))))
            loss -= math.log(max(1e-9, guess if label else 1 - guess)) / len(rows)
            right += (guess > 0.5) == bool(label)
            for place, one in enumerate(features):
                steps[place] = momentum * steps[place] - rate * (guess - label) * one
                weights[place] += steps[place]
        print(f"epoch {epoch}: loss {loss:.4f}, {right} of {len(rows)} right")
        report_metrics({"accuracy": right / len(rows), "loss": loss})


def main() -> None:
    client = KatibClient()
    client.tune(
        name=NAME,
        objective=train,
        parameters={
            "lr": search.double(min=0.001, max=0.5),
            "momentum": search.double(min=0.1, max=0.9),
            "num_epochs": 5,
        },
        objective_metric_name="accuracy",
        additional_metric_names=["loss"],
        max_trial_count=4,
        parallel_trial_count=2,
        resources_per_trial={"cpu": "1"},
        metrics_collector_config={"kind": "Push"},
        # A run that has gone has no log.
        retain_trials=True,
    )
    experiment = client.wait_for_experiment_condition(NAME, polling_interval=1)
    best = client.get_optimal_hyperparameters(NAME)
    assignments = {one.name: float(one.value) for one in best.parameter_assignments}
    accuracy = next(one for one in best.observation.metrics if one.name == "accuracy")
    print(f"{experiment.status.trials_succeeded} trials, the best {best.best_trial_name}")
    print(f"best accuracy: {accuracy.latest} with {assignments}")
    print("log of the best:", *client.get_job_logs(NAME, best.best_trial_name), sep="\n  ")
    client.delete_experiment(NAME)


if __name__ == "__main__":
    main()
