"""The worker's end: calls a function again and again, as the engine says."""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from types import FrameType
from typing import BinaryIO, NoReturn

from katib.executors.calls.messages import (
    Begin,
    FromWorker,
    Heard,
    Raised,
    Ready,
    Reported,
    Returned,
    Stopped,
    ToWorker,
    Unloadable,
    line_of,
    read_to_worker,
)
from katib.executors.calls.outcome import RAISED

#: Takes the texts of arguments and the handle of the trial; returns the values of metrics.
Function = Callable[[dict[str, str], object], object]

#: Reports values of one time; the answer says why the function is to stop, or is empty.
Ask = Callable[[Mapping[str, str], float], str]

#: Why a call failed: what was returned is no mapping of metrics to numbers.
NO_METRICS = "NoMetricsReturned"

#: How long the text of an error may be in a message, in characters; all of it is in the log.
LONGEST_TEXT = 2000

#: The exit code of a worker that was asked to end.
TERMINATED = 143

_FILE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC


class ReportRefusedError(RuntimeError):
    """A report comes from where it cannot be made."""


class NoMetricsError(ValueError):
    """What a function returned are no metrics; the text says what it is instead."""


@dataclass(frozen=True, slots=True)
class Inside:
    """What a function finds around it.

    Attributes:
        open: namespace, trial, and how it reports → what gives the handle of the trial, as long as
            the function runs.
        read_values: what was returned, as texts; raises :class:`NoMetricsError`.
        stopped: what reports raise when the function is to stop.
    """

    open: Callable[[str, str, Ask], AbstractContextManager[object]]
    read_values: Callable[[object], dict[str, str]]
    stopped: type[BaseException]


class _Terminated(BaseException):
    """The engine wants this process to end; a function may tidy up."""


@dataclass(slots=True)
class Connection:
    """The engine, as the worker has it.

    Args:
        inward: the pipe that the engine's messages come from.
        outward: where ours go.
    """

    inward: BinaryIO
    outward: BinaryIO
    _pid: int = field(init=False, default_factory=os.getpid)
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)

    def watch(self) -> None:
        """End with the engine from now on, whatever is being computed."""
        threading.Thread(target=self._watch, name="engine", daemon=True).start()

    def hear(self) -> ToWorker | None:
        """The next message; ``None`` when there is no engine any more."""
        line = self.inward.readline()
        return read_to_worker(line) if line.endswith(b"\n") else None

    def say(self, message: FromWorker) -> None:
        """Send a message; raises ``OSError`` when there is no engine."""
        self.outward.write(line_of(message))
        self.outward.flush()

    def ask(self, values: Mapping[str, str], moment: float) -> str:
        """Report values, and wait for the answer.

        Raises:
            ReportRefusedError: this is no process that the engine speaks with.
        """
        if os.getpid() != self._pid:
            raise ReportRefusedError(
                "only the process in which the function was called reports its metrics, and this "
                "is one that it forked; hand the values back, and report them there"
            )
        with self._lock:
            self.say(Reported(dict(values), moment))
            answer = self.hear()
        if not isinstance(answer, Heard):
            _leave()
        return answer.stop

    @property
    def is_own_process(self) -> bool:
        """Whether this is the process that was started, and not one that a function forked."""
        return os.getpid() == self._pid

    def _watch(self) -> None:
        pipe = select.poll()
        # Only for the other end being closed, which is always told.
        pipe.register(self.inward, 0)
        pipe.poll()
        _leave()


class Output:
    """Where all that is printed goes."""

    def __init__(self) -> None:
        # Whatever a function does with its standard output, this one stays.
        self._file = os.dup(1)

    @property
    def has_content(self) -> bool:
        """Whether anything was printed into the present file."""
        for stream in (sys.stdout, sys.stderr):
            with suppress(Exception):
                stream.flush()
        return os.fstat(self._file).st_size > 0

    def change(self, path: str) -> None:
        """Print into another file from now on."""
        opened = os.open(path, _FILE_FLAGS, 0o600)
        for descriptor in (1, 2):
            os.dup2(opened, descriptor)
        os.dup2(opened, self._file, inheritable=False)
        os.close(opened)


def serve(load: Callable[[], Function], connection: Connection, inside: Inside) -> None:
    """Load the function, then call it until the engine ends.

    Args:
        load: gives the function; may raise anything.
        connection: to the engine.
        inside: what the function finds.
    """
    connection.watch()
    signal.signal(signal.SIGTERM, _terminate)
    output = Output()
    try:
        try:
            function = load()
        except BaseException as error:
            _print(error)
            connection.say(Unloadable(_worded(error)))
            return
        connection.say(Ready())
        while isinstance(message := connection.hear(), Begin):
            if message.output:
                output.change(message.output)
            answer = _answer(function, message, connection, inside)
            if not connection.is_own_process:
                # A process that the function forked has come back here: that is not its place.
                os._exit(0)
            answer = _with_output(answer, output.has_content)
            connection.say(answer)
            if isinstance(answer, Raised) and answer.is_last:
                return
    except _Terminated:
        _flush()
        os._exit(TERMINATED)
    except OSError:
        _leave()


def _answer(
    function: Function, message: Begin, connection: Connection, inside: Inside
) -> Returned | Raised | Stopped:
    try:
        with inside.open(message.namespace, message.trial, connection.ask) as handle:
            found = function(message.arguments, handle)
        return Returned(inside.read_values(found), time.time())
    except _Terminated:
        raise
    except inside.stopped:
        return Stopped()
    except NoMetricsError as error:
        print(error, file=sys.stderr)
        return Raised(NO_METRICS, str(error))
    except SystemExit as error:
        _print(error)
        ending = "" if error.code is None else repr(error.code)
        problem = f"the function called sys.exit({ending}) instead of returning its metrics"
        return Raised("SystemExit", problem, is_last=True)
    except BaseException as error:
        _print(error)
        is_last = isinstance(error, MemoryError) or not isinstance(error, Exception)
        return Raised(RAISED, _worded(error), is_last=is_last)


def _with_output(
    answer: Returned | Raised | Stopped, has_printed: bool
) -> Returned | Raised | Stopped:
    if not has_printed:
        return answer
    if isinstance(answer, Returned):
        return Returned(answer.values, answer.time, True)
    if isinstance(answer, Raised):
        return Raised(answer.reason, answer.problem, True, answer.is_last)
    return Stopped(True)


def _print(error: BaseException) -> None:
    """The traceback, without what is ours of it."""
    with suppress(Exception):
        trace = error.__traceback__
        own = trace.tb_next if trace is not None else None
        traceback.print_exception(type(error), error, own or trace)


def _worded(error: BaseException) -> str:
    """The error's type and text, and where it was raised."""
    text = "".join(traceback.format_exception_only(error)).strip()
    if len(text) > LONGEST_TEXT:
        text = f"{text[:LONGEST_TEXT]}…"
    frames = traceback.extract_tb(error.__traceback__)
    if len(frames) < 2:
        return text
    last = frames[-1]
    # A function that came by value has no file.
    file = "" if last.filename.startswith("<") else f"{os.path.basename(last.filename)}, "
    return f"{text} ({file}line {last.lineno}, in {last.name})"


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    raise _Terminated


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()


def _leave() -> NoReturn:
    """The engine is gone: nobody waits for anything, and what was started here goes, too."""
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)
