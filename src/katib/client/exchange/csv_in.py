"""Reads finished trials from CSV: a line for each, and a column for each parameter and metric."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from katib.api import names, told
from katib.api.numbers import parse_number
from katib.api.values import Manifest
from katib.client.exchange.archive import Archive, PastReport, PastTrial
from katib.client.exchange.errors import ImportRefusedError
from katib.client.exchange.results import METRICS, PARAMETERS
from katib.client.exchange.spaces import infer_parameter, normal_text

#: The names of a column that says how a trial ended, and of those that are passed over.
_STATUS = ("status", "state")
_OTHERS = ("trial", "reason", "started", "completed")

#: How a trial ended, in small letters, as Katib and Optuna word it.
_STATES = {
    "": told.COMPLETE,
    "succeeded": told.COMPLETE,
    "complete": told.COMPLETE,
    "earlystopped": told.STOPPED,
    "pruned": told.STOPPED,
    "stopped": told.STOPPED,
    "failed": told.FAILED,
    "fail": told.FAILED,
    "killed": told.FAILED,
    "metricsunavailable": told.FAILED,
}

#: Trials that have not ended are passed over.
_GOING = ("running", "pending", "waiting")


@dataclass(frozen=True, slots=True)
class Columns:
    """What the columns of a file are.

    Attributes:
        parameters: column → parameter.
        metrics: column → metric.
        status: the column that says how trials ended; empty when there is none.
    """

    parameters: Mapping[str, str]
    metrics: Mapping[str, str]
    status: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a file is read for.

    Attributes:
        objective: as a document has it, with ``objectiveMetricName``.
        parameters: of a document; empty to find them from the file.
        metrics: the columns beside the objective that are metrics.
    """

    objective: Manifest
    parameters: Sequence[Manifest] = ()
    metrics: Sequence[str] = ()


def read_csv(file: Path, wanted: Wanted) -> Archive:
    """All trials of a file.

    Raises:
        ImportRefusedError: something is not legal; all that is wrong is told.
    """
    try:
        with file.open(newline="", encoding="utf-8-sig") as opened:
            lines = list(csv.reader(opened, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ImportRefusedError(str(file), [f"cannot be read: {error}"]) from error
    header = lines[0] if lines else []
    problems: list[str] = []
    columns = _find_columns(header, wanted, problems)
    if problems:
        raise ImportRefusedError(str(file), problems)
    reader = _Reader(header, columns, wanted)
    found = [reader.read(row, line) for row, line in enumerate(lines[1:], 2) if any(line)]
    trials = [one for one in found if one is not None]
    if not trials and not reader.problems:
        reader.problems.append("there is no trial in it that has ended")
    if reader.problems:
        raise ImportRefusedError(str(file), reader.problems)
    return _archive(str(file), trials, columns, wanted, reader.passed_over)


def _archive(
    source: str,
    trials: Sequence[PastTrial],
    columns: Columns,
    wanted: Wanted,
    passed_over: int,
) -> Archive:
    parameters = wanted.parameters or [
        infer_parameter(name, [one.parameters[name] for one in trials if name in one.parameters])
        for name in columns.parameters.values()
    ]
    metric = wanted.objective["objectiveMetricName"]
    others = [name for name in columns.metrics.values() if name != metric]
    objective = dict(wanted.objective)
    if others and not objective.get("additionalMetricNames"):
        objective["additionalMetricNames"] = others
    notes = [f"{passed_over} trials had not ended and are left out"] if passed_over else []
    known = {one["name"]: one for one in parameters}
    read = [_with_normal_texts(one, known) for one in trials]
    return Archive(source, read, parameters, objective, notes)


def _with_normal_texts(trial: PastTrial, parameters: Mapping[str, Manifest]) -> PastTrial:
    texts = {name: normal_text(parameters[name], one) for name, one in trial.parameters.items()}
    return PastTrial(trial.place, texts, trial.reports, trial.state, trial.message)


def _find_columns(header: Sequence[str], wanted: Wanted, problems: list[str]) -> Columns:
    metric = wanted.objective["objectiveMetricName"]
    metric_names = {metric, *wanted.metrics, *wanted.objective.get("additionalMetricNames", ())}
    known = [one["name"] for one in wanted.parameters]
    parameters: dict[str, str] = {}
    metrics: dict[str, str] = {}
    status = ""
    problems += [f"column {one!r} is there twice" for one in _repeated(header)]
    for column in header:
        bare = column.removeprefix(PARAMETERS).removeprefix("params_")
        if column.startswith(METRICS) or column in metric_names:
            metrics[column] = column.removeprefix(METRICS)
        elif bare in known or (not known and bare != column):
            parameters[column] = bare
        elif column in _STATUS:
            status = column
        elif column not in _OTHERS and column and not known:
            parameters[column] = column
    if metric not in metrics.values():
        problems.append(
            f"it has no column {metric!r} of the objective; it has {', '.join(header) or 'none'}"
        )
    missing = [one for one in known if one not in parameters.values()]
    problems += [f"it has no column {one!r} of the parameter" for one in missing]
    if not parameters and not missing:
        problems.append("it has no column of a parameter")
    return Columns(parameters, metrics, status)


class _Reader:
    """Reads lines, and notes what is wrong with them."""

    def __init__(self, header: Sequence[str], columns: Columns, wanted: Wanted) -> None:
        self._header, self._columns = header, columns
        self._metric = wanted.objective["objectiveMetricName"]
        self.problems: list[str] = []
        self.passed_over = 0

    def read(self, row: int, line: Sequence[str]) -> PastTrial | None:
        """The trial of a line; ``None`` when it has not ended, or is not legal."""
        if len(line) != len(self._header):
            self.problems.append(
                f"row {row} has {len(line)} fields; {len(self._header)} are expected"
            )
            return None
        fields = dict(zip(self._header, map(str.strip, line), strict=True))
        status = fields.get(self._columns.status, "")
        word = status.lower().rpartition(".")[2]
        if word in _GOING:
            self.passed_over += 1
            return None
        if word not in _STATES:
            self._refuse(row, self._columns.status, status, f"one of {', '.join(_ENDS)}")
            return None
        return self._trial(row, fields, _STATES[word])

    def _trial(self, row: int, fields: Mapping[str, str], state: str) -> PastTrial:
        parameters = {name: fields[column] for column, name in self._columns.parameters.items()}
        for column, name in self._columns.parameters.items():
            if not parameters[name]:
                self._refuse(row, column, "", "a value")
        values: dict[str, str] = {}
        for column, name in self._columns.metrics.items():
            text = fields[column]
            if text and parse_number(text) is None:
                self._refuse(row, column, text, "a number")
            if text:
                values[name] = text
            elif name == self._metric and state == told.COMPLETE:
                self._refuse(row, column, "", "a number, or a status that is not Succeeded")
        reports = [PastReport(values)] if values else []
        return PastTrial(f"row {row}", parameters, reports, state)

    def _refuse(self, row: int, column: str, found: str, right: str) -> None:
        shown = repr(found) if found else "nothing"
        self.problems.append(f"row {row}, column {column!r}: found {shown}; {right} is expected")


_ENDS = (names.SUCCEEDED, names.EARLY_STOPPED, names.FAILED)


def _repeated(header: Sequence[str]) -> Sequence[str]:
    return [one for one in dict.fromkeys(header) if header.count(one) > 1]
