"""An experiment and its trials, looked at again and again."""

from __future__ import annotations

import math
from collections.abc import Sequence

from katib.api import conditions, names
from katib.api.experiment import EXPERIMENTS
from katib.api.numbers import parse_number
from katib.api.trial import TRIALS, Trial
from katib.api.values import Key
from katib.cli.objective import show_objective
from katib.ports.resource_store import ResourceReader, Selector

#: How many failed trials are remembered for showing.
FAILURES_KEPT = 16


class Watched:
    """What is known of one experiment; each look reads only what changed.

    Args:
        store: where it is.
        key: which.
        is_new: whether all that has ended is news; else what ended before is none.
    """

    def __init__(self, store: ResourceReader, key: Key, is_new: bool = False) -> None:
        self._store, self._key = store, key
        self._version = 0
        self._running: dict[str, Trial] = {}
        self._completed: set[str] = set()
        self._ended: list[Trial] = []
        self.best: Trial | None = None
        self.failures: list[Trial] = []
        self.experiment = store.get(EXPERIMENTS, key)
        self.look()
        if not is_new:
            self.take_ended()

    @property
    def completed(self) -> int:
        """How many trials have ended."""
        return len(self._completed)

    @property
    def running(self) -> Sequence[Trial]:
        """The trials that have not ended, the oldest first."""
        return list(self._running.values())

    @property
    def is_over(self) -> bool:
        """Whether the experiment is completed, and its last trial has ended and is counted."""
        self.look_at_experiment()
        found = self.experiment.status.conditions
        ended = conditions.has(found, names.SUCCEEDED) or conditions.has(found, names.FAILED)
        if not ended:
            return False
        self.look()
        status = self.experiment.status
        return not self._running and not (status.trials_running or status.trials_pending)

    @property
    def is_successful(self) -> bool:
        """Whether the experiment succeeded and has an optimum."""
        status = self.experiment.status
        has_best = bool(status.current_optimal_trial.best_trial_name)
        return has_best and conditions.has(status.conditions, names.SUCCEEDED)

    def look_at_experiment(self) -> None:
        """Read the experiment again."""
        self.experiment = self._store.find(EXPERIMENTS, self._key) or self.experiment

    def take_ended(self) -> list[Trial]:
        """The trials that ended since the last call, in the order of their ends."""
        ended, self._ended = self._ended, []
        return ended

    def look(self) -> None:
        """Read what changed."""
        self.look_at_experiment()
        namespace, name = self._key
        where = Selector(namespace, {names.LABEL_EXPERIMENT: name}, since=self._version)
        for trial in self._store.list(TRIALS, where):
            self._version = max(self._version, int(trial.metadata.resource_version))
            if not trial.is_completed:
                self._running[trial.metadata.name] = trial
            elif trial.metadata.name not in self._completed:
                self._note(trial)
        self._forget_deleted()
        best = self.experiment.status.current_optimal_trial.best_trial_name
        if best and (self.best is None or self.best.metadata.name != best):
            self.best = self._store.find(TRIALS, Key(namespace, best)) or self.best

    def _forget_deleted(self) -> None:
        """A trial that was deleted never ends."""
        namespace = self._key.namespace
        gone = [name for name in self._running if not self._exists(Key(namespace, name))]
        for name in gone:
            del self._running[name]

    def _exists(self, key: Key) -> bool:
        return self._store.find(TRIALS, key) is not None

    def best_trials(self, count: int) -> list[Trial]:
        """The trials with the best objective values, the best first."""
        namespace, name = self._key
        where = Selector(namespace, {names.LABEL_EXPERIMENT: name})
        objective = self.experiment.spec.objective
        sign = -1 if objective is not None and objective.type == names.MAXIMIZE else 1
        valued = []
        for trial in self._store.list(TRIALS, where):
            text = show_objective(trial.spec.objective, trial.status.observation)
            number = parse_number(text)
            if number is not None and math.isfinite(number):
                valued.append((sign * number, trial.metadata.name, trial))
        return [trial for _, _, trial in sorted(valued, key=lambda one: one[:2])[:count]]

    def _note(self, trial: Trial) -> None:
        self._running.pop(trial.metadata.name, None)
        self._completed.add(trial.metadata.name)
        self._ended.append(trial)
        if not trial.has(names.SUCCEEDED) and not trial.has(names.EARLY_STOPPED):
            self.failures = [*self.failures, trial][-FAILURES_KEPT:]
