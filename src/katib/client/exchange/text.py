"""Trials as CSV, for spreadsheets, and as JSON, with all that is known."""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime

from katib.api.values import Manifest
from katib.client.exchange.results import Results, columns_of, observed


def word_csv(results: Results) -> str:
    """A line for each trial, the oldest first; the first line names the columns."""
    columns = columns_of(results.table)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in zip(*columns.values(), strict=True):
        writer.writerow([_stamp(one) if isinstance(one, datetime) else one for one in row])
    return text.getvalue()


def word_json(results: Results) -> str:
    """One object; numbers of observations are the texts that were reported."""
    spec, table = results.experiment["spec"], results.table
    known = {one["metadata"]["name"]: one for one in results.trials}
    document = {
        "experiment": table.experiment,
        "namespace": table.namespace,
        "objective": spec.get("objective"),
        "algorithm": spec.get("algorithm"),
        "parameters": spec.get("parameters") or [],
        "trials": [_trial(results, row, known[name]) for row, name in enumerate(table.names)],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _trial(results: Results, row: int, manifest: Manifest) -> Manifest:
    table = results.table
    return {
        "name": table.names[row],
        "status": table.statuses[row],
        "reason": table.reasons[row],
        "started": _stamp(table.started[row]),
        "completed": _stamp(table.completed[row]),
        "parameters": {key: one.values[row] for key, one in table.parameters.items()},
        "metrics": observed(manifest),
        "reports": [
            {"time": _stamp(one.time), "metric": one.metric, "value": one.text}
            for one in results.read_reports(table.names[row])
        ],
    }


def _stamp(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat().replace("+00:00", "Z")
