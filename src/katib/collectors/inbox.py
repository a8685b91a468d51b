"""What trials push, whatever the way: kept once, and shown to those who watch the trial."""

from __future__ import annotations

import math
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from threading import Lock
from weakref import WeakValueDictionary

from katib.api.experiment import ObjectiveSpec
from katib.api.numbers import parse_number
from katib.api.trial import TRIALS, Trial
from katib.api.values import Key
from katib.collectors.stopping import RuleWatch
from katib.errors import KatibError, NotFoundError, StoreUnavailableError
from katib.ports.collector import Collector
from katib.ports.observation_log import MetricEntry, ObservationLog
from katib.ports.resource_store import ResourceReader

#: How many reports are known by what tells that they were sent before.
REMEMBERED_REPORTS = 10_000

#: How many names of a trial's metrics are remembered to be told.
REMEMBERED_NAMES = 10


class TrialEndedError(KatibError):
    """A trial pushes, and is over: what it is to be judged by is known already."""

    def __init__(self, trial: Trial) -> None:
        super().__init__(
            f"trial {trial.key} has ended, so that nothing it pushes counts any more; let its "
            "program push before it exits"
        )


@dataclass(frozen=True, slots=True)
class Report:
    """What a trial pushed at once.

    Attributes:
        entries: of it.
        content: what was sent, whole.
        key: tells a report that is sent again from another one with the same content; empty when
            the sender makes no difference.
    """

    entries: Sequence[MetricEntry]
    content: bytes
    key: str = ""


class Pushed:
    """What one trial pushes: its drop, its rules and what was pushed so far.

    Args:
        drop: reads the drop.
        watch: the rules by which the trial is ended early.
        objective: of the trial.

    Attributes:
        metric: the objective metric.
        names: the first of the metrics that were pushed.
        has_objective: whether the objective metric was.
        has_number: whether it ever was a finite number.
    """

    def __init__(self, drop: Collector, watch: RuleWatch, objective: ObjectiveSpec) -> None:
        self.drop, self.watch = drop, watch
        self.names: dict[str, None] = {}
        self.has_objective = self.has_number = False
        # Entries that were there before, of an earlier engine perhaps, and how many of each.
        self.kept: Counter[MetricEntry] = Counter()
        self.unkept: list[MetricEntry] = []
        self.unjudged: list[MetricEntry] = []
        self.metric = objective.objective_metric_name

    def note(self, entries: Sequence[MetricEntry]) -> None:
        """See what was pushed; the rules do so later, since they may take their time."""
        self.unjudged += entries
        for entry in entries:
            if len(self.names) < REMEMBERED_NAMES:
                self.names[entry.name] = None
            if entry.name == self.metric and not self.has_number:
                self.has_objective = True
                number = parse_number(entry.value)
                self.has_number = number is not None and math.isfinite(number)


class Inbox:
    """Takes reports for trials, from any thread.

    Args:
        store: where trials are found.
        log: where entries are kept.
    """

    def __init__(self, store: ResourceReader, log: ObservationLog) -> None:
        self._store, self._log = store, log
        # A trial's is held while a report is added and shown, so that nobody is shown one twice, or
        # never. Others do not wait for it: the log may take its time.
        self._locks: WeakValueDictionary[Key, Lock] = WeakValueDictionary()
        # Guards all that is here of all trials, for moments only.
        self._access = Lock()
        self._taken: OrderedDict[tuple[Key, str | bytes], None] = OrderedDict()
        self._watched: WeakValueDictionary[str, Pushed] = WeakValueDictionary()

    def take(self, trial: Key, report: Report) -> None:
        """Keep a report; when this returns, it is safe from a crash.

        A report with the key of an earlier one is that one, sent again. So is one with a key of
        which an earlier engine has kept every entry, and one without a key whose content is that of
        an earlier one that could not be made safe.

        Raises:
            NotFoundError: there is no such trial.
            TrialEndedError: it has ended.
            StoreUnavailableError: it is not safe yet; send it again.
        """
        mark = (trial, report.key or sha256(report.content).digest())
        with self._lock_of(trial):
            if not self._is_known(mark):
                self._add(trial, report)
                if report.key:
                    self._remember(mark)
        try:
            self._log.flush()
        except StoreUnavailableError:
            self._remember(mark)
            raise
        if not report.key:
            with self._access:
                self._taken.pop(mark, None)

    def watch(self, trial: Trial, make: Callable[[], Pushed]) -> Pushed:
        """What a trial pushes: made now and told what there is, or made for another of its pods.

        It is told of every report as long as somebody holds it.
        """
        uid = trial.metadata.uid
        with self._lock_of(trial.key):
            found = self._find_watched(uid)
            if found is None:
                found = make()
                entries = self._log.read(trial.key)
                found.kept.update(entries)
                found.note(entries)
                with self._access:
                    self._watched[uid] = found
            return found

    def follow(self, trial: Key, pushed: Pushed, is_ended: bool) -> bool:
        """Keep what is new in a trial's drop, and judge all that is new; whether that was all.

        What an earlier engine has kept of the drop already is passed over. Not called twice at once
        for the same trial.
        """
        with self._lock_of(trial):
            entries, is_caught_up = pushed.drop.read(is_ended)
            for entry in entries:
                if pushed.kept[entry] > 0:
                    pushed.kept[entry] -= 1
                else:
                    pushed.unkept.append(entry)
            if pushed.unkept:
                self._log.report(trial, pushed.unkept)
                pushed.note(pushed.unkept)
                pushed.unkept = []
            unjudged, pushed.unjudged = pushed.unjudged, []
        pushed.watch.note(unjudged)
        return is_caught_up

    def _add(self, trial: Key, report: Report) -> None:
        found = self._store.find(TRIALS, trial)
        if found is None:
            raise NotFoundError(TRIALS.name, trial.namespace, trial.name)
        if found.is_completed:
            raise TrialEndedError(found)
        pushed = self._find_watched(found.metadata.uid)
        if pushed is not None and report.key and all(map(pushed.kept.get, report.entries)):
            return
        self._log.report(trial, report.entries)
        if pushed is not None:
            pushed.note(report.entries)

    def _lock_of(self, trial: Key) -> Lock:
        with self._access:
            return self._locks.setdefault(trial, Lock())

    def _find_watched(self, uid: str) -> Pushed | None:
        with self._access:
            return self._watched.get(uid)

    def _is_known(self, mark: tuple[Key, str | bytes]) -> bool:
        with self._access:
            return mark in self._taken

    def _remember(self, mark: tuple[Key, str | bytes]) -> None:
        with self._access:
            self._taken[mark] = None
            if len(self._taken) > REMEMBERED_REPORTS:
                self._taken.popitem(last=False)
