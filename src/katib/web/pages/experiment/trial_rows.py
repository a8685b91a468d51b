"""The table of trials without the page: which columns, which rows, in which order."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from katib.api.values import Manifest
from katib.client.trial_table import TrialTable
from katib.web import looks
from katib.web.filtering import Filter

Row = dict[str, Any]


#: By which Kubeflow Pipelines says that a trial is one of its runs.
PIPELINE_RUN = "kubeflow-kale.org/kfp-run-uuid"


def columns_of(table: TrialTable, *, has_pipeline_runs: bool = False) -> list[dict[str, Any]]:
    """The columns that there are; names say what is sorted by.

    Args:
        table: the trials.
        has_pipeline_runs: whether any of them is a run of Kubeflow Pipelines.
    """
    pipelines = [{**_column("pipeline", "Pipeline run"), "sortable": False}]
    return [
        _column("status", "Status"),
        _column("name", "Trial"),
        *(_column(f"m:{name}", name, "right") for name in table.metrics),
        *(
            _column(f"p:{name}", name, "right" if one.is_numeric else "left")
            for name, one in table.parameters.items()
        ),
        _column("started", "Started", "right"),
        _column("time", "Duration", "right"),
        *(pipelines if has_pipeline_runs else ()),
    ]


def pipeline_runs_of(trials: Sequence[Manifest]) -> dict[str, str]:
    """The runs of Kubeflow Pipelines that trials are, by the trials' names."""
    found = {}
    for trial in trials:
        run = (trial["metadata"].get("annotations") or {}).get(PIPELINE_RUN)
        if run:
            found[str(trial["metadata"]["name"])] = str(run)
    return found


def pipeline_run_address(run: str) -> str:
    """Where Kubeflow's dashboard shows a run, on the host of this page."""
    return f"/pipeline/#/runs/details/{quote(run, safe='')}" if run else ""


def choose_rows(
    table: TrialTable, filter: Filter, by: str, is_descending: bool
) -> NDArray[np.intp]:
    """The rows that are asked for, in the order that is asked for; the newest first by none.

    Raises:
        KatibError: the filter names what there is not.
    """
    order = _order(table, by, is_descending)
    return order[filter.fits(table)[order]]


def row_of(table: TrialTable, row: int, address: Callable[[str], str]) -> Row:
    """What is shown of a trial.

    Args:
        table: the trials.
        row: which one.
        address: of a trial's page.
    """
    name, status = table.names[row], table.statuses[row]
    icon, colour = looks.STATUSES.get(status, ("help", "grey-8"))
    begun = table.started[row]
    found: Row = {
        "name": name,
        "address": address(name),
        "status": status,
        "icon": icon,
        "colour": colour,
        "best": row == table.best_row,
        "started": "" if begun is None else f"{begun:%Y-%m-%d %H:%M:%S}",
        "time": _duration(table, row),
    }
    for metric, column in table.metrics.items():
        value = float(column.values[row])
        found[f"m:{metric}"] = "" if math.isnan(value) else looks.number(value)
    for parameter, one in table.parameters.items():
        text = one.texts[row]
        shown = looks.number(text) if one.is_numeric and text is not None else text
        found[f"p:{parameter}"] = shown or ""
    return found


def _column(name: str, label: str, align: str = "left") -> dict[str, Any]:
    return {"name": name, "label": label, "field": name, "align": align, "sortable": True}


def _duration(table: TrialTable, row: int) -> str:
    begun, ended = table.started[row], table.completed[row]
    return "" if begun is None or ended is None else looks.length((ended - begun).total_seconds())


def _order(table: TrialTable, by: str, is_descending: bool) -> NDArray[np.intp]:
    """The rows in the order that is asked for; without a value, they come last."""
    keys = _keys(table, by)
    if keys is None:
        return np.arange(len(table))[::-1]
    if keys.dtype.kind == "f":
        order = np.argsort(-keys if is_descending else keys, kind="stable")
        return order[np.argsort(np.isnan(keys[order]), kind="stable")]
    order = np.argsort(keys, kind="stable")
    return order[::-1] if is_descending else order


def _keys(table: TrialTable, by: str) -> NDArray[Any] | None:
    kind, _, name = by.partition(":")
    if kind == "m" and name in table.metrics:
        return table.metrics[name].values
    if kind == "p" and name in table.parameters:
        parameter = table.parameters[name]
        if parameter.is_numeric:
            return parameter.numbers
        return np.array([text or "" for text in parameter.texts])
    simple: dict[str, Callable[[], Sequence[object]]] = {
        "status": lambda: table.statuses,
        "name": lambda: table.names,
        "started": lambda: [
            math.nan if begun is None else begun.timestamp() for begun in table.started
        ],
        "time": lambda: [
            math.nan if begun is None or ended is None else (ended - begun).total_seconds()
            for begun, ended in zip(table.started, table.completed, strict=True)
        ],
    }
    return np.array(simple[by]()) if by in simple else None
