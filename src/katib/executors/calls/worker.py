"""The engine's end of one worker process."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from katib.executors.calls.messages import (
    LONGEST_LINE,
    FromWorker,
    ToWorker,
    line_of,
    read_from_worker,
)
from katib.executors.calls.payload import Payload

_CHUNK = 1 << 16

#: How much of what is no message is shown.
_SHOWN = 60

#: The interpreter, where modules are looked for, the function's file, and the pipes that the worker
#: hears and speaks by → what starts it.
Command = Callable[[str, tuple[str, ...], str, tuple[int, int]], tuple[str, ...]]


class NotUnderstoodError(Exception):
    """What a worker said is no message; the text shows it."""


class Worker:
    """A worker that was just started, in a process group of its own.

    Args:
        payload: the function that it loads.
        command: what starts it.
        output: the file into which it prints.

    Attributes:
        function: its function's name among files.
        output: the file into which it prints now.
        pid: its process, which leads the group.
        said: the descriptor that it speaks to.
        told: the descriptor that it is spoken to by.

    Raises:
        OSError: it cannot be started.
    """

    def __init__(self, payload: Payload, command: Command, output: Path) -> None:
        self.function, self.output = payload.file.name, output
        header = payload.header
        hears, told = os.pipe()
        said, speaks = os.pipe()
        try:
            with output.open("ab") as printed:
                self._process = subprocess.Popen(
                    command(header.python, header.path, str(payload.file), (hears, speaks)),
                    stdin=subprocess.DEVNULL,
                    stdout=printed,
                    stderr=subprocess.STDOUT,
                    cwd=header.directory,
                    pass_fds=(hears, speaks),
                    start_new_session=True,
                )
        except BaseException:
            os.close(told)
            os.close(said)
            raise
        finally:
            os.close(hears)
            os.close(speaks)
        os.set_blocking(told, False)
        os.set_blocking(said, False)
        self.pid, self.said, self.told = self._process.pid, said, told
        self._heard, self._unsent = bytearray(), bytearray()

    def tell(self, message: ToWorker) -> bool:
        """Send a message; whether all of it is on its way, so that :meth:`push` is not needed."""
        self._unsent += line_of(message)
        return self.push()

    def push(self) -> bool:
        """Send what could not be sent before; whether nothing is left of it."""
        with suppress(BlockingIOError):
            while self._unsent:
                try:
                    sent = os.write(self.told, self._unsent)
                except BrokenPipeError:
                    # It hears no more, and its end will be noticed.
                    self._unsent.clear()
                    break
                del self._unsent[:sent]
        return not self._unsent

    def read(self) -> list[FromWorker] | None:
        """The messages that have come since; ``None`` when there will be no more.

        Raises:
            NotUnderstoodError: it has said something else.
        """
        try:
            chunk = os.read(self.said, _CHUNK)
        except BlockingIOError:
            return []
        if not chunk:
            return None
        self._heard += chunk
        if b"\n" not in chunk:
            if len(self._heard) > LONGEST_LINE:
                raise NotUnderstoodError(_shown(self._heard))
            return []
        *lines, rest = bytes(self._heard).split(b"\n")
        self._heard = bytearray(rest)
        try:
            return [read_from_worker(line) for line in lines]
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise NotUnderstoodError(_shown(b"\n".join(lines))) from error

    @property
    def has_ended(self) -> bool:
        """Whether its process has ended."""
        try:
            how = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            # A program of which the engine is a part lets nobody wait for its children.
            return True
        return how is not None

    def signal(self, number: int) -> None:
        """Send a signal to all of its processes."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def end(self) -> int | None:
        """Kill what is left of it, and release all.

        Returns:
            The exit code, or minus the number of the signal that ended it; ``None`` when nothing
            had ended it yet.
        """
        has_ended = self.has_ended
        # What it started goes with it; the number of the group is ours until it is waited for.
        self.signal(signal.SIGKILL)
        code = self._process.wait()
        for descriptor in (self.said, self.told):
            os.close(descriptor)
        return code if has_ended else None


def _shown(data: bytes | bytearray) -> str:
    text = repr(bytes(data[:_SHOWN]))
    return text if len(data) <= _SHOWN else f"{text}…"
