"""Training that logs its metrics for TensorBoard, in a folder for each phase.

Needs ``pip install tensorboardX``; the ``SummaryWriter`` of PyTorch is the same.
"""

from __future__ import annotations

import argparse
import math

from tensorboardX import SummaryWriter


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lr", type=float, default=0.01)
    parser.add_argument("--log-dir", default="/tmp/logs")
    flags = parser.parse_args()
    with (
        SummaryWriter(f"{flags.log_dir}/train") as train,
        SummaryWriter(f"{flags.log_dir}/val") as val,
    ):
        for epoch in range(1, 6):
            loss = math.log10(flags.lr / 0.01) ** 2 + math.exp(-epoch)
            train.add_scalar("loss", loss, epoch)
            train.add_scalar("accuracy", math.exp(-loss), epoch)
            val.add_scalar("loss", 1.1 * loss, epoch)


if __name__ == "__main__":
    main()
