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

    A sidecar of a trial's pod, with the options of Katib's images:

    -t TRIAL; -m OBJECTIVE;OTHER;... the metrics; -o-type minimize or maximize; -s-db HOST:PORT the
    database manager; -path what is read; -format TEXT or JSON, and without it -path is a folder of
    event files; -f FILTER;... what is a metric; -w false waits for the program alone; -p 1s how
    often it looks; -timeout 0 for as long as it takes; -stop-rule METRIC;VALUE;COMPARISON;STEP once
    for each early stopping rule; -s-earlystop HOST:PORT who is told that the trial was stopped;
    -marked true when the program is sure to leave a marker, so that no other is taken for it; -anew
    true when what other pods have reported for the trial before is to be replaced; -http-get JSON
    where metrics are served in Prometheus' format, as httpGet of an experiment says.

    What the program writes is reported while it runs. While the database manager is away, it waits
    beside the metrics file, in .katib. A token for the database manager is in the variable
    KATIB_DB_MANAGER_TOKEN, the trial's namespace in KATIB_NAMESPACE, or known by the pod.

    Examples:

      katib metrics-collector -t x1 -m loss -s-db db:6789 -path /log/metrics.log -format TEXT
    """
    from katib.apps.metrics_collector import main

    sys.exit(main(options or ()))
