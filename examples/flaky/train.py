"""Training that goes wrong in the three ways in which training goes wrong.

A batch that is too large runs out of memory (a traceback, exit code 1), a learning rate that is too
high makes the loss diverge (exit code 3), and a patience of 1 stops before anything was measured
(exit code 0, no metric). Everything else ends well. Which it is depends on the flags alone.
"""

from __future__ import annotations

import argparse
import math
import sys

LARGEST_BATCH = 56
HIGHEST_RATE = 0.09


def main() -> int:
    flags = parse_flags()
    allocate(flags.batch_size)
    if flags.patience == 1:
        print("no progress yet and no patience left: stopping before the first validation")
        return 0
    for epoch in range(1, 6):
        if flags.lr > HIGHEST_RATE and epoch == 3:
            print("the loss diverges, try a lower learning rate", file=sys.stderr)
            return 3
        print(f"epoch {epoch}: loss={loss(flags.lr, flags.batch_size, epoch):.4f}", flush=True)
    return 0


def allocate(batch_size: int) -> None:
    if batch_size > LARGEST_BATCH:
        raise MemoryError(f"a batch of {batch_size} does not fit; {LARGEST_BATCH} would")


def loss(lr: float, batch_size: int, epoch: int) -> float:
    """A valley whose floor is at a learning rate of 0.01 and a batch of 32."""
    floor = math.log10(lr / 0.01) ** 2 + ((batch_size - 32) / 32) ** 2
    return floor + math.exp(-epoch)


def parse_flags() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lr", type=float, default=0.01, help="learning rate")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--patience", type=int, default=5, help="epochs without progress")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
