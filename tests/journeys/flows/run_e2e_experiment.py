"""Runs an experiment out of a file to its end, and checks what came of it."""

import argparse
import ast
import logging
from typing import Any

import yaml
from verification import connect, enable_injection, verify_results

from katib import KatibClient

LOG = logging.getLogger(__name__)

#: How long an experiment may take, in seconds.
LONGEST = 60 * 40

RESUMED = ("from-volume-resume", "long-running-resume")


def rewritten(experiment: dict[str, Any], namespace: str, annotations: str | None) -> Any:
    """The experiment of a file, in a namespace and with as few trials as possible."""
    text = yaml.safe_dump(experiment).replace("--batch-size=64", "--num-epochs=2")
    found = yaml.safe_load(text)
    name, spec = found["metadata"]["name"], found["spec"]
    found["metadata"]["namespace"] = namespace
    if spec["algorithm"]["algorithmName"] not in ("hyperband", "darts"):
        spec.update(maxTrialCount=2, parallelTrialCount=1, maxFailedTrialCount=0)
    if name == "random":
        spec.update(maxTrialCount=3, parallelTrialCount=2)
        if annotations:
            pod = spec["trialTemplate"]["trialSpec"]["spec"]["template"]
            pod.setdefault("metadata", {})["annotations"] = ast.literal_eval(annotations)
    return found


def run(client: KatibClient, experiment: Any) -> None:
    """Create an experiment, wait for it, and resume it if that is what it is for."""
    name, namespace = experiment["metadata"]["name"], experiment["metadata"]["namespace"]
    client.create_experiment(experiment, namespace)
    found = client.wait_for_experiment_condition(
        name, namespace, timeout=LONGEST, polling_interval=1
    )
    if name in RESUMED:
        spec: Any = found.spec
        client.edit_experiment_budget(
            name,
            namespace,
            max_trial_count=spec.max_trial_count + 1,
            parallel_trial_count=spec.parallel_trial_count + 1,
        )
        for condition in ("Restarting", "Succeeded"):
            found = client.wait_for_experiment_condition(
                name, namespace, expected_condition=condition, timeout=LONGEST, polling_interval=1
            )
    verify_results(client, found)
    LOG.debug("%s", found)
    LOG.debug("%s", client.get_suggestion(name, namespace))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--experiment-path", required=True)
    parser.add_argument("--namespace", required=True)
    parser.add_argument("--trial-pod-annotations")
    parser.add_argument("--verbose", action="store_true")
    words = parser.parse_args()
    logging.basicConfig(level=logging.DEBUG if words.verbose else logging.INFO)
    logging.getLogger("kubernetes").setLevel(logging.INFO)
    with open(words.experiment_path) as file:
        experiment = rewritten(yaml.safe_load(file), words.namespace, words.trial_pod_annotations)
    client = KatibClient()
    # Who has no server starts one with the first request.
    client.list_experiments(words.namespace)
    connect()
    enable_injection(words.namespace)
    name = experiment["metadata"]["name"]
    try:
        run(client, experiment)
        print(f"verified: {name}")
    finally:
        client.delete_experiment(name, words.namespace)


if __name__ == "__main__":
    main()
