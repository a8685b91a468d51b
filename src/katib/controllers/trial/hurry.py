"""Trials that may end as soon as they begin: what is not written of them at once."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from msgspec.structs import replace

from katib.api import names
from katib.api.trial import Trial, TrialStatus
from katib.api.values import Key, Kind
from katib.controllers.trial.runs import kind_of_run

#: When it is written that such a trial has begun, in seconds; many have ended by then.
TOLD_AFTER = 0.25


class Hurry:
    """Keeps the statuses of trials that have just begun, until there is more to say of them.

    After a crash they are made again.

    Args:
        kinds: those of the runs that may end at once.
    """

    def __init__(self, kinds: Collection[Kind[Any]]) -> None:
        self._kinds = tuple(kinds)
        #: By the trial's key: its uid and its status.
        self._kept: dict[Key, tuple[str, TrialStatus]] = {}

    def __contains__(self, trial: Trial) -> bool:
        return bool(self._kinds) and kind_of_run(trial) in self._kinds

    def keep(self, trial: Trial, status: TrialStatus) -> bool:
        """Keep the status of a trial that was never written, if all it says is that it runs."""
        newest = status.conditions[-1]
        if len(status.conditions) != 2 or newest.type != names.RUNNING or trial not in self:
            return False
        self._kept[trial.key] = trial.metadata.uid, status
        return True

    def take(self, trial: Trial) -> Trial | None:
        """The trial with what was kept of it, which is to be written now; ``None`` for nothing."""
        uid, kept = self._kept.pop(trial.key, ("", None)) if self._kept else ("", None)
        if kept is None or uid != trial.metadata.uid:
            return None
        # Others may have said meanwhile that it was stopped.
        found = (*kept.conditions, *trial.status.conditions)
        status = replace(trial.status, start_time=kept.start_time, conditions=found)
        return replace(trial, status=status)

    def forget(self, key: Key) -> None:
        """The trial is gone."""
        self._kept.pop(key, None)
