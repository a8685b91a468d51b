"""Trials as runs of MLflow: one for the experiment, and below it one for each trial."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from katib.api import names
from katib.client.exchange.libraries import load_library
from katib.client.exchange.results import Report, Results

#: By which runs are found again: of an experiment by its uid, of a trial by its name.
TAG_EXPERIMENT, TAG_TRIAL, TAG_STATUS = "katib.experiment.uid", "katib.trial", "katib.status"
_TAG_PARENT = "mlflow.parentRunId"

#: How much MLflow takes in one request.
_MOST_METRICS, _MOST_PARAMS, _LONGEST_PARAM = 1000, 100, 6000

#: How many runs are looked through at once.
_PAGE = 1000


def log_experiment(
    results: Results, tracking_uri: str | None = None, experiment_name: str | None = None
) -> str:
    """Log an experiment; called again, it logs what is new.

    The parent run has the experiment's algorithm, objective and best value. Each trial that has
    ended is a run below it, with its parameters, every value that it has reported, in steps from 0
    on, and the value that counts as ``NAME`` in the end; its status is a tag. Trials that have not
    ended are left out until they have.

    Args:
        results: of the experiment.
        tracking_uri: of MLflow; its own setting when it is left out.
        experiment_name: of MLflow's experiment; ours is a run in it. ``katib`` when it is left out.

    Returns:
        The id of the parent run.

    Raises:
        MissingExtraError: MLflow is not installed.
    """
    tracking = load_library("mlflow", "mlflow.tracking")
    log = _Log(tracking.MlflowClient(tracking_uri), experiment_name or "katib")
    parent = log.find_parent(results) or log.begin_parent(results)
    logged = log.find_children(parent)
    table = results.table
    for row, name in enumerate(table.names):
        if name not in logged and table.completed[row] is not None:
            log.write_trial(results, row, parent)
    log.write_best(results, parent)
    return parent


class _Log:
    """Speaks with one server of MLflow, about one of its experiments."""

    def __init__(self, client: Any, experiment_name: str) -> None:
        self._client = client
        found = client.get_experiment_by_name(experiment_name)
        self._experiment: str = (
            client.create_experiment(experiment_name) if found is None else found.experiment_id
        )

    def find_parent(self, results: Results) -> str:
        """The run of the experiment; empty when there is none."""
        uid = results.experiment["metadata"]["uid"]
        found = self._client.search_runs([self._experiment], f"tags.`{TAG_EXPERIMENT}` = '{uid}'")
        return found[0].info.run_id if found else ""

    def find_children(self, parent: str) -> set[str]:
        """The names of trials that were logged to their ends; what was broken off is deleted."""
        found, token = set(), None
        while True:
            page = self._client.search_runs(
                [self._experiment],
                f"tags.`{_TAG_PARENT}` = '{parent}'",
                max_results=_PAGE,
                page_token=token,
            )
            for one in page:
                if one.info.status == "RUNNING":
                    self._client.delete_run(one.info.run_id)
                else:
                    found.add(str(one.data.tags.get(TAG_TRIAL)))
            token = page.token
            if not token:
                return found

    def begin_parent(self, results: Results) -> str:
        """The run of the experiment, made now."""
        experiment = results.experiment
        tags = {
            TAG_EXPERIMENT: experiment["metadata"]["uid"],
            "katib.experiment": results.table.experiment,
            "katib.namespace": results.table.namespace,
        }
        run = self._client.create_run(
            self._experiment, tags=tags, run_name=results.table.experiment
        )
        parent: str = run.info.run_id
        objective = results.table.objective
        algorithm = experiment["spec"].get("algorithm") or {}
        self._write_params(
            parent,
            {
                "algorithm": algorithm.get("algorithmName"),
                "objective": objective.objective_metric_name,
                "objective type": objective.type,
            },
        )
        return parent

    def write_trial(self, results: Results, row: int, parent: str) -> None:
        """A run for a trial that has ended."""
        table = results.table
        name, status = table.names[row], table.statuses[row]
        tags = {TAG_TRIAL: name, TAG_STATUS: status, _TAG_PARENT: parent}
        began = _milliseconds(table.started[row])
        run = self._client.create_run(self._experiment, start_time=began, tags=tags, run_name=name)
        run_id: str = run.info.run_id
        self._write_params(run_id, {key: one.texts[row] for key, one in table.parameters.items()})
        counted = {key: float(one.values[row]) for key, one in table.metrics.items()}
        ended = _milliseconds(table.completed[row])
        self._write_metrics(run_id, results.read_reports(name), counted, ended)
        self._client.set_terminated(run_id, _ENDS.get(status, "FINISHED"), ended)

    def write_best(self, results: Results, parent: str) -> None:
        """What is best so far, and, when the search is over, that it is."""
        table = results.table
        if table.best_row is not None:
            self._client.set_tag(parent, "katib.best_trial", table.names[table.best_row])
            best = float(table.values[table.best_row])
            self._client.log_metric(parent, table.objective.objective_metric_name, best)
        found = (results.experiment.get("status") or {}).get("conditions") or ()
        true = {one.get("type") for one in found if one.get("status") == "True"}
        if names.FAILED in true:
            self._client.set_terminated(parent, "FAILED")
        elif names.SUCCEEDED in true:
            self._client.set_terminated(parent)

    def _write_params(self, run_id: str, texts: Mapping[str, str | None]) -> None:
        entities = load_library("mlflow", "mlflow.entities")
        params = [
            entities.Param(_key(name), text[:_LONGEST_PARAM])
            for name, text in texts.items()
            if text is not None
        ]
        for some in _parts(params, _MOST_PARAMS):
            self._client.log_batch(run_id, params=some)

    def _write_metrics(
        self, run_id: str, reports: Sequence[Report], counted: Mapping[str, float], ended: int
    ) -> None:
        """All reports; then the value that counts, if that is not the one that came last."""
        entities = load_library("mlflow", "mlflow.entities")
        steps: dict[str, int] = {}
        last: dict[str, float] = {}
        metrics = []
        for one in reports:
            step = steps[one.metric] = steps.get(one.metric, -1) + 1
            last[one.metric] = one.number
            at = ended if one.time is None else _milliseconds(one.time)
            metrics.append(entities.Metric(_key(one.metric), one.number, at, step))
        for name, value in counted.items():
            if not math.isnan(value) and last.get(name) != value:
                metrics.append(entities.Metric(_key(name), value, ended, steps.get(name, -1) + 1))
        for some in _parts(metrics, _MOST_METRICS):
            self._client.log_batch(run_id, metrics=some)


#: How trials ended → as MLflow words it.
_ENDS = {
    names.FAILED: "FAILED",
    names.METRICS_UNAVAILABLE: "FAILED",
    names.KILLED: "KILLED",
    names.EARLY_STOPPED: "KILLED",
}


def _key(name: str) -> str:
    """A name as MLflow takes it: letters, digits and ``_-. :/``."""
    return "".join(one if one.isalnum() or one in "_-. :/" else "_" for one in name)[:250]


def _milliseconds(time: datetime | None) -> int:
    return 0 if time is None else int(time.timestamp() * 1000)


def _parts(items: Sequence[Any], most: int) -> Iterator[Sequence[Any]]:
    for begin in range(0, len(items), most):
        yield items[begin : begin + most]
