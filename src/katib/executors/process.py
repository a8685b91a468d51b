"""Processes that outlive the engine: started once, adopted after a crash, ended with their group.

A run has a directory. A small shell claims it by making the file ``pid``, which only one process
can do, runs the command, and leaves its exit code in the file ``exit``. So whenever the engine
dies, the next one finds out from the directory whether the run was started, goes on, or how it
ended; and a run is never started twice, however close to its start the engine died.
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
from pathlib import Path

import psutil

#: Exit codes, as shells and Kubernetes give them.
KILLED, CLAIMED_BY_ANOTHER = 137, 125

#: How often processes are looked at where the system cannot tell that one ended, in seconds.
LOOK_EVERY = 0.02

# $0 is the run's directory, $1 the working directory, the rest is the command. The trap keeps this
# shell alive until the command, which gets the same signal, has ended.
_SHELL = """
set -C
{ echo $$ > "$0/pid"; } 2>/dev/null || exit 125
set +C
trap : HUP INT TERM
if cd "$1"; then shift; "$@"; code=$?; else code=127; fi
echo $code > "$0/exit"
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
        directory: the run's directory.
        pid: the shell that leads the group; ``None`` when it ended before it was found.
        is_child: whether this engine started it, so that it must be reaped.
        exit_code: how it ended; ``None`` while it goes on.
        is_lost: it ended without leaving its exit code.
    """

    directory: Path
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
        if code == CLAIMED_BY_ANOTHER and read_exit(self.directory) is None:
            self.pid, self.is_child = read_pid(self.directory), False
            return self._look()
        return 128 - code if code < 0 else code

    def _look(self) -> int | None:
        code = read_exit(self.directory)
        if code is None:
            if is_alive(self.pid, self.directory):
                return None
            code = read_exit(self.directory)
        elif is_alive(self.pid, self.directory):
            return None  # it has only to leave
        self.is_lost = code is None
        return KILLED if code is None else code


class Processes:
    """Starts and adopts runs, and tells when one ends.

    Args:
        on_exit: called from a thread of ours with a run's directory when its process may have
            ended.
    """

    def __init__(self, on_exit: Callable[[Path], None]) -> None:
        self._on_exit = on_exit
        self._watcher = _Watcher(self._tell) if hasattr(os, "pidfd_open") else _Poller(self._tell)

    def start(self, command: Command, directory: Path, log: Path) -> Process:
        """Run the command in ``directory``, with its output appended to ``log``.

        Raises:
            OSError: the system refuses, as when it has no more processes.
        """
        words = ["/bin/sh", "-c", _SHELL, str(directory), command.directory, *command.words]
        append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        actions = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), append, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
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
        self._watcher.watch(pid, directory)
        return Process(directory, pid, is_child=True)

    def adopt(self, directory: Path) -> Process | None:
        """The process of a run that an earlier engine started; ``None`` when none was."""
        pid = read_pid(directory)
        if pid is None:
            return None
        process = Process(directory, pid, is_child=False)
        if process.poll() is None:
            self._watcher.watch(pid, directory)
        return process

    def close(self) -> None:
        """Stop telling; the processes go on."""
        self._watcher.close()

    def _tell(self, directory: Path) -> None:
        self._on_exit(directory)


class _Watcher:
    """Waits for processes through file descriptors that become readable when they end."""

    def __init__(self, tell: Callable[[Path], None]) -> None:
        self._tell = tell
        self._poll = select.epoll()
        self._watched: dict[int, Path] = {}
        self._wake_read, self._wake_write = os.pipe()
        self._poll.register(self._wake_read, select.EPOLLIN)
        self._thread = threading.Thread(target=self._run, name="processes", daemon=True)
        self._thread.start()

    def watch(self, pid: int, directory: Path) -> None:
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            self._tell(directory)
            return
        self._watched[descriptor] = directory
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
                directory = self._watched.pop(descriptor)
                os.close(descriptor)
                self._tell(directory)


class _Poller:
    """Looks again and again, where the system has nothing better."""

    def __init__(self, tell: Callable[[Path], None]) -> None:
        self._tell = tell
        self._watched: dict[int, Path] = {}
        self._is_closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="processes", daemon=True)
        self._thread.start()

    def watch(self, pid: int, directory: Path) -> None:
        self._watched[pid] = directory

    def close(self) -> None:
        self._is_closed.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._is_closed.wait(LOOK_EVERY):
            for pid, directory in list(self._watched.items()):
                if not is_alive(pid, directory):
                    self._watched.pop(pid, None)
                    self._tell(directory)


def read_pid(directory: Path) -> int | None:
    """The process that claimed the run; ``None`` when none did.

    The file exists a moment before its content: a claim is waited for, a second at most.
    """
    for _ in range(100):
        try:
            text = (directory / "pid").read_text()
        except FileNotFoundError:
            return None
        if text.endswith("\n"):
            return int(text)
        time.sleep(0.01)
    return -1


def read_exit(directory: Path) -> int | None:
    """The exit code that the run left; ``None`` when it left none yet."""
    try:
        text = (directory / "exit").read_text()
    except FileNotFoundError:
        return None
    return int(text) if text.endswith("\n") else None


def is_alive(pid: int | None, directory: Path) -> bool:
    """Whether the process of the run goes on, and is not another one of the same number.

    The run's directory is a word of its command line, which no other process has.
    """
    if pid is None or pid < 0:
        return False
    try:
        process = psutil.Process(pid)
        return str(directory) in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
