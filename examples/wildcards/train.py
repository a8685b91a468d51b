"""Training that measures a number of classes, which it finds in its data, each by a metric."""

from __future__ import annotations

import argparse
import math

CLASSES = ("bird", "cat", "dog")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lr", type=float, default=0.1)
    flags = parser.parse_args()
    for epoch in range(1, 6):
        recalls = [recall(flags.lr, epoch, place) for place in range(len(CLASSES))]
        print(f"epoch {epoch}: loss={1 - sum(recalls) / len(recalls):.4f}")
        for name, number in zip(CLASSES, recalls, strict=True):
            print(f"  recall_{name}={number:.4f}", flush=True)


def recall(lr: float, epoch: int, place: int) -> float:
    """Higher with each epoch, and best where the learning rate suits the class."""
    return math.exp(-((math.log10(lr) + 2 + place / 2) ** 2)) * (1 - math.exp(-epoch))


if __name__ == "__main__":
    main()
