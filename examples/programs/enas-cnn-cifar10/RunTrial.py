"""Stands for the image ``enas-cnn-cifar10``: reads an architecture, and trains no network.

What it prints follows from the architecture alone, plus a little noise that the architecture seeds:
big filters and many of them help, each with less effect than the one before, links that skip layers
help a little, and strides and pooling cost something. So a search has something to find.
"""

from __future__ import annotations

import argparse
import json
import math
import random
from collections.abc import Mapping, Sequence
from typing import Any


def read_json(text: str) -> Any:
    """JSON as Katib hands it over: single quotes for double ones.

    The example puts quotes around the argument, which a shell takes away; here there is no shell.
    """
    return json.loads(text.strip('"').replace("'", '"'))


def worth(operation: Mapping[str, Any]) -> float:
    """How much an operation adds to what the network can learn."""
    given = operation["opt_params"]
    if operation["opt_type"] == "reduction":
        return 0.2 / float(given["pool_size"])
    filters = math.log2(float(given.get("num_filter", 32)))
    size = float(given["filter_size"]) * float(given.get("depth_multiplier", 1)) ** 0.5
    return 0.1 * filters * math.log(size) / float(given["stride"])


def score(architecture: Sequence[Sequence[int]], config: Mapping[str, Any]) -> float:
    """What a network of this architecture comes to, from 0 to 1."""
    if len(architecture) != config["num_layers"]:
        raise SystemExit(
            f"--architecture has {len(architecture)} layers, --nn_config {config['num_layers']}"
        )
    total = 0.0
    for layer in architecture:
        total += worth(config["embedding"][str(layer[0])]) + 0.05 * sum(layer[1:])
    return 1 - math.exp(-total / math.sqrt(len(architecture)))


def main() -> None:
    flags = parse_flags()
    architecture = read_json(flags.architecture)
    best = 0.1 + 0.8 * score(architecture, read_json(flags.nn_config))
    chance = random.Random(flags.architecture)
    for epoch in range(1, flags.num_epochs + 1):
        reached = best * (1 - 0.4 / epoch)
        for what, noise in (("Training", 0.0), ("Validation", chance.gauss(0.02, 0.01))):
            accuracy = max(0.0, reached - noise)
            print(f"{what}-Accuracy={accuracy:.4f}", flush=True)
            print(f"{what}-Loss={-math.log(max(accuracy, 1e-4)):.4f}", flush=True)


def parse_flags() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--architecture", required=True, help="operations and links, layer by layer"
    )
    parser.add_argument("--nn_config", required=True, help="what each operation's number means")
    parser.add_argument("--num_epochs", type=int, default=10)
    parser.add_argument("--num_gpus", type=int, default=1, help="not used")
    return parser.parse_args()


if __name__ == "__main__":
    main()
