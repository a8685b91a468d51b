"""Trials as a study in a storage of Optuna."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from katib.api import names
from katib.client.exchange.errors import ExportError
from katib.client.exchange.libraries import load_library
from katib.client.exchange.results import Results
from katib.client.trial_table import ParameterColumn, Scalar

#: Endings of files that SQLite writes; others are Optuna's journals.
SQLITE = (".db", ".sqlite", ".sqlite3")


def open_storage(where: str) -> Any:
    """The storage at a URL of SQLAlchemy, in a file of SQLite or in a journal.

    Raises:
        MissingExtraError: Optuna is not installed.
    """
    optuna = load_library("optuna")
    if "://" in where:
        return optuna.storages.RDBStorage(where)
    if where.endswith(SQLITE):
        return optuna.storages.RDBStorage(f"sqlite:///{where}")
    journal = load_library("optuna", "optuna.storages.journal")
    return optuna.storages.JournalStorage(journal.JournalFileBackend(where))


def write_optuna(results: Results, where: str) -> None:
    """Write a study of the experiment's name.

    A trial that was stopped early is pruned there. Trials that have not ended are running there,
    and stay so.

    Raises:
        ExportError: there is a study of that name.
        MissingExtraError: Optuna is not installed.
    """
    optuna, table = load_library("optuna"), results.table
    direction = "maximize" if table.is_maximised else "minimize"
    try:
        study = optuna.create_study(
            storage=open_storage(where), study_name=table.experiment, direction=direction
        )
    except optuna.exceptions.DuplicatedStudyError as error:
        raise ExportError(
            f"{where} has a study {table.experiment} already; name another file"
        ) from error
    spaces = {key: _distribution(optuna, one) for key, one in table.parameters.items()}
    study.add_trials([_trial(optuna, results, row, spaces) for row in range(len(table))])


def _trial(optuna: Any, results: Results, row: int, spaces: Mapping[str, Any]) -> Any:
    table = results.table
    values = {key: one.values[row] for key, one in table.parameters.items()}
    params = {key: one for key, one in values.items() if one is not None}
    metric = table.objective.objective_metric_name
    reports = [one.number for one in results.read_reports(table.names[row]) if one.metric == metric]
    value = float(table.values[row])
    state = _state(optuna, table.statuses[row], value)
    is_complete = state is optuna.trial.TrialState.COMPLETE
    observed = {key: float(one.values[row]) for key, one in table.metrics.items()}
    told = {key: one for key, one in observed.items() if not math.isnan(one)}
    return optuna.trial.FrozenTrial(
        number=-1,
        trial_id=-1,
        state=state,
        # A pruned trial has what it reported, and no value of its own.
        value=value if is_complete else None,
        datetime_start=_local(table.started[row]) or datetime.now(),
        datetime_complete=_local(table.completed[row]) if state.is_finished() else None,
        params=params,
        distributions={key: spaces[key] for key in params},
        user_attrs={"katib_trial": table.names[row], **told},
        system_attrs={},
        intermediate_values=dict(enumerate(reports)),
    )


def _state(optuna: Any, status: str, value: float) -> Any:
    states = optuna.trial.TrialState
    if status == names.SUCCEEDED:
        # Optuna takes no value that is no number.
        return states.FAIL if math.isnan(value) else states.COMPLETE
    if status == names.EARLY_STOPPED:
        return states.PRUNED
    is_failed = status in (names.FAILED, names.KILLED, names.METRICS_UNAVAILABLE)
    return states.FAIL if is_failed else states.RUNNING


def _distribution(optuna: Any, column: ParameterColumn) -> Any:
    """The distribution of a parameter, wide enough for what trials were given."""
    space, given = column.feasible_space, [one for one in column.values if one is not None]
    if column.type not in (names.DOUBLE, names.INT) or any(isinstance(one, str) for one in given):
        listed = [_listed(text, column) for text in space.list]
        return optuna.distributions.CategoricalDistribution(list(dict.fromkeys([*listed, *given])))
    numbers = [float(one) for one in given]
    low, high = min([float(space.min), *numbers]), max([float(space.max), *numbers])
    step = None if column.is_log or not space.step else float(space.step)
    if column.type == names.DOUBLE:
        return optuna.distributions.FloatDistribution(low, high, log=column.is_log, step=step)
    return optuna.distributions.IntDistribution(
        int(low), int(high), log=column.is_log, step=int(step or 1)
    )


def _listed(text: str, column: ParameterColumn) -> Scalar:
    """A value of a list as the column has it."""
    if not column.is_numeric:
        return text
    try:
        return int(text)
    except ValueError:
        return float(text)


def _local(time: datetime | None) -> datetime | None:
    """Optuna's times are those of this machine, and say no zone."""
    return None if time is None else time.astimezone().replace(tzinfo=None)
