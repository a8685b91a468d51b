"""Optimises the benchmark's function with Ray Tune; started by sdk.py in Ray's environment.

Prints what sdk_katib.py prints; the first search is one of a single trial, too.
"""

from __future__ import annotations

import json
import sys
import time

import ray
from ray import tune


def objective(config: dict[str, float]) -> None:
    tune.report({"objective": config["x"] ** 2 + config["y"] ** 2})


def main() -> None:
    folder, trials, parallel = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    started = time.monotonic()
    ray.init(num_cpus=parallel, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    search(folder, 1)
    first = time.monotonic() - started
    started = time.monotonic()
    found = search(folder, trials)
    seconds = time.monotonic() - started
    ended = [one for one in found if one.error is None]
    print(json.dumps({"trials": len(ended), "seconds": seconds, "first": first}))


def search(folder: str, trials: int) -> tune.ResultGrid:
    space = {"x": tune.uniform(-5, 5), "y": tune.uniform(-5, 5)}
    return tune.Tuner(
        tune.with_resources(objective, {"cpu": 1}),
        param_space=space,
        tune_config=tune.TuneConfig(num_samples=trials, metric="objective", mode="min"),
        run_config=tune.RunConfig(storage_path=folder, name=f"sdk-{trials}", verbose=0),
    ).fit()


if __name__ == "__main__":
    main()
