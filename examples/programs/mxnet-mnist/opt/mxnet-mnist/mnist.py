"""Stands for the image ``mxnet-mnist``: the same flags and the same lines, and no MXNet.

It trains a chain of numbers, one for each layer, whose product should become one: the deeper the
chain, the harder for a given learning rate and optimizer. Accuracy is made of what is left of the
error.
"""

from __future__ import annotations

import argparse
import math
import random
from collections.abc import Callable, Sequence

#: How many examples there are; a bigger batch makes fewer steps of them.
EXAMPLES = 3200

#: No accuracy is better than this, so that the goal of an example is never reached.
CEILING = 0.98

Step = Callable[[int, float], float]


def plain(lr: float) -> Step:
    """Gradient descent."""
    return lambda index, slope: lr * slope


def adam(lr: float) -> Step:
    """Kingma and Ba, "Adam", 2015, algorithm 1, with a decay of 0.9 and 0.99."""
    means: dict[int, float] = {}
    squares: dict[int, float] = {}
    counts: dict[int, int] = {}

    def step(index: int, slope: float) -> float:
        count = counts[index] = counts.get(index, 0) + 1
        means[index] = 0.9 * means.get(index, 0.0) + 0.1 * slope
        squares[index] = 0.99 * squares.get(index, 0.0) + 0.01 * slope * slope
        spread = math.sqrt(squares[index] / (1 - 0.99**count)) + 1e-8
        return lr * means[index] / (1 - 0.9**count) / spread

    return step


def ftrl(lr: float) -> Step:
    """Steps that shrink with the slopes so far, as those of follow-the-regularised-leader do."""
    squares: dict[int, float] = {}

    def step(index: int, slope: float) -> float:
        squares[index] = squares.get(index, 0.0) + slope * slope
        return lr * slope / (1 + math.sqrt(squares[index]))

    return step


OPTIMIZERS: dict[str, Callable[[float], Step]] = {"sgd": plain, "adam": adam, "ftrl": ftrl}


def train(layers: list[float], step: Step, batch_size: int, chance: random.Random) -> None:
    """One epoch."""
    for _ in range(EXAMPLES // batch_size):
        miss = math.prod(layers) - chance.gauss(1.0, 0.1)
        slopes = [
            miss * math.prod(layers[:index] + layers[index + 1 :]) for index in range(len(layers))
        ]
        for index, slope in enumerate(slopes):
            layers[index] -= step(index, slope)


def accuracy(layers: Sequence[float], noise: float) -> float:
    """From 0.1, which is guessing among ten, to the ceiling."""
    return 0.1 + (CEILING - 0.1) * math.exp(-abs(math.prod(layers) - 1) - abs(noise))


def main() -> None:
    flags = parse_flags()
    chance = random.Random(1)
    layers = [0.5 + 0.05 * index for index in range(flags.num_layers)]
    step = OPTIMIZERS[flags.optimizer](flags.lr)
    for epoch in range(flags.num_epochs):
        train(layers, step, flags.batch_size, chance)
        print(f"Epoch[{epoch}] Train-accuracy={accuracy(layers, 0.0):.6f}", flush=True)
        validation = accuracy(layers, chance.gauss(0.0, 0.01))
        print(f"Epoch[{epoch}] Validation-accuracy={validation:.6f}", flush=True)


def parse_flags() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lr", type=float, default=0.05, help="learning rate")
    parser.add_argument("--num-layers", type=int, default=2, help="length of the chain")
    parser.add_argument("--optimizer", choices=OPTIMIZERS, default="sgd")
    parser.add_argument("--batch-size", type=int, default=64, help="examples in a step")
    parser.add_argument("--num-epochs", type=int, default=5, help="times through all examples")
    return parser.parse_args()


if __name__ == "__main__":
    main()
