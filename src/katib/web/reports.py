"""What trials have reported, kept for a while: pages ask for many trials at once, and often."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from katib.client.backend import Backend, RefusedError
from katib.client.observation_log import MetricLog, read_entries

#: How long one trial's log may take, in seconds.
PATIENCE = 20.0

#: For how long the log of a trial that has not ended is believed, in seconds.
BELIEVED_SECONDS = 2.0

#: How many entries are kept at most; those that were asked for longest ago go first.
MOST_ENTRIES = 1_000_000

#: How many logs are asked for at once.
AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class _Log:
    entries: Sequence[MetricLog]
    read: float
    is_over: bool


class Reports:
    """Observation logs by trial. May be asked from any thread.

    Args:
        backend: who is asked.
        monotonic: tells how old a log is.
    """

    def __init__(self, backend: Backend, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._backend, self._monotonic = backend, monotonic
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, str], _Log] = OrderedDict()
        self._count = 0

    def read(self, namespace: str, trials: Mapping[str, bool]) -> Mapping[str, Sequence[MetricLog]]:
        """The logs of trials by name; of a trial that is gone there is none.

        Args:
            namespace: of the trials.
            trials: names, and whether each is over and so reports no more.

        Raises:
            KatibError: the server says why not, or does not answer.
            RuntimeError: the database manager does not answer.
        """
        now = self._monotonic()
        found = {name: self._find(namespace, name, over, now) for name, over in trials.items()}
        missing = [name for name, log in found.items() if log is None]
        if len(missing) == 1:
            logs = [self._ask(namespace, missing[0])]
        else:
            with ThreadPoolExecutor(AT_ONCE, "reports") as pool:
                logs = list(pool.map(lambda name: self._ask(namespace, name), missing))
        for name, entries in zip(missing, logs, strict=True):
            if entries is not None:
                found[name] = self._keep((namespace, name), _Log(entries, now, trials[name]))
        return {name: log.entries for name, log in found.items() if log is not None}

    def _find(self, namespace: str, name: str, is_over: bool, now: float) -> _Log | None:
        with self._lock:
            log = self._kept.get((namespace, name))
            if log is None:
                return None
            # What was read before a trial's end may lack its last reports.
            if not log.is_over and (is_over or now - log.read >= BELIEVED_SECONDS):
                return None
            self._kept.move_to_end((namespace, name))
            return log

    def _keep(self, key: tuple[str, str], log: _Log) -> _Log:
        with self._lock:
            old = self._kept.pop(key, None)
            self._count += len(log.entries) - (len(old.entries) if old else 0)
            self._kept[key] = log
            while self._count > MOST_ENTRIES and len(self._kept) > 1:
                _, dropped = self._kept.popitem(last=False)
                self._count -= len(dropped.entries)
        return log

    def _ask(self, namespace: str, name: str) -> Sequence[MetricLog] | None:
        try:
            return read_entries(self._backend, namespace, name, None, PATIENCE)
        except RefusedError as error:
            if error.code != 404:
                raise
            return None
