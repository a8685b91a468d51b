"""Training that serves its metrics over HTTP, in Prometheus' format, instead of printing them."""

from __future__ import annotations

import argparse
import math
import os
import time

from prometheus_client import Gauge, start_http_server

LOSS = Gauge("loss", "What is made small", ["phase"])
EPOCH = Gauge("epochs", "How many epochs are over")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lr", type=float, default=0.01)
    parser.add_argument("--epochs", type=int, default=4)
    flags = parser.parse_args()

    # A port of this trial's own, since trials run side by side; a cluster has no such variable.
    start_http_server(int(os.environ.get("KATIB_METRICS_PORT", "8080")), addr="127.0.0.1")
    for epoch in range(1, flags.epochs + 1):
        loss = math.log10(flags.lr / 0.01) ** 2 + math.exp(-epoch)
        LOSS.labels(phase="train").set(loss)
        LOSS.labels(phase="val").set(1.1 * loss)
        EPOCH.set(epoch)
        time.sleep(0.3)
    # The last values are seen within a second.
    time.sleep(1)


if __name__ == "__main__":
    main()
