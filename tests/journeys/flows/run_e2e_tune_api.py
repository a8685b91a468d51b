"""Tunes a function, a distributed function and a language model, and checks what came of them."""

import argparse
from importlib import import_module
from typing import Any

from verification import connect, enable_injection, verify_results

from katib import KatibClient, TrainerResources, search

LONGEST = 60 * 40


def tune_function(client: KatibClient, namespace: str) -> str:
    """A function of two numbers."""

    def objective(parameters: dict[str, str]) -> None:
        import time

        time.sleep(0.2)
        result = 4 * int(parameters["a"]) - float(parameters["b"]) ** 2
        print(f"result={result}")

    name = "tune-example"
    client.tune(
        name=name,
        namespace=namespace,
        objective=objective,
        parameters={"a": search.int(min=10, max=20), "b": search.double(min=0.1, max=0.2)},
        objective_metric_name="result",
        max_trial_count=4,
        resources_per_trial={"cpu": "100m"},
    )
    return name


def tune_distributed(client: KatibClient, namespace: str) -> str:
    """The same in several processes, of which the first prints."""

    def objective(parameters: dict[str, str]) -> None:
        import os

        rank = int(os.environ["RANK"])
        print(f"rank {rank} of {os.environ['WORLD_SIZE']}")
        if rank == 0:
            print(f"result={4 * int(parameters['a']) - float(parameters['b']) ** 2}")

    name = "tune-example-pytorchjob"
    client.tune(
        name=name,
        namespace=namespace,
        objective=objective,
        parameters={"a": search.int(min=10, max=20), "b": search.double(min=0.1, max=0.2)},
        objective_metric_name="result",
        max_trial_count=3,
        parallel_trial_count=2,
        resources_per_trial=TrainerResources(
            num_workers=2, num_procs_per_worker=2, resources_per_worker={"cpu": "100m"}
        ),
    )
    return name


def tune_language_model(client: KatibClient, namespace: str) -> str:
    """A published model; its libraries may be stand-ins."""
    peft, transformers = import_module("peft"), import_module("transformers")

    from katib import HuggingFaceDatasetParams, HuggingFaceModelParams, HuggingFaceTrainerParams

    name = "tune-example-llm-optimization"
    client.tune(
        name=name,
        namespace=namespace,
        model_provider_parameters=HuggingFaceModelParams(
            model_uri="hf://google-bert/bert-base-cased",
            transformer_type=transformers.AutoModelForSequenceClassification,
            num_labels=5,
        ),
        dataset_provider_parameters=HuggingFaceDatasetParams(
            repo_id="yelp_review_full", split="train[:8]"
        ),
        trainer_parameters=HuggingFaceTrainerParams(
            training_parameters=transformers.TrainingArguments(
                output_dir="results", learning_rate=search.double(min=1e-05, max=5e-05)
            ),
            lora_config=peft.LoraConfig(r=search.int(min=8, max=32), lora_alpha=8),
        ),
        storage_config={"size": "10Gi", "access_modes": ["ReadWriteOnce"]},
        objective_metric_name="train_loss",
        objective_type="minimize",
        algorithm_name="random",
        max_trial_count=1,
        parallel_trial_count=1,
        resources_per_trial=TrainerResources(
            num_workers=1,
            num_procs_per_worker=1,
            resources_per_worker={"cpu": "2", "memory": "10G"},
        ),
        retain_trials=True,
    )
    return name


FLOWS = {
    "function": tune_function,
    "distributed": tune_distributed,
    "language-model": tune_language_model,
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("flow", choices=FLOWS)
    parser.add_argument("--namespace", required=True)
    words = parser.parse_args()
    client = KatibClient()
    # Who has no server starts one with the first request.
    client.list_experiments(words.namespace)
    connect()
    enable_injection(words.namespace)
    name = FLOWS[words.flow](client, words.namespace)
    try:
        found: Any = client.wait_for_experiment_condition(
            name, words.namespace, timeout=LONGEST, polling_interval=1
        )
        verify_results(client, found)
        print(f"verified: {name}")
    finally:
        trials: Any = client.list_trials(name, words.namespace)
        for trial in trials:
            for one in trial.status.conditions if trial.status else ():
                print(f"trial: {one.type} {one.status} {one.reason}: {one.message}")
        client.delete_experiment(name, words.namespace)


if __name__ == "__main__":
    main()
