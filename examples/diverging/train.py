"""Training whose loss diverges where the learning rate is too high: it ends well, at inf or nan.

Gradient descent on a parabola. Each step multiplies the distance to the lowest point by
``1 - 2 * lr * curvature``; where that is beyond 1, the distance grows until it is infinite, and
the difference of two infinities is ``nan``.
"""

from __future__ import annotations

import argparse

STEPS = 4000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lr", type=float, default=0.1, help="learning rate; the best is 0.3")
    flags = parser.parse_args()
    place = 1e10
    for step in range(1, STEPS + 1):
        place -= flags.lr * 2 * place
        if step % (STEPS // 4) == 0:
            # A product, and no power: that would raise an error where this is infinite.
            print(f"step {step}: loss={place * place + abs(flags.lr - 0.3)}", flush=True)


if __name__ == "__main__":
    main()
