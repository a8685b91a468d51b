"""When trials ran: each in a slot, of which there are as many as ran at once."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from katib.client.analysis.selection import Rows
from katib.client.trial_table import Floats, TrialTable


@dataclass(frozen=True, slots=True, eq=False)
class Slots:
    """The trials that have begun, by their beginning; (n_begun,) each.

    Attributes:
        rows: of the table.
        slots: from 0 on: the lowest that is free when a trial begins.
        begun: seconds since 1970.
        ended: likewise; of a trial that still runs, the last that is known of any.
    """

    rows: Rows
    slots: NDArray[np.intp]
    begun: Floats
    ended: Floats


def slots(table: TrialTable) -> Slots:
    """Trials side by side, as they ran."""
    begun, ended = _seconds(table.started), _seconds(table.completed)
    known = np.concatenate([begun, ended])
    latest = np.nanmax(known) if np.isfinite(known).any() else np.nan
    ended = np.fmax(np.where(np.isnan(ended), latest, ended), begun)
    rows = np.argsort(begun, kind="stable")[: np.isfinite(begun).sum()]
    return Slots(rows, _first_free(begun[rows], ended[rows]), begun[rows], ended[rows])


def _first_free(begun: Floats, ended: Floats) -> NDArray[np.intp]:
    free: list[int] = []
    busy: list[tuple[float, int]] = []
    found = np.zeros(len(begun), dtype=np.intp)
    count = 0
    for index, (beginning, end) in enumerate(zip(begun.tolist(), ended.tolist(), strict=True)):
        while busy and busy[0][0] <= beginning:
            heapq.heappush(free, heapq.heappop(busy)[1])
        if not free:
            heapq.heappush(free, count)
            count += 1
        found[index] = heapq.heappop(free)
        heapq.heappush(busy, (end, int(found[index])))
    return found


def _seconds(times: Sequence[datetime | None]) -> Floats:
    return np.array(
        [np.nan if time is None else time.timestamp() for time in times], dtype=np.float64
    )
