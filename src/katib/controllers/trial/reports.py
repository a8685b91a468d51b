"""What trials have reported, as far as their controller asks the observation log for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from msgspec.structs import replace

from katib.api import conditions, names
from katib.api.experiment import ObjectiveSpec
from katib.api.trial import Trial, TrialStatus
from katib.controllers.trial.observation import find_surplus, observe
from katib.errors import KatibError, StoreUnavailableError
from katib.ports.observation_log import NO_TIME, MetricEntry, ObservationLog


class ObservationsAwayError(KatibError):
    """The observation log cannot be reached; the trial waits for it."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"The observation log cannot be reached: {problem}")
        self.condition = conditions.progress("False", "ObservationLogUnavailable", str(self))


class Reports:
    """Reads what a trial reported.

    Args:
        log: where it is. Every method raises :class:`ObservationsAwayError` when it is away.
    """

    def __init__(self, log: ObservationLog) -> None:
        self._log = log

    def read(self, trial: Trial) -> Sequence[MetricEntry]:
        """All of it, by time."""
        with translated():
            return self._log.read(trial.key)

    def observe(self, trial: Trial) -> TrialStatus:
        """The trial's status with its observation, if it has reported anything."""
        objective = trial.spec.objective
        observation = None if objective is None else observe(objective, self.read(trial))
        if observation is None:
            return trial.status
        return replace(trial.status, observation=observation)

    def find_surplus(self, trial: Trial) -> str:
        """That wildcards match more of it than is observed; empty when they do not."""
        objective = trial.spec.objective
        if objective is None or not objective.wildcards:
            return ""
        return find_surplus(objective, self.read(trial))

    def add_missing(self, trial: Trial) -> None:
        """Note in the log that the objective metric never came."""
        objective = trial.spec.objective or ObjectiveSpec()
        missing = MetricEntry(NO_TIME, objective.objective_metric_name, names.UNAVAILABLE)
        with translated():
            self._log.report(trial.key, [missing])


@contextmanager
def translated() -> Iterator[None]:
    """Let a log that cannot be reached be told as :class:`ObservationsAwayError`."""
    try:
        yield
    except StoreUnavailableError as error:
        raise ObservationsAwayError(str(error)) from error
