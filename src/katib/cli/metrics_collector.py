"""``katib metrics-collector``: what stands beside a trial's program in a cluster."""

from __future__ import annotations

import sys
from typing import Annotated

import typer


def metrics_collector(
    options: Annotated[
        list[str] | None,
        typer.Argument(metavar="OPTIONS", help="As above."),
    ] = None,
) -> None:
    """.

    A sidecar of a trial's pod, with the options of Katib's images: -t TRIAL, -m OBJECTIVE;OTHER;...,
    -o-type minimize or maximize, -s-db HOST:PORT of the database manager, -path what is read,
    -format TEXT or JSON (without it, -path is a folder of event files), -f FILTER;..., -w false to
    wait for the program only, -p 1s how often it looks, -timeout 0, -stop-rule
    METRIC;VALUE;COMPARISON;START-STEP once for each early stopping rule, and -s-earlystop HOST:PORT.

    What the program writes is reported while it runs; while the database manager is away, it waits
    beside the metrics file, in .katib.

    Examples:

      katib metrics-collector -t tune-x1 -m loss -o-type minimize -s-db db:6789 -path /log/metrics.log -format TEXT
    """
    from katib.apps.metrics_collector import main

    sys.exit(main(options or ()))
