"""What a search has found, as ``katib.tune`` returns it."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from katib.api import names
from katib.api.numbers import parse_number
from katib.api.values import Manifest
from katib.client.backend import Backend
from katib.client.requests import path_of
from katib.client.tuning.called import Reader
from katib.client.tuning.following import best_text, has_failed
from katib.client.tuning.pictures import Pictures
from katib.client.tuning.progress import short

if TYPE_CHECKING:
    from katib.client.trial_table import TrialTable

#: How many failures a summary tells.
_FAILURES_TOLD = 3


@dataclass(frozen=True, slots=True)
class BestTrial:
    """The trial with the best value.

    Attributes:
        name: of it.
        parameters: as the function got them.
        value: of the objective metric.
        metrics: the last value of each.
    """

    name: str
    parameters: Mapping[str, Any]
    value: float
    metrics: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class TunedTrial:
    """One trial.

    Attributes:
        name: of it.
        parameters: as the function got them.
        status: ``Succeeded``, ``EarlyStopped``, ``Failed``, ``Killed``, ``MetricsUnavailable``,
            ``Running`` or ``Pending``.
        value: of the objective metric; ``None`` without one.
        metrics: the value of each that counts.
        message: how it ended, in words.
        started: when; aware, or ``None`` before.
        completed: when; aware, or ``None`` before.
    """

    name: str
    parameters: Mapping[str, Any]
    status: str
    value: float | None
    metrics: Mapping[str, float]
    message: str
    started: datetime | None
    completed: datetime | None


class TuneResult(Pictures):
    """An experiment of a function, and what it found. Trials are read when they are asked for.

    Args:
        backend: where the experiment is.
        experiment: as it was in the end.
        readers: how the values of parameters are read.
        document: what reproduces the experiment on a cluster.

    Attributes:
        name: of the experiment: ``katib get experiments`` shows it, and ``katib.tune`` goes on with
            it by this name.
        namespace: of the experiment.
    """

    def __init__(
        self,
        backend: Backend,
        experiment: Manifest,
        readers: Mapping[str, Reader],
        document: Any,
    ) -> None:
        self._backend, self._experiment = backend, experiment
        self._readers, self._document = readers, document
        self._trials: Sequence[Manifest] | None = None
        self._table: TrialTable | None = None
        self.name: str = experiment["metadata"]["name"]
        self.namespace: str = experiment["metadata"]["namespace"]

    @property
    def experiment(self) -> str:
        """The documents, as YAML, that run the same search on a cluster: ``kubectl apply -f -``.

        They hold the function itself. The image that their Job names must have the same version of
        Python, Katib, and what the function imports.

        Raises:
            UnshippableError: the function is too large for a document.
        """
        text: str = self._document()
        return text

    @property
    def best_trial(self) -> BestTrial | None:
        """The trial with the best value; ``None`` when no trial has one."""
        best: Manifest = (self._experiment.get("status") or {}).get("currentOptimalTrial") or {}
        value = parse_number(best_text(self._experiment))
        if not best.get("bestTrialName") or value is None:
            return None
        observed = (best.get("observation") or {}).get("metrics") or ()
        metrics = {one["name"]: parse_number(one.get(names.LATEST) or "") for one in observed}
        return BestTrial(
            name=best["bestTrialName"],
            parameters=self._read(best.get("parameterAssignments") or ()),
            value=value,
            metrics={name: math.nan if one is None else one for name, one in metrics.items()},
        )

    @property
    def best_parameters(self) -> Mapping[str, Any] | None:
        """What the function got in the best trial; ``None`` when no trial has a value."""
        return None if (best := self.best_trial) is None else best.parameters

    @property
    def best_value(self) -> float | None:
        """The best value of the objective metric; ``None`` when no trial has one."""
        return None if (best := self.best_trial) is None else best.value

    @property
    def table(self) -> TrialTable:
        """All trials as columns, the oldest first."""
        if self._table is None:
            # It needs NumPy, which not everybody who tunes has to wait for.
            from katib.client.trial_table import TrialTable

            self._table = TrialTable.of(self._experiment, self._read_trials())
        return self._table

    @property
    def trials(self) -> Sequence[TunedTrial]:
        """All trials, the oldest first."""
        table = self.table
        manifests = {one["metadata"]["name"]: one for one in self._read_trials()}
        values = table.values
        return [
            TunedTrial(
                name=name,
                parameters=self._read(manifests[name]["spec"].get("parameterAssignments") or ()),
                status=table.statuses[row],
                value=None if math.isnan(values[row]) else float(values[row]),
                metrics={
                    metric: float(column.values[row])
                    for metric, column in table.metrics.items()
                    if not math.isnan(column.values[row])
                },
                message=_message(manifests[name]),
                started=table.started[row],
                completed=table.completed[row],
            )
            for row, name in enumerate(table.names)
        ]

    def export(self, format: str = "csv", file: Path | str | None = None) -> str:
        """Write all trials into a file; see :func:`katib.export_experiment`."""
        from katib.client.exchange.calls import export_experiment

        return export_experiment(
            self.name, format, file, namespace=self.namespace, backend=self._backend
        )

    def log_to_mlflow(self, tracking_uri: str | None = None) -> str:
        """Log all trials to MLflow; see :func:`katib.log_to_mlflow`."""
        from katib.client.exchange.calls import log_to_mlflow

        return log_to_mlflow(
            self.name, tracking_uri, namespace=self.namespace, backend=self._backend
        )

    @property
    def failures(self) -> Sequence[TunedTrial]:
        """The trials that failed, or ended without their metrics; their messages say why."""
        return [
            one for one in self.trials if one.status in (names.FAILED, names.METRICS_UNAVAILABLE)
        ]

    @property
    def summary(self) -> str:
        """What was found, in a sentence, and what failed."""
        status: Manifest = self._experiment.get("status") or {}
        count = int(status.get("trials") or 0)
        told = f"{self.name}: {count} trial{'' if count == 1 else 's'}"
        if why := has_failed(self._experiment):
            told += f", {why[0].lower()}{why[1:]}"
        best = self.best_trial
        if best is not None:
            values = ", ".join(f"{name}={_shown(value)}" for name, value in best.parameters.items())
            told += f", best {self._metric} {short(str(best.value))} with {values} ({best.name})"
        failed = int(status.get("trialsFailed") or 0) + int(
            status.get("trialMetricsUnavailable") or 0
        )
        return f"{told}; {failed} failed, see result.failures" if failed else told

    def __repr__(self) -> str:
        return f"<TuneResult {self.summary}>"

    def _repr_html_(self) -> str:
        best = self.best_trial
        rows = {
            "experiment": self.name,
            "trials": (self._experiment.get("status") or {}).get("trials", 0),
        }
        if best is not None:
            rows |= {f"best {self._metric}": short(str(best.value)), "best trial": best.name}
            rows |= {name: _shown(value) for name, value in best.parameters.items()}
        cells = "".join(
            f'<tr><th style="text-align:left">{html.escape(str(name))}</th>'
            f'<td style="text-align:left">{html.escape(str(value))}</td></tr>'
            for name, value in rows.items()
        )
        return f"<table>{cells}</table>"

    @property
    def _metric(self) -> str:
        name: str = self._experiment["spec"]["objective"]["objectiveMetricName"]
        return name

    def _read_trials(self) -> Sequence[Manifest]:
        if self._trials is None:
            query = {"labelSelector": f"{names.LABEL_EXPERIMENT}={self.name}"}
            path = path_of("trials", self.namespace, query=query)
            found: Sequence[Manifest] = self._backend.ask("GET", path)["items"]
            self._trials = found
        return self._trials

    def _read(self, assignments: Sequence[Manifest]) -> dict[str, Any]:
        return {
            one["name"]: self._readers[one["name"]].read(one["value"])
            if one["name"] in self._readers
            else one["value"]
            for one in assignments
        }


def told_failures(failures: Sequence[TunedTrial]) -> str:
    """The first failures in words, one after the other; all that is said of each once."""
    messages = list(dict.fromkeys(one.message for one in failures))
    told = [f"{one.name}: {one.message}" for one in failures if one.message in messages]
    firsts = {
        message: next(text for text in told if text.endswith(message)) for message in messages
    }
    shown = list(firsts.values())[:_FAILURES_TOLD]
    more = len(failures) - len(shown)
    return "\n".join([*shown, *([f"… and {more} more"] if more > 0 else [])])


def _message(trial: Manifest) -> str:
    conditions = (trial.get("status") or {}).get("conditions") or ()
    return next(
        (str(one.get("message") or "") for one in reversed(conditions) if one["status"] == "True"),
        "",
    )


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    named = getattr(value, "__name__", None)
    return named if isinstance(named, str) else repr(value)
