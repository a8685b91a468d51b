"""What a trial without a finite value is worth, where an experiment wants it penalised."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from katib.api import names
from katib.api.experiment import Metric, ObjectiveSpec, Observation
from katib.api.numbers import is_non_finite, parse_number
from katib.api.trial import Trial


def penalty_of(losses: Iterable[float]) -> float:
    """A finite loss that is worse than all of these, by as much as they differ.

    Args:
        losses: finite; a smaller one is better. Without any, the penalty is 1.
    """
    known = list(losses) or [0.0]
    worst = max(known)
    penalty = worst + ((worst - min(known)) or abs(worst) or 1.0)
    return penalty if math.isfinite(penalty) else sys.float_info.max


def with_penalties(trials: Sequence[Trial], objective: ObjectiveSpec) -> Sequence[Trial]:
    """The trials, each objective value that is not finite replaced by the penalty.

    For algorithms that are told texts. Other experiments' trials come back as they are.

    Args:
        trials: all of an experiment.
        objective: its objective.
    """
    if objective.non_finite != names.PENALISE:
        return trials
    sign = -1.0 if objective.type == names.MAXIMIZE else 1.0
    picked = {trial.key: _pick(trial, objective) for trial in trials}
    numbers = (parse_number(text) for text in picked.values() if text is not None)
    finite = (sign * number for number in numbers if number is not None and math.isfinite(number))
    penalty = repr(sign * penalty_of(finite))
    return [
        _with_value(trial, objective.objective_metric_name, penalty)
        if is_non_finite(picked[trial.key] or "")
        else trial
        for trial in trials
    ]


def _pick(trial: Trial, objective: ObjectiveSpec) -> str | None:
    observation = trial.status.observation
    metric = None if observation is None else observation.find(objective.objective_metric_name)
    return None if metric is None else objective.pick(metric)


def _with_value(trial: Trial, name: str, value: str) -> Trial:
    observation = trial.status.observation or Observation()
    penalised = Metric(name=name, min=value, max=value, latest=value)
    metrics = tuple(penalised if one.name == name else one for one in observation.metrics)
    return replace(trial, status=replace(trial.status, observation=Observation(metrics=metrics)))
