"""An observation log in front of one that may be away."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Condition, RLock, Thread
from urllib.parse import quote, unquote

from katib.api.values import Key
from katib.errors import (
    EntryRefusedError,
    ObservationLogAwayError,
    OutboxFullError,
    StoreUnavailableError,
)
from katib.observations.outbox.box import Box
from katib.ports.clock import Clock
from katib.ports.observation_log import MetricEntry, ObservationLog

_LOG = logging.getLogger(__name__)

#: How many bytes of one trial may wait, unless it is a single report.
BOX_BYTES = 16 << 20

#: How many entries are sent at once. Katib's own databases take some 16,000 at most.
SENT_ENTRIES = 5000

#: How long a log that was away is left alone, in seconds.
PAUSE_SECONDS = 1.0

#: No trial has this name: a read shows whether the log is there.
_NO_TRIAL = Key("", "-")

#: How many trials of which nothing waits are remembered.
REMEMBERED = 10_000

_SUFFIX = ".reports"


def _nobody(_: Key) -> None:
    """Nobody wants to hear of delays."""


class Outbox:
    """Takes reports whether or not the log behind it can be reached, and tells it them once.

    A report is safe from a crash of this process when :meth:`report` returns. A log that was away
    gets what waits in the order in which it came. When it was lost in the middle of a report, it is
    asked how many entries it has of that trial: so nothing is told twice, as long as nobody else
    reports for the trial, or at least not the same. Deleting waits in the same way.

    All methods may be called from any thread. Only one outbox may work in a folder.

    Args:
        connect: makes the log; called again when that failed.
        folder: where reports wait; made when some have to.
        clock: for pauses.
        hear_of_delay: called with a trial when its reports begin to wait, and when they no longer
            do. Quick.

    Raises:
        StoreUnavailableError: what an earlier process left cannot be read.
    """

    def __init__(
        self,
        connect: Callable[[], ObservationLog],
        folder: str,
        clock: Clock,
        hear_of_delay: Callable[[Key], None] = _nobody,
    ) -> None:
        self._connect, self._folder, self._clock = connect, folder, clock
        self._hear_of_delay = hear_of_delay
        self._log: ObservationLog | None = None
        self._place, self._problem, self._not_before = "", "", 0.0
        self._most = SENT_ENTRIES
        # One of them uses the log at a time, and takes this first; the other is held for moments.
        self._turn, self._changed = RLock(), Condition()
        self._boxes: dict[Key, Box] = {}
        self._dirty: dict[Key, None] = {}
        self._delayed: set[Key] = set()
        self._is_closed = False
        self._thread: Thread | None = None
        for key, path in self._found():
            self._boxes[key] = Box(path)
            self._dirty[key] = None

    def start(self) -> None:
        """Deliver from now on, in a thread."""
        self._thread = Thread(target=self._work, name="outbox", daemon=True)
        self._thread.start()

    def report(self, trial: Key, entries: Sequence[MetricEntry]) -> None:
        """See the port.

        Raises:
            OutboxFullError: too much waits; nothing was taken.
            StoreUnavailableError: the disk refuses; nothing was taken.
        """
        if not entries:
            return
        with self._changed:
            box = self._box(trial)
            if box.waiting and box.size >= BOX_BYTES:
                raise OutboxFullError(box.path, box.waiting, self._problem)
            box.put(entries)
            self._touch(trial)

    def read(self, trial: Key, metric: str | None = None) -> Sequence[MetricEntry]:
        """See the port.

        Raises:
            ObservationLogAwayError: so that what waits cannot be seen in it.
        """
        if self._problem:
            # Who tries it may be kept waiting; only :meth:`deliver` is.
            raise ObservationLogAwayError(self._place, self._problem)
        try:
            with self._attempt() as log:
                if trial in self._dirty:
                    self._deliver(trial, log)
                return log.read(trial, metric)
        except StoreUnavailableError as error:
            raise ObservationLogAwayError(error.place, error.problem) from error

    def delete(self, trial: Key) -> None:
        """See the port.

        Raises:
            StoreUnavailableError: the disk refuses; nothing was forgotten.
        """
        with self._changed:
            self._box(trial).forget()
            self._touch(trial)

    def flush(self) -> None:
        """Nothing is to be done: what was reported is safe already."""

    def delay(self, trial: Key) -> str:
        """See the port."""
        with self._changed:
            if not self._problem:
                return ""
            away = f"{self._place}: {self._problem}"
            if trial not in self._dirty:
                return away
            box = self._boxes[trial]
            return f"{box.waiting} entries wait in {box.path}: {away}"

    def wait_until_empty(self, seconds: float) -> bool:
        """Wait until nothing waits any more, so long at most; whether that is so."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._dirty, seconds)

    def deliver(self) -> bool:
        """Tell the log what it lacks; whether nothing waits any more.

        Does nothing in the pause after it was found to be away.
        """
        try:
            if self._problem:
                if self._clock.monotonic() < self._not_before:
                    return False
                with self._attempt() as log:
                    log.read(_NO_TRIAL)
            for trial in list(self._dirty):
                with self._attempt() as log:
                    self._deliver(trial, log)
        except StoreUnavailableError as error:
            _LOG.debug("Reports wait: %s", error)
        return not self._dirty

    def close(self) -> None:
        """Release everything; what waits is delivered by the next outbox of the folder."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()
        with self._turn:
            for box in self._boxes.values():
                box.close()
            if self._log is not None:
                self._log.close()

    def _work(self) -> None:
        while not self._is_closed:
            try:
                self.deliver()
            except Exception as error:
                _LOG.exception("Reports cannot be delivered")
                self._note_away("the observation log", str(error))
            with self._changed:
                if self._problem:
                    self._changed.wait_for(lambda: self._is_closed, PAUSE_SECONDS)
                else:
                    self._changed.wait_for(lambda: self._is_closed or self._dirty)

    def _deliver(self, trial: Key, log: ObservationLog) -> None:
        """Bring the log up to date for one trial."""
        box = self._boxes[trial]
        while True:
            with self._changed:
                if box.is_done:
                    self._clean(trial, box)
                    return
                time, mark, is_to_forget = box.forgotten, box.mark, box.is_to_forget
                batch: list[MetricEntry] = []
                if mark is not None and not mark.sending:
                    batch = box.next(self._most)
                    box.note(mark.stored, sending=len(batch))
            stored, done = 0, len(batch)
            if is_to_forget:
                log.delete(trial)
            elif mark is not None and batch:
                stored, done = self._send(log, trial, mark.stored, batch)
            else:
                stored, done = self._compare(log.read(trial), box)
            with self._changed:
                # Whoever has forgotten the trial in the meantime has begun anew.
                if box.forgotten == time:
                    box.note(stored, done)

    def _send(
        self, log: ObservationLog, trial: Key, stored: int, batch: Sequence[MetricEntry]
    ) -> tuple[int, int]:
        """How many entries the log has then, and how many of the batch wait no longer."""
        try:
            log.report(trial, batch)
            log.flush()
        except EntryRefusedError as error:
            if len(batch) > 1:
                # One of them; the others are not to wait for it.
                self._most = len(batch) // 2
                return stored, 0
            _LOG.warning("An entry of trial %s is dropped: %s", trial, error)
            return stored, 1
        self._most = SENT_ENTRIES
        return stored + len(batch), len(batch)

    def _compare(self, found: Sequence[MetricEntry], box: Box) -> tuple[int, int]:
        """How many entries the log has of the trial, and how many of those that wait."""
        mark = box.mark
        if mark is None:
            return len(found), 0
        came = len(found) - mark.stored
        if came in (0, mark.sending):
            return len(found), came
        # Somebody else has written or deleted. What is there of ours begins with the first.
        there, done = Counter(found), 0
        with self._changed:
            sent = box.next(min(mark.sending, max(came, 0)))
        for entry in sent:
            there[entry] -= 1
            if there[entry] < 0:
                break
            done += 1
        return len(found), done

    @contextmanager
    def _attempt(self) -> Iterator[ObservationLog]:
        """Use the log, and remember how that went."""
        with self._turn:
            try:
                if self._log is None:
                    self._log = self._connect()
                yield self._log
            except OutboxFullError:
                raise
            except StoreUnavailableError as error:
                self._note_away(str(error.place), error.problem)
                raise
            self._problem = ""

    def _note_away(self, place: str, problem: str) -> None:
        with self._changed:
            self._place, self._problem = place, problem
            self._not_before = self._clock.monotonic() + PAUSE_SECONDS
            late = [trial for trial in self._dirty if trial not in self._delayed]
            self._delayed.update(late)
            self._changed.notify_all()
        for trial in late:
            self._hear_of_delay(trial)

    def _box(self, trial: Key) -> Box:
        box = self._boxes.get(trial)
        if box is None:
            box = self._boxes[trial] = Box(self._path(trial))
        return box

    def _touch(self, trial: Key) -> None:
        """Note that something waits."""
        self._dirty[trial] = None
        self._changed.notify_all()
        if self._problem and trial not in self._delayed:
            self._delayed.add(trial)
            self._hear_of_delay(trial)

    def _clean(self, trial: Key, box: Box) -> None:
        """Note that nothing waits any more."""
        box.empty()
        self._dirty.pop(trial, None)
        self._changed.notify_all()
        if trial in self._delayed:
            self._delayed.discard(trial)
            self._hear_of_delay(trial)
        if len(self._boxes) > REMEMBERED:
            # Who reports for one of them again asks the log once more.
            self._boxes = {trial: self._boxes[trial] for trial in self._dirty}

    def _path(self, trial: Key) -> str:
        # A name may be two dots.
        parts = (quote(part, safe="") for part in (trial.namespace, trial.name))
        return os.path.join(self._folder, *(part.replace(".", "%2E") for part in parts)) + _SUFFIX

    def _found(self) -> Iterator[tuple[Key, str]]:
        """The files that an earlier process left."""
        for folder, _, files in os.walk(self._folder):
            namespace = os.path.relpath(folder, self._folder)
            namespace = "" if namespace == os.curdir else unquote(namespace)
            for file in files:
                name, suffix = os.path.splitext(file)
                if suffix == _SUFFIX:
                    yield Key(namespace, unquote(name)), os.path.join(folder, file)
