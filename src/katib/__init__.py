"""Katib: one Experiment document, one engine, on a laptop or on a Kubernetes cluster.

The rooms, in the order data walks through them: ``api`` (the words), ``admission`` (the door),
``stores`` (where resources live), ``controllers`` (the will), ``suggesters`` and ``search`` (the
mathematics), ``rendering`` (a trial's manifest), ``executors`` (how it runs), ``collectors`` and
``observations`` (its metrics). ``ports`` holds the sockets between them and ``apps`` is the only
place where they are wired together. ``client`` is what users' programs call: of it,
:func:`report_metrics` is here.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

__version__ = "0.1.0"


def report_metrics(
    metrics: Mapping[str, object],
    db_manager_address: str | None = None,
    timeout: float = 120,
    *,
    timestamp: datetime | float | str | None = None,
) -> None:
    """Report metrics of the trial in which this program runs; its collector is ``Push``.

    They go by HTTP or into a file where the trial has such an address, else to the database manager
    of a cluster. When this returns, they are safe.

    Args:
        metrics: names and values; numbers of any kind, NumPy's too, or their texts.
        db_manager_address: ``host:port`` of a database manager that is to be asked instead.
        timeout: for how many seconds an engine that is away is tried.
        timestamp: when the values were measured, when that was not now: an aware ``datetime``, a
            text such as ``2026-01-31T12:00:00Z``, or seconds since 1970.

    Raises:
        katib.client.routes.UnreportableError: a ``ValueError``: this program runs in no trial, or
            something is no number.
        katib.client.routes.ReportError: a ``RuntimeError``: the report did not arrive.
    """
    # Whoever imports katib may want something else of it.
    import os
    from datetime import UTC

    from katib.client.reporting import find_route, report
    from katib.client.routes import Pace

    route = find_route(os.environ, db_manager_address, Pace(timeout))
    report(metrics, route, datetime.now(UTC), timestamp)
