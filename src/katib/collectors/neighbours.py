"""The processes of a pod, seen by a collector that shares their process ids.

In a pod with one process namespace the first process of each container has no parent that can be
seen there. One of them is the program whose metrics are collected; when its command was wrapped for
that, it is a shell that leaves a marker behind: a file with its process id for a name, which tells
how the program ended.
"""

from __future__ import annotations

import os
import shlex
import signal
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

#: What a marker says: the program ended well, or a collector has ended it.
COMPLETED, EARLY_STOPPED = "completed", "early-stopped"

_MARKER = ".pid"
_GONE = ("Z", "X")
# Of the fields in `stat` behind the command: state, parent, group, session, and the start.
_STATE, _PARENT, _GROUP, _SESSION, _STARTED = 0, 1, 2, 3, 19


@dataclass(frozen=True, slots=True)
class Process:
    """One process, told from a later one of the same number by its start.

    Attributes:
        pid: its number.
        started: when it did, in ticks of the machine's clock.
        parent: the process that made it; 0 for one outside the namespace.
        group: its process group; 0 for one outside.
        session: its session; 0 for one outside.
    """

    pid: int
    started: int
    parent: int = 0
    group: int = 0
    session: int = 0


#: Whether a process is the first one of a container.
IsMain = Callable[[Process], bool]


def is_main(process: Process) -> bool:
    """Whether it was started from outside, and is not the process that holds the pod's namespace.

    So is what ``kubectl exec`` starts.
    """
    return process.parent == 0 and process.pid != 1


class Neighbours:
    """Finds processes and their markers, and ends them.

    Args:
        markers: the folder of the markers.
        own: the process id of who looks.
        root: where the system tells of processes.
        is_main: which processes containers began with.
        is_marked: whether the program is known to write a marker, so that no other is taken for it.
    """

    def __init__(
        self,
        markers: str,
        own: int,
        root: str = "/proc",
        is_main: IsMain = is_main,
        is_marked: bool = False,
    ) -> None:
        self._markers, self._own, self._root, self._is_main = markers, own, root, is_main
        self._is_marked = is_marked

    def find_mains(self) -> Sequence[Process]:
        """The first processes of the other containers, that of the program first.

        That is the last one whose command line writes a marker; where none does, the lowest number.
        There are none as long as the one that is known to write a marker is missing.
        """
        everyone = {one.pid: one for one in self._all()}
        # Whoever looks may have been started by another process of its own container.
        at = self._own
        while at in everyone:
            at = everyone.pop(at).parent
        mains = sorted(filter(self._is_main, everyone.values()), key=lambda one: one.pid)
        text = f"echo {COMPLETED} > {shlex.quote(self._markers)}".encode()
        for one in reversed(mains):
            if text in self._read(one.pid, "cmdline"):
                mains.remove(one)
                return [one, *mains]
        return [] if self._is_marked else mains

    def is_alive(self, process: Process) -> bool:
        """Whether the process goes on."""
        found = self._find(process.pid)
        return found is not None and found.started == process.started

    def read_marker(self, process: Process | None = None) -> str:
        """What the marker of a process says, or that of any one; empty when there is none."""
        if process is not None:
            return _first_line(self._marker(process))
        try:
            files = sorted(os.listdir(self._markers))
        except OSError:
            return ""
        found = (os.path.join(self._markers, name) for name in files if name.endswith(_MARKER))
        return next(filter(None, map(_first_line, found)), "")

    def mark_stopped(self, process: Process) -> None:
        """Say that a program is ended before its time, for the shell that runs it.

        Raises:
            OSError: the folder cannot be written.
        """
        with open(self._marker(process), "w") as file:
            file.write(f"{EARLY_STOPPED}\n")

    def unmark(self, process: Process) -> None:
        """Take the marker back."""
        os.unlink(self._marker(process))

    def family(self, process: Process) -> Sequence[Process]:
        """What a container's first process has started and goes on, whatever became of parents."""
        everyone = [one for one in self._all() if one.pid not in (1, self._own, process.pid)]
        kin = {process.pid}
        found: list[Process] = []
        while grown := [one for one in everyone if self._belongs(one, kin, process)]:
            everyone = [one for one in everyone if one not in grown]
            kin.update(one.pid for one in grown)
            found += grown
        return found

    def end(self, process: Process, number: signal.Signals) -> None:
        """Send a signal, if the process goes on.

        Raises:
            PermissionError: it belongs to another user.
        """
        if self.is_alive(process):
            try:
                os.kill(process.pid, number)
            except ProcessLookupError:
                return

    def _belongs(self, one: Process, kin: Collection[int], first: Process) -> bool:
        if self._is_main(one):
            return False
        # A container's first process leads a session, unless who looks stands outside.
        is_leader = first.session == first.pid
        return one.parent in kin or (is_leader and first.pid in (one.session, one.group))

    def _all(self) -> Iterator[Process]:
        for name in os.listdir(self._root):
            if name.isdigit():
                found = self._find(int(name))
                if found is not None:
                    yield found

    def _find(self, pid: int) -> Process | None:
        # The command stands in parentheses, and may hold any byte.
        fields = self._read(pid, "stat").rpartition(b")")[2].decode().split()
        if len(fields) <= _STARTED or fields[_STATE] in _GONE:
            return None
        numbers = (int(fields[at]) for at in (_STARTED, _PARENT, _GROUP, _SESSION))
        return Process(pid, *numbers)

    def _read(self, pid: int, file: str) -> bytes:
        """What the system tells of a process; nothing when it is gone."""
        try:
            with open(f"{self._root}/{pid}/{file}", "rb") as told:
                return told.read()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            return b""

    def _marker(self, process: Process) -> str:
        return os.path.join(self._markers, f"{process.pid}{_MARKER}")


def _first_line(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.readline().strip()
    except OSError:
        return ""
