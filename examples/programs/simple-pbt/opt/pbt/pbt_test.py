"""Stands for the image ``simple-pbt``: training that goes on from a checkpoint.

The best learning rate changes while the accuracy grows: it rises up to the middle and falls again,
so that no fixed one is good all the time. A rate that is near gains accuracy, one that is much too
large loses it.
"""

from __future__ import annotations

import argparse
import json
import os
import random
from dataclasses import asdict, dataclass

CHECKPOINT = "training.json"

#: The best learning rate at an accuracy of 50 percent, and at 0 and 100.
PEAK, FLOOR = 0.01, 0.001


@dataclass
class Training:
    """How far it is.

    Attributes:
        step: the next epoch, counted over all runs.
        accuracy: in percent.
    """

    step: int = 1
    accuracy: float = 0.0

    def advance(self, lr: float, chance: random.Random) -> None:
        """One epoch."""
        best = FLOOR + (PEAK - FLOOR) * (1 - abs(self.accuracy - 50) / 50)
        distance = max(lr, best) / min(lr, best)
        if distance < 3:
            self.accuracy += chance.random() / distance
        elif lr > best:
            self.accuracy -= (distance - 3) * chance.random()
        self.accuracy = min(100.0, max(0.0, self.accuracy + chance.gauss(0, 2)))
        self.step += 1


def load(folder: str) -> Training:
    try:
        with open(os.path.join(folder, CHECKPOINT), encoding="utf-8") as file:
            return Training(**json.load(file))
    except FileNotFoundError:
        return Training()


def save(training: Training, folder: str) -> None:
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, CHECKPOINT), "w", encoding="utf-8") as file:
        json.dump(asdict(training), file)


def main() -> None:
    flags = parse_flags()
    training = load(flags.checkpoint)
    chance = random.Random(f"{flags.lr} {training}")
    print(f"It goes on at step {training.step}, accuracy {training.accuracy / 100:.4f}")
    for _ in range(flags.epochs):
        training.advance(flags.lr, chance)
    save(training, flags.checkpoint)
    print(
        f"Validation-accuracy={training.accuracy / 100:.4f} lr={flags.lr} epoch={training.step}",
        flush=True,
    )


def parse_flags() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lr", type=float, default=0.0001, help="learning rate")
    parser.add_argument("--epochs", type=int, default=20, help="of this run")
    parser.add_argument("--checkpoint", required=True, help="folder to go on from, and to leave")
    return parser.parse_args()


if __name__ == "__main__":
    main()
