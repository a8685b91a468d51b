"""What an experiment says of itself: its conditions, when they change, and what is told of that."""

from __future__ import annotations

from msgspec.structs import replace

from katib.api import conditions, names
from katib.api.experiment import Experiment, ExperimentStatus
from katib.api.values import Condition
from katib.ports.clock import Clock
from katib.ports.event_recorder import EventRecorder


class Standing:
    """Writes conditions into statuses; nothing is stored.

    Args:
        events: what happened, for the user.
        clock: for times.
    """

    def __init__(self, events: EventRecorder, clock: Clock) -> None:
        self._events, self._clock = events, clock

    def start(self, status: ExperimentStatus) -> ExperimentStatus:
        """The status of an experiment that is looked at for the first time."""
        created = Condition(
            type=names.CREATED,
            status="True",
            reason="ExperimentCreated",
            message="Experiment is created",
        )
        status = replace(status, start_time=self._clock.now(), completion_time=None)
        return self._put(status, created)

    def restart(self, experiment: Experiment) -> ExperimentStatus:
        """The status of one that was over, and has been given more budget."""
        kept = conditions.remove(experiment.status.conditions, names.SUCCEEDED)
        status = replace(experiment.status, conditions=conditions.remove(kept, names.FAILED))
        restarting = Condition(
            type=names.RESTARTING,
            status="True",
            reason="ExperimentRestarting",
            message="Experiment is restarted",
        )
        self._events.record(experiment, restarting.reason, restarting.message)
        return self._put(status, restarting)

    def go_on(
        self, experiment: Experiment, status: ExperimentStatus, running: Condition
    ) -> ExperimentStatus:
        """The status of one that is not over.

        Args:
            experiment: told of, when it is suspended or goes on after that.
            status: that it had.
            running: its condition now.
        """
        old = conditions.find(status.conditions, names.RUNNING)
        if old is not None and old.status == "True" and old.reason != running.reason:
            self._events.record(experiment, running.reason, running.message)
        return self._put(status, running)

    def end(
        self,
        experiment: Experiment,
        status: ExperimentStatus,
        verdict: Condition,
        *,
        is_fruitless: bool = False,
    ) -> ExperimentStatus:
        """The status of one that is over.

        Args:
            experiment: told of.
            status: that it had.
            verdict: how it ended.
            is_fruitless: whether no trial has succeeded.
        """
        now = self._clock.now()
        found = conditions.show_progress(status.conditions, None, now)
        found = conditions.turn_off(found, names.RUNNING, now)
        is_bad = verdict.type == names.FAILED or is_fruitless
        self._events.record(experiment, verdict.reason, verdict.message, warning=is_bad)
        return self._put(replace(status, conditions=found, completion_time=now), verdict)

    def show(self, status: ExperimentStatus, progress: Condition) -> ExperimentStatus:
        """The status with what is waited for."""
        changed = conditions.show_progress(status.conditions, progress, self._clock.now())
        return replace(status, conditions=changed)

    def _put(self, status: ExperimentStatus, condition: Condition) -> ExperimentStatus:
        changed = conditions.put(status.conditions, condition, self._clock.now())
        return replace(status, conditions=changed)
