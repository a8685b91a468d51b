"""A small model learns to tell two spirals apart; its flags are of every kind.

The model is a logistic regression on random waves of the points, in plain Python. Training with a
learning rate that is too high diverges, and the program ends with exit code 3.
"""

from __future__ import annotations

import argparse
import math
import random
import sys
from collections.abc import Sequence

POINTS = 160
EPOCHS = 8

Example = tuple[list[float], float]


def main() -> int:
    flags = parse_flags()
    chance = random.Random(0)
    examples = spirals(chance, flags.waves, flags.frequency)
    chance.shuffle(examples)
    train, validation = examples[POINTS // 2 :], examples[: POINTS // 2]
    weights = [0.0] * flags.waves
    speeds = [0.0] * flags.waves
    for epoch in range(1, EPOCHS + 1):
        chance.shuffle(train)
        for features, label in train:
            error = probability(weights, features) - label
            for place, feature in enumerate(features):
                slope = error * feature + flags.decay * weights[place]
                speeds[place] = step(flags.optimizer, speeds[place], slope)
                weights[place] -= flags.lr * speeds[place]
        if max(map(abs, weights)) > 1e3:
            print("the weights diverge, try a lower learning rate", file=sys.stderr)
            return 3
        print(f"epoch {epoch}: loss={loss(weights, validation):.5f}", flush=True)
    return 0


def spirals(chance: random.Random, waves: int, frequency: float) -> list[Example]:
    """Points of two spirals, as waves in random directions see them."""
    directions = [
        (chance.gauss(0, frequency), chance.gauss(0, frequency), chance.uniform(0, 2 * math.pi))
        for _ in range(waves)
    ]
    examples: list[Example] = []
    for number in range(POINTS):
        label = number % 2
        turn = 0.5 + 2.5 * number / POINTS
        angle = math.pi * (turn + label)
        x, y = turn * math.cos(angle) / 3, turn * math.sin(angle) / 3
        examples.append(([math.cos(a * x + b * y + c) for a, b, c in directions], float(label)))
    return examples


def probability(weights: Sequence[float], features: Sequence[float]) -> float:
    score = sum(weight * feature for weight, feature in zip(weights, features, strict=True))
    return 1 / (1 + math.exp(-min(max(score, -30.0), 30.0)))


def step(optimizer: str, speed: float, slope: float) -> float:
    """What the next step follows: the slope, an average of slopes, or its sign."""
    if optimizer == "momentum":
        return 0.9 * speed + slope
    if optimizer == "sign":
        return math.copysign(0.1, slope)
    return slope


def loss(weights: Sequence[float], examples: Sequence[Example]) -> float:
    total = 0.0
    for features, label in examples:
        chance = probability(weights, features)
        total -= math.log(max(chance if label else 1 - chance, 1e-9))
    return total / len(examples)


def parse_flags() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lr", type=float, default=0.1, help="learning rate")
    parser.add_argument("--decay", type=float, default=1e-4, help="of the weights")
    parser.add_argument("--optimizer", choices=("plain", "momentum", "sign"), default="plain")
    parser.add_argument("--waves", type=int, default=32, help="how many features there are")
    parser.add_argument("--frequency", type=float, default=3.0, help="of the waves")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
