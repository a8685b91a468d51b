"""Stands for the image ``inaccel/jupyter``: boosted stumps in plain Python, and no FPGA.

Each round fits a stump to what the rounds before have left, on a part of the points (subsample),
shrinks it by a penalty (alpha) and adds a share of it (eta).
"""

from __future__ import annotations

import argparse
import math
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass

TRAIN, TEST, WIDTH, ROUNDS = 240, 160, 3, 12

Point = tuple[Sequence[float], int]


@dataclass(frozen=True)
class Stump:
    """A step at a place on one axis."""

    axis: int
    place: float
    below: float
    above: float

    def __call__(self, values: Sequence[float]) -> float:
        return self.above if values[self.axis] > self.place else self.below


def make_points(count: int, chance: random.Random) -> list[Point]:
    """Points in a cube; inside a ball is one kind, and one point in ten is mislabelled."""
    points = []
    for index in range(count):
        values = [chance.uniform(-1, 1) for _ in range(WIDTH)]
        label = int(sum(value * value for value in values) < 0.9)
        points.append((values, 1 - label if index % 10 == 0 else label))
    return points


def level(misses: Sequence[float], alpha: float) -> float:
    """What a side adds: its mean, drawn towards zero by the penalty."""
    total = sum(misses)
    return math.copysign(max(abs(total) - alpha * len(misses), 0.0), total) / (len(misses) + 1)


def fit(points: Sequence[Point], misses: Sequence[float], alpha: float) -> Stump:
    """The stump that explains the most."""
    best, gain = Stump(0, 0.0, 0.0, 0.0), 0.0
    for axis in range(WIDTH):
        for place in (-0.7, -0.4, 0.0, 0.4, 0.7):
            sides: tuple[list[float], list[float]] = ([], [])
            for (values, _), miss in zip(points, misses, strict=True):
                sides[values[axis] > place].append(miss)
            below, above = (level(side, alpha) for side in sides)
            gained = len(sides[0]) * below**2 + len(sides[1]) * above**2
            if gained > gain:
                best, gain = Stump(axis, place, below, above), gained
    return best


def train(points: Sequence[Point], flags: argparse.Namespace, chance: random.Random) -> list[Stump]:
    stumps: list[Stump] = []
    for _ in range(ROUNDS):
        drawn = chance.sample(points, max(1, round(flags.subsample * len(points))))
        misses = [label - 0.5 - flags.eta * vote(stumps, values) for values, label in drawn]
        stumps.append(fit(drawn, misses, flags.alpha))
    return stumps


def vote(stumps: Sequence[Stump], values: Sequence[float]) -> float:
    return sum(stump(values) for stump in stumps)


def main() -> None:
    flags = parse_flags()
    chance = random.Random(1)
    train_points, test_points = make_points(TRAIN, chance), make_points(TEST, chance)
    started = time.perf_counter()
    stumps = train(train_points, flags, chance)
    seconds = time.perf_counter() - started
    right = sum((vote(stumps, values) > 0) == bool(label) for values, label in test_points)
    print(f"accuracy={right / TEST:.4f}")
    print(f"time={seconds:.4f}")


def parse_flags() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--alpha", type=float, default=0.0, help="penalty")
    parser.add_argument("--eta", type=float, default=0.3, help="share of each stump")
    parser.add_argument("--subsample", type=float, default=1.0, help="part of the points")
    return parser.parse_args()


if __name__ == "__main__":
    main()
