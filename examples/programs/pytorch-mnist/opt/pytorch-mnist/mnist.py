"""Stands for the image ``pytorch-mnist``: the same flags and the same lines, and no PyTorch.

What it trains is small, but it is training: a logistic regression, by gradient descent with
momentum, on points of two kinds that overlap. Its loss depends on every flag.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import sys
import time
from collections.abc import Mapping, Sequence
from typing import TextIO

#: How many points there are to train on and to test with, and how many numbers each has.
TRAIN, TEST, WIDTH = 640, 200, 5

#: One point in so many has the wrong label, so that no goal of an example is ever reached.
MISLABELLED = 10

#: A line is printed each time so many batches are done.
LOG_INTERVAL = 10

Point = tuple[Sequence[float], int]


class Model:
    """The weights, the last of them for a constant, and how fast each of them moves."""

    def __init__(self) -> None:
        self.weights = [0.0] * (WIDTH + 1)
        self.speeds = [0.0] * (WIDTH + 1)

    def logit(self, values: Sequence[float]) -> float:
        return sum(weight * value for weight, value in zip(self.weights, values, strict=True))

    def train(self, batch: Sequence[Point], lr: float, momentum: float) -> float:
        """One step; the loss before it."""
        gradient, loss = [0.0] * (WIDTH + 1), 0.0
        for values, label in batch:
            logit = self.logit(values)
            loss += loss_of(logit, label)
            miss = (0.5 + 0.5 * math.tanh(logit / 2) - label) / len(batch)
            gradient = [slope + miss * value for slope, value in zip(gradient, values, strict=True)]
        for index, slope in enumerate(gradient):
            self.speeds[index] = momentum * self.speeds[index] + slope
            self.weights[index] -= lr * self.speeds[index]
        return loss / len(batch)

    def test(self, points: Sequence[Point]) -> dict[str, float]:
        """Accuracy and loss."""
        logits = [(self.logit(values), label) for values, label in points]
        right = sum((logit > 0) == bool(label) for logit, label in logits)
        loss = sum(loss_of(logit, label) for logit, label in logits)
        return {"accuracy": right / len(points), "loss": loss / len(points)}


def loss_of(logit: float, label: int) -> float:
    """The negative logarithm of the label's probability, for numbers of any size."""
    return max(logit, 0.0) - logit * label + math.log1p(math.exp(-abs(logit)))


def make_points(count: int, chance: random.Random) -> list[Point]:
    """Points of two kinds, and a constant behind the numbers of each."""
    points: list[Point] = []
    for index in range(count):
        label = index % 2
        centre = 1.0 if label else -1.0
        values = [chance.gauss(centre * (place % 3) / 2, 1.0) for place in range(WIDTH)]
        points.append(((*values, 1.0), 1 - label if index % MISLABELLED == 0 else label))
    chance.shuffle(points)
    return points


class Log:
    """Lines with their time in front, as the image's logger writes them."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def say(self, text: str) -> None:
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        # Flushed, so that a metric can be read while the training goes on.
        print(f"{now} {'INFO':<8} {text}", file=self._file, flush=True)

    def step(self, epoch: int, done: int, loss: float) -> None:
        percent = 100 * done // TRAIN
        self.say(f"Train Epoch: {epoch} [{done}/{TRAIN} ({percent}%)]\tloss={loss:.4f}")

    def epoch(self, _: int, metrics: Mapping[str, float]) -> None:
        named = (
            f"{{metricName: {name}, metricValue: {value:.4f}}}" for name, value in metrics.items()
        )
        self.say(";".join(named))


class HyperTune(Log):
    """Metrics as objects of JSON in a file, one in each line; everything else is printed."""

    def __init__(self, path: str) -> None:
        super().__init__(sys.stdout)
        self._path = path

    def epoch(self, step: int, metrics: Mapping[str, float]) -> None:
        with open(self._path, "a", encoding="utf-8") as file:
            for name, value in metrics.items():
                entry = {
                    name: f"{value:.4f}",
                    "global_step": str(step),
                    "timestamp": time.time(),
                    "trial": "0",
                    "checkpoint_path": "",
                }
                file.write(f"{json.dumps(entry)}\n")


def open_log(flags: argparse.Namespace) -> Log:
    if not flags.log_path:
        return Log(sys.stdout)
    os.makedirs(os.path.dirname(flags.log_path) or ".", exist_ok=True)
    if flags.logger == "hypertune":
        return HyperTune(flags.log_path)
    return Log(open(flags.log_path, "a", encoding="utf-8"))


def main() -> None:
    flags = parse_flags()
    log = open_log(flags)
    for name in sorted(os.environ):
        if name.startswith("TRIAL_"):
            log.say(f"{name} is {os.environ[name]}")
    chance = random.Random(flags.seed)
    train, test = make_points(TRAIN, chance), make_points(TEST, chance)
    model = Model()
    for epoch in range(1, flags.epochs + 1):
        for number, start in enumerate(range(0, TRAIN, flags.batch_size)):
            batch = train[start : start + flags.batch_size]
            loss = model.train(batch, flags.lr, flags.momentum)
            if number % LOG_INTERVAL == 0:
                log.step(epoch, start, loss)
        log.epoch(epoch, model.test(test))
    log.say(f"Training is over after {flags.epochs} epochs")


def parse_flags() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch-size", type=int, default=64, help="points in a step")
    parser.add_argument("--epochs", type=int, default=10, help="times through all points")
    parser.add_argument("--lr", type=float, default=0.01, help="learning rate")
    parser.add_argument("--momentum", type=float, default=0.5, help="momentum")
    parser.add_argument("--seed", type=int, default=1, help="the same points each time")
    parser.add_argument("--log-path", default="", help="file for the metrics, instead of stdout")
    parser.add_argument("--logger", choices=("standard", "hypertune"), default="standard")
    return parser.parse_args()


if __name__ == "__main__":
    main()
