"""What the trials so far have shown, as algorithms need it: places, and losses to make small."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from katib.api import names
from katib.api.experiment import Experiment, ObjectiveSpec
from katib.api.numbers import is_non_finite, parse_number
from katib.api.trial import Trial
from katib.api.values import NameValue
from katib.search.penalty import penalty_of
from katib.search.space import SearchSpace

Floats = NDArray[np.float64]


class Outcome(Enum):
    """What a trial has come to, in the order of what its loss is worth.

    ``PENALISED`` ended well without a finite number, in an experiment that wants this to count.
    ``FAILED`` is every other end without one: failed, killed, without metrics, ``nan``.
    ``PENDING`` is no end yet: created, running, or stopped early with its metrics still to come.
    """

    FINISHED = 0
    STOPPED = 1
    PENALISED = 2
    FAILED = 3
    PENDING = 4


#: All ends.
ENDED = (Outcome.FINISHED, Outcome.STOPPED, Outcome.PENALISED, Outcome.FAILED)


@dataclass(frozen=True, slots=True)
class PastTrial:
    """One trial that was told.

    Attributes:
        name: the trial's.
        outcome: what it has come to.
        loss: its objective value, negated when it is maximised; ``nan`` unless it has one
            (``FINISHED``, ``STOPPED``). That of a trial stopped early is the value it stopped with,
            that of a penalised one infinity.
        units: its point on the unit cube, one place for each parameter in the document's order.
        assignments: its point as texts.
        labels: the labels of the trial, with those its assignment carried.
        ended: when it did, in seconds since 1970; 0 when that is not known.
    """

    name: str
    outcome: Outcome
    loss: float
    units: tuple[float, ...]
    assignments: tuple[NameValue, ...] = field(compare=False)
    labels: Mapping[str, str] = field(compare=False)
    ended: float = field(default=0.0, compare=False)

    @property
    def values(self) -> tuple[str, ...]:
        """The texts alone, in the document's order: the same for trials of the same point."""
        return tuple(assignment.value for assignment in self.assignments)

    @property
    def rank(self) -> tuple[int, float]:
        """Sorts the best first: finished by loss, then stopped, then penalised, then failed ones.

        One that was stopped early had been beaten, so that its loss is no match for a final one.
        """
        return self.outcome.value, 0.0 if math.isnan(self.loss) else self.loss


class History:
    """The trials told, by name: the same whatever the order and the batches they came in.

    The direction of the objective is turned here, once: a smaller loss is better everywhere.

    Trials whose values the search space does not have are no evidence and are left out.

    Args:
        experiment: whose trials.
        space: its search space.
    """

    def __init__(self, experiment: Experiment, space: SearchSpace) -> None:
        self._objective = experiment.spec.objective or ObjectiveSpec()
        self._space = space
        self._trials: dict[str, PastTrial] = {}
        self._sorted: tuple[PastTrial, ...] | None = ()

    def tell(self, trials: Sequence[Trial]) -> Sequence[PastTrial]:
        """Take in trials that are new or have changed, oldest write first; as they were taken."""
        taken = [past for past in map(self._read, trials) if past is not None]
        self._trials.update((past.name, past) for past in taken)
        self._sorted = None
        return taken

    @property
    def trials(self) -> tuple[PastTrial, ...]:
        """All of them, by name."""
        if self._sorted is None:
            self._sorted = tuple(self._trials[name] for name in sorted(self._trials))
        return self._sorted

    def of(self, *outcomes: Outcome) -> tuple[PastTrial, ...]:
        """Those that came to one of these, by name."""
        return tuple(trial for trial in self.trials if trial.outcome in outcomes)

    def points(self) -> set[tuple[str, ...]]:
        """The texts of every point that has been tried or is being tried."""
        return {trial.values for trial in self.trials}

    def _read(self, trial: Trial) -> PastTrial | None:
        try:
            units = self._space.units_of(trial.spec.parameter_assignments)
        except (ValueError, OverflowError):
            return None
        given = {pair.name: pair for pair in trial.spec.parameter_assignments}
        outcome, loss = self._judge(trial)
        return PastTrial(
            name=trial.metadata.name,
            outcome=outcome,
            loss=loss,
            units=units,
            assignments=tuple(given[parameter.name] for parameter in self._space.parameters),
            labels={**(trial.spec.labels or {}), **(trial.metadata.labels or {})},
            ended=_ended(trial),
        )

    def _judge(self, trial: Trial) -> tuple[Outcome, float]:
        if not trial.is_completed:
            return Outcome.PENDING, math.nan
        is_early = trial.has(names.EARLY_STOPPED)
        if is_early and not trial.is_observed:
            return Outcome.PENDING, math.nan
        if not (is_early or trial.has(names.SUCCEEDED)):
            return Outcome.FAILED, math.nan
        text = self._value(trial)
        number = parse_number(text)
        if number is not None and math.isfinite(number):
            loss = -number if self._objective.type == names.MAXIMIZE else number
            return (Outcome.STOPPED if is_early else Outcome.FINISHED), loss
        if is_non_finite(text) and self._objective.non_finite == names.PENALISE:
            return Outcome.PENALISED, math.inf
        return Outcome.FAILED, math.nan

    def _value(self, trial: Trial) -> str:
        """The text that the metric's strategy picks; empty when there is none."""
        observation = trial.status.observation
        name = self._objective.objective_metric_name
        metric = None if observation is None else observation.find(name)
        if metric is None:
            return ""
        picked = self._objective.pick(metric)
        return metric.latest if picked is None else picked


def _ended(trial: Trial) -> float:
    time = trial.status.completion_time
    return time.timestamp() if isinstance(time, datetime) else 0.0


def points_of(trials: Sequence[PastTrial], space: SearchSpace) -> Floats:  # (n_trials, n_params)
    """Their points on the unit cube; without trials, an array of no rows."""
    rows = [trial.units for trial in trials]
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(space.parameters))


def losses_of(trials: Sequence[PastTrial]) -> Floats:  # (n_trials,)
    """Their losses, with none missing, so that no failure and no early stop looks good.

    A trial that was stopped early is at best as good as the worst that finished. A penalised one is
    worse than all of these. A failed or pending one is as bad as the worst of all, or 0 when
    nothing at all has a loss.
    """
    finished = [trial.loss for trial in trials if trial.outcome is Outcome.FINISHED]
    floor = max(finished, default=-math.inf)
    stopped = [trial.loss for trial in trials if trial.outcome is Outcome.STOPPED]
    known = [*finished, *stopped]
    penalty = penalty_of(known)
    is_penalised = any(trial.outcome is Outcome.PENALISED for trial in trials)
    worst = penalty if is_penalised else max(known, default=0.0)

    def loss_of(trial: PastTrial) -> float:
        if trial.outcome is Outcome.FINISHED:
            return trial.loss
        if trial.outcome is Outcome.STOPPED:
            return max(trial.loss, floor)
        return penalty if trial.outcome is Outcome.PENALISED else worst

    return np.array([loss_of(trial) for trial in trials], dtype=np.float64)
