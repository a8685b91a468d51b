"""Counting an experiment's trials as they change, so that no reconcile lists them all."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice

from msgspec import UNSET
from msgspec.structs import replace

from katib.api import names
from katib.api.conditions import find
from katib.api.experiment import ExperimentStatus, OptimalTrial
from katib.api.trial import Trial
from katib.controllers.experiment.objective import is_better, objective_value

PENDING = "pending"

#: The first of these that is true of a trial says where it is counted.
_ORDER = (
    names.KILLED,
    names.FAILED,
    names.SUCCEEDED,
    names.EARLY_STOPPED,
    names.RUNNING,
    names.METRICS_UNAVAILABLE,
)

_ACTIVE = (PENDING, names.RUNNING)

_BAD = (names.KILLED, names.FAILED, names.METRICS_UNAVAILABLE)

_LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)


class TrialLedger:
    """What an experiment knows of its trials: where each is counted, and which is best.

    A cache of the store: built from any order of :meth:`note` calls, it is the same.
    """

    def __init__(self) -> None:
        self._bucket: dict[str, str] = {}
        self._buckets: dict[str, dict[str, datetime]] = {PENDING: {}, **{n: {} for n in _ORDER}}
        self._values: dict[str, tuple[float, datetime]] = {}
        self._texts: dict[str, datetime] = {}
        self._stalled: dict[str, Trial] = {}
        self._unread: set[str] = set()
        self._imported: set[str] = set()
        self._arriving: set[str] = set()
        self._bad: tuple[datetime, str, str] | None = None
        self._direction = names.MINIMIZE
        self._best: tuple[str, OptimalTrial] | None = None
        self._best_is_lost = False

    def __contains__(self, name: object) -> bool:
        return name in self._bucket

    def __len__(self) -> int:
        return len(self._bucket)

    def count(self, bucket: str) -> int:
        """How many trials are counted there."""
        return len(self._buckets[bucket])

    @property
    def active(self) -> int:
        """Pending and running trials; not those that are imported, which only await their ends."""
        return self.count(PENDING) + self.count(names.RUNNING) - len(self._arriving)

    @property
    def made(self) -> int:
        """How many trials were made of the algorithm's assignments: all but imported ones."""
        return len(self._bucket) - len(self._imported)

    @property
    def stalled(self) -> tuple[Trial, ...]:
        """The active trials that say what they wait for, the first to say so first."""
        return tuple(self._stalled.values())

    @property
    def is_unread(self) -> bool:
        """Whether a trial was stopped early of which it is not known yet what it observed."""
        return bool(self._unread)

    @property
    def is_best_lost(self) -> bool:
        """Whether the best trial was deleted, so that :meth:`renote` is needed."""
        return self._best_is_lost

    @property
    def optimal(self) -> OptimalTrial | None:
        """The best trial so far."""
        return self._best[1] if self._best else None

    @property
    def best_value(self) -> float | None:
        """Its objective value; ``None`` when there is none or it is no number."""
        if self._best is None or self._best[0] not in self._values:
            return None
        return self._values[self._best[0]][0]

    @property
    def last_failure(self) -> str:
        """The trial that ended badly last, and what it says; empty when none has."""
        return "" if self._bad is None else ": ".join(filter(None, self._bad[1:]))

    def newest_active(self, count: int) -> list[str]:
        """The active trials that were created last, newest first."""
        active = {**self._buckets[PENDING], **self._buckets[names.RUNNING]}
        active = {name: at for name, at in active.items() if name not in self._arriving}
        return sorted(active, key=lambda name: (active[name], name), reverse=True)[:count]

    def note(self, trial: Trial) -> None:
        """Count the trial as it is now."""
        name = trial.metadata.name
        created = trial.metadata.creation_timestamp or _LONG_AGO
        bucket = _bucket_of(trial)
        if self._bucket.get(name) != bucket:
            self._leave(name)
            self._bucket[name] = bucket
            self._buckets[bucket][name] = created
        self._arriving.discard(name)
        if trial.metadata.label(names.LABEL_IMPORTED) is not None:
            self._imported.add(name)
            if bucket in _ACTIVE:
                self._arriving.add(name)
        if bucket in _ACTIVE and find(trial.status.conditions, names.PROGRESSING) is not None:
            self._stalled[name] = trial
        else:
            self._stalled.pop(name, None)
        if bucket == names.EARLY_STOPPED and trial.status.completion_time in (None, UNSET):
            self._unread.add(name)
        else:
            self._unread.discard(name)
        if bucket in _BAD:
            self._note_failure(trial, bucket)
        self._note_value(trial, name, created)

    def forget(self, name: str) -> None:
        """The trial is gone."""
        self._leave(name)
        self._bucket.pop(name, None)
        self._values.pop(name, None)
        self._texts.pop(name, None)
        self._stalled.pop(name, None)
        self._unread.discard(name)
        self._imported.discard(name)
        self._arriving.discard(name)
        if self._best is not None and self._best[0] == name:
            self._best, self._best_is_lost = None, True

    def renote(self, trials: list[Trial]) -> None:
        """Find the best among all trials again."""
        self._best_is_lost = False
        self._values.clear()
        self._texts.clear()
        for trial in trials:
            self.note(trial)

    def write(self, status: ExperimentStatus) -> ExperimentStatus:
        """The status with counters, lists and the best trial; the best is never cleared."""
        lists = {bucket: _newest(members) for bucket, members in self._buckets.items()}
        return replace(
            status,
            trials=len(self),
            trials_succeeded=self.count(names.SUCCEEDED),
            trials_failed=self.count(names.FAILED),
            trials_killed=self.count(names.KILLED),
            trials_pending=self.count(PENDING),
            trials_running=self.count(names.RUNNING),
            trials_early_stopped=self.count(names.EARLY_STOPPED),
            trial_metrics_unavailable=self.count(names.METRICS_UNAVAILABLE),
            succeeded_trial_list=lists[names.SUCCEEDED],
            failed_trial_list=lists[names.FAILED],
            killed_trial_list=lists[names.KILLED],
            pending_trial_list=lists[PENDING],
            running_trial_list=lists[names.RUNNING],
            early_stopped_trial_list=lists[names.EARLY_STOPPED],
            metrics_unavailable_trial_list=lists[names.METRICS_UNAVAILABLE],
            current_optimal_trial=self.optimal or status.current_optimal_trial,
        )

    def _leave(self, name: str) -> None:
        old = self._bucket.get(name)
        if old is not None:
            self._buckets[old].pop(name, None)

    def _note_failure(self, trial: Trial, bucket: str) -> None:
        ended = trial.status.completion_time
        moment = ended if isinstance(ended, datetime) else _LONG_AGO
        found = find(trial.status.conditions, bucket)
        # What a program printed last may follow.
        why = "" if found is None else found.message.partition("\n")[0]
        self._bad = max(self._bad or (_LONG_AGO, "", ""), (moment, trial.metadata.name, why))

    def _note_value(self, trial: Trial, name: str, created: datetime) -> None:
        value = objective_value(trial)
        if value is None:
            return
        if isinstance(value, str):
            # A text cannot be compared: the newest trial's counts, as in Katib.
            self._texts[name] = created
            chosen = not self._values and name == max(
                self._texts, key=lambda n: (self._texts[n], n)
            )
        else:
            self._values[name] = (value, created)
            objective = trial.spec.objective
            self._direction = objective.type if objective else self._direction
            chosen = self._beats_best(name, value, created)
        if chosen:
            self._best = (name, _optimal(trial))

    def _beats_best(self, name: str, value: float, created: datetime) -> bool:
        if self._best is None or self._best[0] == name or self._best[0] not in self._values:
            return True
        best, since = self._values[self._best[0]]
        if best == value:
            return (created, name) < (since, self._best[0])
        return is_better(value, best, self._direction)


def _bucket_of(trial: Trial) -> str:
    true = {one.type for one in trial.status.conditions if one.status == "True"}
    return next((name for name in _ORDER if name in true), PENDING)


def _optimal(trial: Trial) -> OptimalTrial:
    assert trial.status.observation is not None
    return OptimalTrial(
        best_trial_name=trial.metadata.name,
        parameter_assignments=trial.spec.parameter_assignments,
        observation=trial.status.observation,
    )


def _newest(members: dict[str, datetime]) -> tuple[str, ...]:
    skipped = max(0, len(members) - names.LONGEST_LIST)
    return tuple(islice(members, skipped, None))
