"""Reads finished trials from a storage of Optuna."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from katib.api import names, told
from katib.api.values import Manifest
from katib.client.exchange.archive import Archive, PastReport, PastTrial
from katib.client.exchange.errors import ImportRefusedError
from katib.client.exchange.libraries import load_library
from katib.client.exchange.optuna_out import open_storage


def read_optuna(where: str, study: str = "", metric: str = "objective") -> Archive:
    """The trials of a study that have ended.

    Args:
        where: a URL of SQLAlchemy, a file of SQLite or a journal.
        study: its name; may be left out when there is one alone.
        metric: what the objective is to be called.

    Raises:
        ImportRefusedError: there is no such study, or it has several objectives.
        MissingExtraError: Optuna is not installed.
    """
    optuna = load_library("optuna")
    try:
        storage = open_storage(where)
        found = [one.study_name for one in optuna.get_all_study_summaries(storage)]
    except Exception as error:
        raise ImportRefusedError(where, [f"cannot be read by Optuna: {error}"]) from error
    if not study and len(found) != 1:
        raise ImportRefusedError(where, [f"name one of its studies: {', '.join(found) or 'none'}"])
    if study and study not in found:
        raise ImportRefusedError(where, [f"has no study {study}; it has {', '.join(found)}"])
    loaded = optuna.load_study(study_name=study or found[0], storage=storage)
    if len(loaded.directions) != 1:
        raise ImportRefusedError(
            where,
            [f"study {loaded.study_name} has {len(loaded.directions)} objectives; one is expected"],
        )
    return _archive(where, loaded, metric)


def _archive(where: str, study: Any, metric: str) -> Archive:
    ended = [one for one in study.get_trials(deepcopy=False) if one.state.is_finished()]
    going = len(study.get_trials(deepcopy=False)) - len(ended)
    if not ended:
        raise ImportRefusedError(where, [f"study {study.study_name} has no trial that has ended"])
    distributions: dict[str, list[Any]] = {}
    for trial in ended:
        for name, one in trial.distributions.items():
            distributions.setdefault(name, []).append(one)
    parameters = [_parameter(name, found) for name, found in distributions.items()]
    others = sorted({key for one in ended for key in _others(one, metric)})
    type = names.MAXIMIZE if study.direction.name == "MAXIMIZE" else names.MINIMIZE
    # Optuna counts what a trial says last, not its best report.
    strategies = [{"name": metric, "value": names.LATEST}]
    objective: Manifest = {"type": type, "objectiveMetricName": metric}
    objective |= {"metricStrategies": strategies}
    if others:
        objective["additionalMetricNames"] = others
    notes = [f"{going} trials had not ended and are left out"] if going else []
    trials = [_trial(one, metric) for one in ended]
    return Archive(f"{where}, study {study.study_name}", trials, parameters, objective, notes)


def _trial(trial: Any, metric: str) -> PastTrial:
    states = {"COMPLETE": told.COMPLETE, "PRUNED": told.STOPPED, "FAIL": told.FAILED}
    steps = sorted(trial.intermediate_values.items())
    reports = [PastReport({metric: repr(float(value))}) for _, value in steps]
    others = {key: repr(float(one)) for key, one in _others(trial, metric).items()}
    if trial.state.name == "COMPLETE":
        last = repr(float(trial.value))
        is_told = bool(reports) and reports[-1].values[metric] == last
        if others or not is_told:
            reports.append(PastReport({**({} if is_told else {metric: last}), **others}))
    elif others:
        reports.append(PastReport(others))
    parameters = {name: _text(one) for name, one in trial.params.items()}
    return PastTrial(f"trial {trial.number}", parameters, reports, states[trial.state.name])


def _others(trial: Any, metric: str) -> Mapping[str, float]:
    """What else a trial says of itself in numbers."""
    return {key: one for key, one in trial.user_attrs.items() if _is_number(one) and key != metric}


def _parameter(name: str, found: Sequence[Any]) -> Manifest:
    """The parameter that has all that its distributions had."""
    if any(hasattr(one, "choices") for one in found):
        choices = [value for one in found for value in getattr(one, "choices", ())]
        texts = list(dict.fromkeys(map(_text, choices)))
        is_discrete = all(_is_number(value) for value in choices)
        return _of(name, names.DISCRETE if is_discrete else names.CATEGORICAL, {"list": texts})
    low, high = min(one.low for one in found), max(one.high for one in found)
    is_int = all(isinstance(one.low, int) for one in found)
    space = {"min": _text(low), "max": _text(high)}
    if all(one.log for one in found):
        space["distribution"] = "logUniform"
    steps = {one.step for one in found}
    step = steps.pop() if len(steps) == 1 else None
    if step not in (None, 1 if is_int else None):
        space["step"] = _text(step)
    return _of(name, names.INT if is_int else names.DOUBLE, space)


def _of(name: str, type: str, space: Manifest) -> Manifest:
    return {"name": name, "parameterType": type, "feasibleSpace": space}


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _text(value: object) -> str:
    """A value as algorithms write it."""
    return repr(value) if isinstance(value, float) else str(value)
