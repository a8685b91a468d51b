"""A trial's observation log: every value of its metrics, as it was reported.

In a cluster, the database manager is asked for it by gRPC. Here it lies below the trial that it is
of, for clients that do not speak that.
"""

from __future__ import annotations

import anyio.to_thread
from starlette.responses import Response

from katib.api.codec import format_time
from katib.api.names import API_VERSION
from katib.api.trial import TRIALS
from katib.api.values import Manifest
from katib.api_server.answers import answer
from katib.api_server.services import Call
from katib.api_server.statuses import not_found
from katib.ports.observation_log import NO_TIME, MetricEntry


async def read_observation_log(call: Call) -> Response:
    """``get`` of ``trials/observationlog``; of one metric only, if the query names it."""
    ports, target = call.services.ports, call.target
    if ports.store.find(TRIALS, target.key) is None:
        raise not_found(target.type, target.name or "")
    metric = call.query.text("metric") or None
    entries = await anyio.to_thread.run_sync(ports.observations, target.key, metric)
    body: Manifest = {
        "kind": "ObservationLog",
        "apiVersion": API_VERSION,
        "metadata": {"name": target.name, "namespace": target.namespace},
        "entries": [_entry(one) for one in entries],
    }
    return answer(body, call.form)


def _entry(entry: MetricEntry) -> Manifest:
    """An entry; without a time, if it carried none."""
    time = {} if entry.time == NO_TIME else {"time": format_time(entry.time)}
    return {**time, "name": entry.name, "value": entry.value}
