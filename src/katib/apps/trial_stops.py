"""What the operator does when a collector says that it has stopped its trial."""

from __future__ import annotations

from katib.api.trial import TRIALS, stopped_early
from katib.api.values import Key
from katib.errors import ConflictError
from katib.ports.clock import Clock
from katib.ports.event_recorder import EventRecorder
from katib.ports.resource_store import ResourceStore

#: How often somebody else may write the trial in between.
ATTEMPTS = 10


class TrialStops:
    """Gives trials that were stopped early their condition.

    Args:
        store: where trials are.
        events: what happened, for the user.
        clock: for the time.
    """

    def __init__(self, store: ResourceStore, events: EventRecorder, clock: Clock) -> None:
        self._store, self._events, self._clock = store, events, clock

    def stop(self, key: Key, why: str = "") -> None:
        """Mark a trial, unless it has ended already.

        Args:
            key: which trial.
            why: it was stopped, as far as that is known.

        Raises:
            ConflictError: it is written again and again.
            NotFoundError: it is gone.
        """
        for attempt in range(1, ATTEMPTS + 1):
            trial = self._store.get(TRIALS, key)
            if trial.is_completed:
                return
            stopped = stopped_early(trial, self._clock.now(), why)
            try:
                self._store.update_status(TRIALS, stopped)
            except ConflictError:
                if attempt == ATTEMPTS:
                    raise
                continue
            condition = stopped.status.conditions[-1]
            self._events.record(trial, condition.reason, condition.message)
            return
