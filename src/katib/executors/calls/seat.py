"""A worker's place in the pool: whose call it makes, and when it is to end."""

from __future__ import annotations

import logging
import os
import signal
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from katib.executors.calls.call import Going
from katib.executors.calls.memory import resident_bytes, words_of
from katib.executors.calls.messages import FromWorker
from katib.executors.calls.outcome import MEMORY_EXCEEDED, NOT_LOADED, TIME_EXCEEDED
from katib.executors.calls.output import Outputs, become_log
from katib.executors.calls.worker import Worker

_LOG = logging.getLogger(__name__)

#: How long a worker's processes may take to end when they are asked to, in seconds.
GRACE_SECONDS = 10.0

#: How long a function that was told to stop may take to do so, in seconds.
STOP_SECONDS = 30.0

#: How long it may take to load a function, in seconds.
LOAD_SECONDS = 600.0

#: How long a worker that speaks no more may take to end, in seconds.
SILENT_SECONDS = 1.0


@dataclass(slots=True, eq=False)
class Seat:
    """A worker and what it does.

    Attributes:
        worker: the process.
        since: when it was started or had nothing to do last, by the monotonic clock.
        going: the call that it makes.
        is_ready: whether its function is loaded.
        is_logged: whether its output has become a call's log, so that the next one needs another.
        problem: why its function could not be loaded, as it said.
        doom: reason and message of the end that it is about to have.
        kill_at: when it is killed, by the monotonic clock.
        silent_since: when it closed its pipe.
        held: what it said and nobody could take yet.
        is_watched: whether somebody listens to it.
        handle: a descriptor that tells of its end; ``None`` where there are none.
    """

    worker: Worker
    since: float
    going: Going | None = None
    is_ready: bool = False
    is_logged: bool = False
    problem: str = ""
    doom: tuple[str, str] | None = None
    kill_at: float | None = None
    silent_since: float | None = None
    held: FromWorker | None = None
    is_watched: bool = False
    handle: int | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        if hasattr(os, "pidfd_open"):
            with suppress(ProcessLookupError):
                self.handle = os.pidfd_open(self.worker.pid)

    @property
    def is_idle(self) -> bool:
        """Whether it may be given a call."""
        return self.is_ready and self.going is None and not self.is_ending

    @property
    def is_ending(self) -> bool:
        """Whether it is to make no more calls."""
        return self.kill_at is not None or self.silent_since is not None

    def end(self, now: float, doom: tuple[str, str] | None = None, grace: float = 0.0) -> None:
        """Let it end, gently if there is grace; later wishes change nothing."""
        if self.kill_at is None:
            self.doom = doom
            self.kill_at = now + grace
            self.worker.signal(signal.SIGTERM if grace else signal.SIGKILL)

    def kill(self, now: float) -> None:
        """End it at once, also when it is ending."""
        self.kill_at = now
        self.worker.signal(signal.SIGKILL)

    @property
    def log(self) -> Path:
        """Where what is printed is found now."""
        if self.going is not None and self.is_logged:
            return Path(self.going.call.log)
        return self.worker.output

    def renew_output(self, outputs: Outputs) -> str:
        """The file that the next call prints into; empty for the same as before."""
        if not self.is_logged:
            return ""
        self.worker.output, self.is_logged = outputs.make(), False
        return str(self.worker.output)

    def show_output(self) -> None:
        """Let what is printed be seen as the log of the call."""
        if self.going is None or self.is_logged:
            return
        log = Path(self.going.call.log)
        try:
            self.is_logged = become_log(self.worker.output, log)
        except OSError as error:
            # It is shown with the next look, if the disk has become well again.
            _LOG.warning("What is printed cannot be shown as %s: %s", log, error)

    def look(self, now: float) -> None:
        """End what takes too long or too much, by the monotonic clock."""
        if self.kill_at is not None:
            if now >= self.kill_at:
                self.worker.signal(signal.SIGKILL)
            return
        if not self.is_ready and now >= self.since + LOAD_SECONDS:
            why = f"the function was not loaded within {LOAD_SECONDS:g} s"
            self.end(now, (NOT_LOADED, why), GRACE_SECONDS)
        if self.going is not None:
            self._look_at_call(self.going, now)

    def _look_at_call(self, going: Going, now: float) -> None:
        call = going.call
        self.show_output()
        if going.stop_by is not None and now >= going.stop_by:
            self.end(now, grace=GRACE_SECONDS)
        elif going.timeout_at is not None and now >= going.timeout_at:
            why = f"the call took longer than {call.timeout_seconds:g} s, its timeoutSeconds"
            self.end(now, (TIME_EXCEEDED, why), GRACE_SECONDS)
        elif call.memory_bytes is not None:
            size = resident_bytes(self.worker.pid)
            if size > call.memory_bytes:
                limit = words_of(call.memory_bytes)
                why = f"the call took {words_of(size)} of memory; its memoryLimit is {limit}"
                self.end(now, (MEMORY_EXCEEDED, why))
