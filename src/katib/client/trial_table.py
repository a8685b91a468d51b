"""An experiment and its trials as columns: what results, analysis and plots are made from."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from katib.api import codec, names
from katib.api.experiment import (
    EXPERIMENTS,
    Experiment,
    FeasibleSpace,
    ObjectiveSpec,
    ParameterSpec,
)
from katib.api.numbers import parse_number
from katib.api.values import Manifest

Floats = NDArray[np.float64]

#: A value as the program's own language would have it; ``None`` where a trial has none.
Scalar = float | int | str | None

#: A trial that has not begun.
PENDING = "Pending"

#: The first that is true is the trial's status.
_STATUSES = (
    names.KILLED,
    names.FAILED,
    names.SUCCEEDED,
    names.EARLY_STOPPED,
    names.METRICS_UNAVAILABLE,
    names.RUNNING,
)

#: Those that trials are left in.
ENDS = frozenset(_STATUSES) - {names.RUNNING}


@dataclass(frozen=True, slots=True, eq=False)
class ParameterColumn:
    """The values of one parameter, one for each trial.

    Attributes:
        name: as the user named it.
        type: ``double``, ``int``, ``discrete`` or ``categorical``.
        feasible_space: as the document has it; its numbers are texts.
        texts: as they were assigned; ``None`` where a trial has none.
        values: a ``double`` as a float, an ``int`` as an int, a ``discrete`` one as a number when
            all of its list are numbers; texts else, and for what is no such number.
        numbers: (n_trials,), ``nan`` where there is no number.
    """

    name: str
    type: str
    feasible_space: FeasibleSpace
    texts: Sequence[str | None]
    values: Sequence[Scalar]
    numbers: Floats

    @property
    def is_numeric(self) -> bool:
        """Whether its values are numbers."""
        return _is_numeric(self.type, self.feasible_space)

    @property
    def is_log(self) -> bool:
        """Whether it is looked at on a logarithmic scale."""
        return self.is_numeric and self.feasible_space.distribution in ("logUniform", "logNormal")


@dataclass(frozen=True, slots=True, eq=False)
class MetricColumn:
    """What each trial observed of one metric: (n_trials,) each, ``nan`` where there is nothing.

    Attributes:
        name: the metric's.
        least: the smallest value over the trial's time.
        largest: the largest.
        latest: the last that was reported.
        values: the one of these that the metric's strategy picks; the last without a strategy.
    """

    name: str
    least: Floats
    largest: Floats
    latest: Floats
    values: Floats


@dataclass(frozen=True, slots=True, eq=False)
class TrialRow:
    """What a table has of one trial.

    Attributes:
        age: sorts by creation; within a second, which is all that Kubernetes tells, by change.
        name: of the trial.
        status: see :class:`TrialTable`, as for what follows.
        reason: likewise.
        started: likewise.
        completed: likewise.
        assigned: the parameters' values, by name.
        observed: the metrics as the trial has them, by name.
    """

    age: tuple[str, int]
    name: str
    status: str
    reason: str
    started: datetime | None
    completed: datetime | None
    assigned: Mapping[str, str]
    observed: Mapping[str, Manifest]

    @classmethod
    def of(cls, trial: Manifest) -> TrialRow:
        """Read a trial."""
        metadata, status = trial["metadata"], trial.get("status") or {}
        conditions = status.get("conditions") or ()
        pairs = trial["spec"].get("parameterAssignments") or ()
        metrics = (status.get("observation") or {}).get("metrics") or ()
        version = str(metadata.get("resourceVersion") or "")
        return cls(
            age=(
                metadata.get("creationTimestamp") or "",
                int(version) if version.isdecimal() else 0,
            ),
            name=metadata["name"],
            status=_status(conditions),
            reason=conditions[-1].get("reason", "") if conditions else "",
            started=_time(status.get("startTime")),
            completed=_time(status.get("completionTime")),
            assigned={pair["name"]: pair["value"] for pair in pairs},
            observed={metric["name"]: metric for metric in metrics},
        )


@dataclass(frozen=True, slots=True, eq=False)
class TrialTable:
    """An experiment's trials, in the order of their creation.

    Attributes:
        experiment: its name.
        namespace: where it lives.
        objective: what is optimised, with the strategies of its metrics.
        parameters: by name, in the document's order; then those that only trials have.
        metrics: by name: the objective metric, the additional ones, then others by name.
        names: of the trials.
        statuses: ``Succeeded``, ``EarlyStopped``, ``Failed``, ``Killed``, ``MetricsUnavailable``,
            ``Running`` or ``Pending``.
        reasons: why a trial's last condition is so, as ``TrialFailed``; empty when not told.
        started: when each began; ``None`` before.
        completed: when each ended; ``None`` before.
    """

    experiment: str
    namespace: str
    objective: ObjectiveSpec
    parameters: Mapping[str, ParameterColumn]
    metrics: Mapping[str, MetricColumn]
    names: Sequence[str]
    statuses: Sequence[str]
    reasons: Sequence[str]
    started: Sequence[datetime | None]
    completed: Sequence[datetime | None]

    @classmethod
    def of(
        cls,
        experiment: Manifest,
        trials: Sequence[Manifest],
        read: Callable[[Manifest], TrialRow] | None = None,
    ) -> TrialTable:
        """The table of an experiment and its trials, as the API gives them.

        Args:
            experiment: plain JSON data, and so are the trials. None of it is kept or changed.
            trials: in any order.
            read: in place of :meth:`TrialRow.of`, by whoever remembers what was read before.

        Raises:
            msgspec.ValidationError: the experiment has another shape than an Experiment.
        """
        found = codec.from_manifest(EXPERIMENTS, {**experiment, "status": {}})
        rows = sorted(map(read or TrialRow.of, trials), key=_age)
        objective = found.spec.objective or ObjectiveSpec()
        return cls(
            experiment=found.metadata.name,
            namespace=found.metadata.namespace,
            objective=objective,
            parameters=_parameters(found, [row.assigned for row in rows]),
            metrics=_metrics(objective, [row.observed for row in rows]),
            names=tuple(row.name for row in rows),
            statuses=tuple(row.status for row in rows),
            reasons=tuple(row.reason for row in rows),
            started=tuple(row.started for row in rows),
            completed=tuple(row.completed for row in rows),
        )

    def __len__(self) -> int:
        return len(self.names)

    @property
    def is_maximised(self) -> bool:
        """Whether more of the objective is better."""
        return self.objective.type == names.MAXIMIZE

    @property
    def values(self) -> Floats:
        """(n_trials,), of the objective, by its strategy; ``nan`` where there is none."""
        return self.metrics[self.objective.objective_metric_name].values

    @property
    def losses(self) -> Floats:
        """(n_trials,), the objective turned so that less is better; ``nan`` unless finite."""
        values = np.where(np.isfinite(self.values), self.values, np.nan)
        return -values if self.is_maximised else values

    @property
    def best_row(self) -> int | None:
        """Of the trial with the best finite value, the oldest of several; ``None`` without any.

        As in an experiment's status, it may be one that failed or still runs, if it has a value.
        """
        losses = self.losses
        return None if np.isnan(losses).all() else int(np.nanargmin(losses))

    @property
    def best_so_far(self) -> Floats:
        """(n_trials,), the best value of each trial and those before it; ``nan`` before any."""
        losses = np.fmin.accumulate(self.losses)
        return -losses if self.is_maximised else losses


def _age(row: TrialRow) -> tuple[str, int, str]:
    return (*row.age, row.name)


def _status(conditions: Sequence[Manifest]) -> str:
    true = {one.get("type") for one in conditions if one.get("status") == "True"}
    return next((status for status in _STATUSES if status in true), PENDING)


def _time(text: str | None) -> datetime | None:
    return None if text is None else codec.parse_time(text)


def _parameters(
    experiment: Experiment, rows: Sequence[Mapping[str, str]]
) -> dict[str, ParameterColumn]:
    """The columns of what the document searches, and of what trials have beyond it."""
    specs = {spec.name: spec for spec in experiment.spec.parameters}
    others = dict.fromkeys(name for row in rows for name in row if name not in specs)
    specs |= {name: ParameterSpec(name=name, parameter_type=names.CATEGORICAL) for name in others}
    return {name: _parameter(spec, [row.get(name) for row in rows]) for name, spec in specs.items()}


def _parameter(spec: ParameterSpec, texts: Sequence[str | None]) -> ParameterColumn:
    type, space = spec.parameter_type, spec.feasible_space
    values: tuple[Scalar, ...] = tuple(texts)
    column = np.full(len(texts), math.nan)
    if _is_numeric(type, space):
        read = float if type == names.DOUBLE else int
        values = tuple(_scalar(text, read) for text in texts)
        column[:] = [
            math.nan if one is None or isinstance(one, str) else float(one) for one in values
        ]
    return ParameterColumn(spec.name, type, space, tuple(texts), values, column)


def _is_numeric(type: str, space: FeasibleSpace) -> bool:
    if type == names.DISCRETE:
        return all(parse_number(text) is not None for text in space.list)
    return type in (names.DOUBLE, names.INT)


def _scalar(text: str | None, read: Callable[[str], float]) -> Scalar:
    if text is None:
        return None
    try:
        return read(text)
    except ValueError:
        number = parse_number(text)
        return text if number is None else number


def _metrics(
    objective: ObjectiveSpec, rows: Sequence[Mapping[str, Manifest]]
) -> dict[str, MetricColumn]:
    """The columns of all metrics that are wanted, and of those that were observed."""
    observed = sorted({name for row in rows for name in row})
    wanted = dict.fromkeys((*objective.exact_names, *observed))
    return {name: _metric(name, objective, [row.get(name) for row in rows]) for name in wanted}


def _metric(name: str, objective: ObjectiveSpec, found: Sequence[Manifest | None]) -> MetricColumn:
    """The column of a metric; the extremes of one that never was a number are its last value."""
    rows = [one or {} for one in found]
    # The extremes are mostly one of few reports, and so the same text as the last one.
    known: dict[str, float] = {}
    least, largest, latest = (
        _numbers(rows, field, known) for field in (names.MIN, names.MAX, names.LATEST)
    )
    extreme = {names.MIN: least, names.MAX: largest}.get(objective.strategy(name) or "", latest)
    values = np.where(np.isnan(extreme), latest, extreme)
    return MetricColumn(name, least, largest, latest, values)


def _numbers(metrics: Sequence[Manifest], field: str, known: dict[str, float]) -> Floats:
    """Those of a field; texts that were read before are in ``known``."""
    texts = [metric.get(field, "") for metric in metrics]
    for text in texts:
        if text not in known:
            number = parse_number(text)
            known[text] = math.nan if number is None else number
    return np.array([known[text] for text in texts], dtype=np.float64)
