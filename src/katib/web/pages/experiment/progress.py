"""How far an experiment is, and when it may be over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from katib.api import names
from katib.api.values import Manifest
from katib.client.trial_table import ENDS, TrialTable
from katib.web import looks

#: The rate is that of so many trials, the last to end.
_LAST = 30

#: Fewer ends than this say nothing about the next.
_LEAST = 3


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an experiment is.

    Attributes:
        ended: how many trials are over.
        budget: how many there will be at most; ``None`` for no limit.
        seconds_left: what the rest will take at the present rate; ``None`` when nothing tells it.
    """

    ended: int
    budget: int | None
    seconds_left: float | None

    @property
    def share(self) -> float | None:
        """Of the budget, at most 1."""
        return min(1.0, self.ended / self.budget) if self.budget else None


def progress_of(experiment: Manifest, table: TrialTable, now: datetime) -> Progress:
    """How far it is.

    Args:
        experiment: as the API gives it.
        table: its trials.
        now: aware.
    """
    budget = (experiment.get("spec") or {}).get("maxTrialCount")
    ended = sum(status in ENDS for status in table.statuses)
    is_going = looks.status_of(experiment) in (names.RUNNING, names.RESTARTING)
    rate = _rate(table, now) if is_going else None
    left = max(0, budget - ended) / rate if rate and budget else None
    return Progress(ended, budget, left)


def _rate(table: TrialTable, now: datetime) -> float | None:
    """Trials a second: from the first of the last ends until now, so that a halt is seen."""
    ends = np.sort([one.timestamp() for one in table.completed if one is not None])[-_LAST:]
    if len(ends) < _LEAST:
        return None
    seconds = now.timestamp() - float(ends[0])
    return (len(ends) - 1) / seconds if seconds > 0 else None
