"""The engine's end of one worker process."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import IO

from msgspec import UNSET
from msgspec.structs import replace

from katib.api.trial import Trial
from katib.ports.suggester import TrialHistory
from katib.suggesters.worker.messages import (
    Answer,
    Ask,
    Done,
    Failed,
    Forget,
    Refused,
    Since,
    ToWorker,
    Trials,
    Validate,
    read_from_worker,
    receive_bytes,
    send,
)

_LOG = logging.getLogger(__name__)

#: How many lines of what a worker wrote last are kept, to tell why it ended.
_LAST_LINES = 50


class WorkerEndedError(Exception):
    """The worker has ended without an answer; the text says how."""


class WorkerProcess:
    """A worker that was just started. One thread at a time may speak with it.

    Args:
        command: what starts it.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self.pid = self._process.pid
        self._lines: deque[str] = deque(maxlen=_LAST_LINES)
        self._reader = threading.Thread(
            target=self._read, args=(_there(self._process.stderr),), name="worker", daemon=True
        )
        self._reader.start()

    @property
    def is_alive(self) -> bool:
        """Whether it can be spoken with."""
        return self._process.poll() is None

    def call(
        self, question: Validate | Ask | Forget, history: TrialHistory | None = None
    ) -> Answer | Done | Refused | Failed:
        """The worker's answer.

        Args:
            question: what is asked.
            history: what it is told when it wants to know.

        Raises:
            WorkerEndedError: it has ended instead.
        """
        try:
            said = self._exchange(question)
            while isinstance(said, Since):
                said = self._exchange(_told(history, said.version))
            return said
        except (OSError, ValueError) as error:
            # The other side has ended, or our own was closed by who killed it.
            raise self._end() from error

    def kill(self) -> None:
        """End it at once, with all it started; who speaks with it is told that it has ended."""
        with suppress(ProcessLookupError):
            # It has a group of its own, which goes with it.
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                _there(stream).close()
        self._reader.join()

    def _exchange(
        self, message: Validate | Ask | Forget | Trials
    ) -> Since | Answer | Done | Refused | Failed:
        send(_there(self._process.stdin), ToWorker(message))
        data = receive_bytes(_there(self._process.stdout))
        if data is None:
            raise self._end()
        return read_from_worker(data).message

    def _end(self) -> WorkerEndedError:
        # Its pipe is closed: it is ending, or no use any more.
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(1.0)
        self.kill()
        code = self._process.wait()
        return WorkerEndedError(_worded(code, tuple(self._lines)))

    def _read(self, stream: IO[bytes]) -> None:
        with stream:
            for line in stream:
                text = line.decode(errors="replace").rstrip()
                self._lines.append(text)
                _LOG.warning("worker %d: %s", self.pid, text)


def _told(history: TrialHistory | None, version: int) -> Trials:
    trials, newest = ((), 0) if history is None else history.changed_since(version)
    return Trials(tuple(map(_lightened, trials)), newest)


def _lightened(trial: Trial) -> Trial:
    """The trial without its manifest, which no algorithm reads and is most of it."""
    return replace(trial, spec=replace(trial.spec, run_spec=UNSET))


def _worded(code: int, lines: tuple[str, ...]) -> str:
    how = f"exit code {code}" if code >= 0 else f"signal {-code} ({_signal_name(-code)})"
    # A fault's first words name it; an exception's last ones do.
    told = [line for line in lines if line.strip()]
    fault = next((line for line in told if line.startswith("Fatal Python error: ")), "")
    why = fault or (told[-1] if told else "")
    return f"its process ended with {how}" + (f": {why}" if why else "")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown"


def _there(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise AssertionError("the worker was started with pipes")
    return stream
