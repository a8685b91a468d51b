"""What is exported: an experiment, its trials as columns, and what each has reported."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from katib.api.codec import parse_time
from katib.api.numbers import parse_number
from katib.api.values import Manifest
from katib.client.trial_table import Scalar, TrialTable

#: What stands before the names of parameters and metrics, as columns.
PARAMETERS, METRICS = "parameters.", "metrics."


@dataclass(frozen=True, slots=True)
class Report:
    """A value that a trial has reported.

    Attributes:
        time: when it was measured; ``None`` when it was not told.
        metric: its name.
        text: the value as it was reported.
    """

    time: datetime | None
    metric: str
    text: str

    @property
    def number(self) -> float:
        """The value; ``nan`` when it is no number."""
        number = parse_number(self.text)
        return math.nan if number is None else number


def _nothing(trial: str) -> Sequence[Report]:
    return ()


@dataclass(frozen=True, slots=True)
class Results:
    """An experiment and its trials, to be exported.

    Attributes:
        experiment: as the API gives it.
        trials: as the API gives them.
        read_reports: what the trial of a name has reported, by time.
        table: of both.
    """

    experiment: Manifest
    trials: Sequence[Manifest]
    read_reports: Callable[[str], Sequence[Report]] = _nothing
    table: TrialTable = field(init=False)

    def __post_init__(self) -> None:
        table = TrialTable.of(self.experiment, self.trials)
        object.__setattr__(self, "table", table)


def read_time(text: str) -> datetime | None:
    """The time of a report; ``None`` for the one by which a log says that there was none."""
    found = parse_time(text) if text else None
    return None if found is None or found.year == 1 else found


def columns_of(table: TrialTable) -> dict[str, Sequence[Scalar | datetime]]:
    """The columns of a flat table of trials, by name.

    Parameters are ``parameters.NAME``, and a metric's value, by its strategy, is ``metrics.NAME``;
    ``None`` where there is none.
    """
    found: dict[str, Sequence[Scalar | datetime]] = {
        "trial": table.names,
        "status": table.statuses,
        "reason": table.reasons,
        "started": table.started,
        "completed": table.completed,
    }
    found |= {f"{PARAMETERS}{name}": one.values for name, one in table.parameters.items()}
    for name, metric in table.metrics.items():
        found[f"{METRICS}{name}"] = [
            None if math.isnan(one) else float(one) for one in metric.values
        ]
    return found


def observed(trial: Manifest) -> Mapping[str, Mapping[str, str]]:
    """The smallest, largest and latest value of each metric of a trial, as they were reported."""
    found = (trial.get("status") or {}).get("observation") or {}
    return {
        one["name"]: {key: one.get(key, "") for key in ("min", "max", "latest")}
        for one in found.get("metrics") or ()
    }
