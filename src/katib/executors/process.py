"""Processes that outlive the engine: started once, adopted after a crash, ended with their group.

A run has a place, the beginning of its files' names. The system makes the file ``<place>.run`` as
the process starts, which succeeds only once; a small shell writes its process id into it, runs the
command, and appends the exit code. So whenever the engine dies, the next one finds out from this
file whether the run was started, goes on, or how it ended; and a run is never started twice,
however close to its start the engine died.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import psutil

#: The exit code of a process that was killed, as shells and Kubernetes give it.
KILLED = 137

#: How often processes are looked at where the system cannot tell that one ended, in seconds.
LOOK_EVERY = 0.02

# $0 is the run's place, $1 the working directory, the rest is the command. The trap keeps this
# shell alive until the command, which gets the same signal, has ended.
_SHELL = """
echo $$ >&3
trap : HUP INT TERM
if cd "$1"; then shift; "$@" 3>&-; code=$?; else code=127; fi
echo $code >&3
exit $code
"""


@dataclass(frozen=True, slots=True)
class Command:
    """What to run.

    Attributes:
        words: the program and its arguments.
        environment: all of its variables.
        directory: where it works.
    """

    words: Sequence[str]
    environment: Mapping[str, str]
    directory: str


@dataclass(slots=True)
class Process:
    """One run's process group.

    Attributes:
        place: where the run's files are.
        pid: the shell that leads the group; ``None`` when it ended before it was found.
        is_child: whether this engine started it, so that it must be reaped.
        exit_code: how it ended; ``None`` while it goes on.
        is_lost: it ended without leaving its exit code.
    """

    place: str
    pid: int | None
    is_child: bool
    exit_code: int | None = None
    is_lost: bool = False

    def poll(self) -> int | None:
        """The exit code, if it ended. What is left of the group is killed then."""
        if self.exit_code is None:
            code = self._reap() if self.is_child else self._look()
            if code is not None:
                self.exit_code = code
        return self.exit_code

    def signal(self, number: int) -> None:
        """Send a signal to the whole group."""
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)

    def _reap(self) -> int | None:
        assert self.pid is not None
        info = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if info is None:
            return None
        # The dead leader keeps the group's number ours until it is reaped.
        self.signal(signal.SIGKILL)
        _, status = os.waitpid(self.pid, 0)
        code = os.waitstatus_to_exitcode(status)
        return 128 - code if code < 0 else code

    def _look(self) -> int | None:
        if is_alive(self.pid, self.place):
            return None
        code = read_exit(self.place)
        self.is_lost = code is None
        return KILLED if code is None else code


class Processes:
    """Starts and adopts runs, and tells when one ends.

    Args:
        on_exit: called from a thread of ours with a run's place when its process may have
            ended.
    """

    def __init__(self, on_exit: Callable[[str], None]) -> None:
        self._on_exit = on_exit
        self._watcher = _Watcher(self._tell) if hasattr(os, "pidfd_open") else _Poller(self._tell)

    def start(self, command: Command, place: str, log: str) -> Process:
        """Run the command, with its output appended to ``log``.

        Raises:
            FileExistsError: the run was started before; it is to be adopted.
            OSError: the system refuses, as when it has no more processes.
        """
        words = ["/bin/sh", "-c", _SHELL, place, command.directory, *command.words]
        append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        actions = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, log, append, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
            (os.POSIX_SPAWN_OPEN, 3, f"{place}.run", append | os.O_EXCL, 0o644),
        ]
        pid = os.posix_spawn(
            "/bin/sh",
            words,
            command.environment,
            file_actions=actions,
            setsid=True,
            setsigmask=(),
            setsigdef=(signal.SIGPIPE, signal.SIGINT, signal.SIGTERM, signal.SIGXFSZ),
        )
        self._watcher.watch(pid, place)
        return Process(place, pid, is_child=True)

    def adopt(self, place: str) -> Process | None:
        """The process of a run that an earlier engine started; ``None`` when none was."""
        pid = read_pid(place)
        if pid is None:
            return None
        process = Process(place, pid, is_child=False)
        if process.poll() is None:
            self._watcher.watch(pid, place)
        return process

    def close(self) -> None:
        """Stop telling; the processes go on."""
        self._watcher.close()

    def _tell(self, place: str) -> None:
        self._on_exit(place)


class _Watcher:
    """Waits for processes through file descriptors that become readable when they end."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._poll = select.epoll()
        self._watched: dict[int, str] = {}
        self._wake_read, self._wake_write = os.pipe()
        self._poll.register(self._wake_read, select.EPOLLIN)
        self._thread = threading.Thread(target=self._run, name="processes", daemon=True)
        self._thread.start()

    def watch(self, pid: int, place: str) -> None:
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            self._tell(place)
            return
        self._watched[descriptor] = place
        self._poll.register(descriptor, select.EPOLLIN)

    def close(self) -> None:
        os.write(self._wake_write, b"x")
        self._thread.join()
        for descriptor in (*self._watched, self._wake_read, self._wake_write):
            os.close(descriptor)
        self._poll.close()

    def _run(self) -> None:
        while True:
            for descriptor, _ in self._poll.poll():
                if descriptor == self._wake_read:
                    return
                self._poll.unregister(descriptor)
                place = self._watched.pop(descriptor)
                os.close(descriptor)
                self._tell(place)


class _Poller:
    """Looks again and again, where the system has nothing better."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._watched: dict[int, str] = {}
        self._is_closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="processes", daemon=True)
        self._thread.start()

    def watch(self, pid: int, place: str) -> None:
        self._watched[pid] = place

    def close(self) -> None:
        self._is_closed.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._is_closed.wait(LOOK_EVERY):
            for pid, place in list(self._watched.items()):
                if not is_alive(pid, place):
                    self._watched.pop(pid, None)
                    self._tell(place)


def read_pid(place: str) -> int | None:
    """The process of the run; ``None`` when it was not started, -1 when it left no number.

    The file exists a moment before its content, which is waited for, a second at most.
    """
    for _ in range(100):
        lines = _read_run(place)
        if lines is None:
            return None
        if lines:
            return int(lines[0])
        time.sleep(0.01)
    return -1


def started_at(place: str) -> datetime:
    """When a run that was started began: the file's time, until the exit code is appended."""
    return datetime.fromtimestamp(int(os.stat(f"{place}.run").st_mtime), UTC)


def read_exit(place: str) -> int | None:
    """The exit code that the run left; ``None`` when it left none."""
    lines = _read_run(place)
    return int(lines[1]) if lines and len(lines) > 1 else None


def _read_run(place: str) -> list[str] | None:
    """The complete lines of the run's file; ``None`` when there is no file."""
    try:
        with open(f"{place}.run") as file:
            return [line for line in file.read().splitlines(keepends=True) if line.endswith("\n")]
    except FileNotFoundError:
        return None


def is_alive(pid: int | None, place: str) -> bool:
    """Whether the process of the run goes on, and is not another one of the same number.

    The run's place is a word of its command line, which no other process has.
    """
    if pid is None or pid < 0:
        return False
    try:
        process = psutil.Process(pid)
        return place in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
