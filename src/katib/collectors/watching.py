"""When the programs of a pod have ended, and how."""

from __future__ import annotations

import os
from collections.abc import Sequence

from katib.collectors.neighbours import COMPLETED, Neighbours, Process
from katib.errors import KatibError

#: How long the first process of a program is looked for, in seconds: an image may be large.
LOOK_SECONDS = 600.0

#: How long it is looked for when it has already written its file and left no marker.
GONE_SECONDS = 5.0


class PodWatch:
    """Watches a pod's programs from their start, or from where they are, to their ends.

    Args:
        neighbours: finds them.
        is_waiting_for_all: whether every container is waited for, or only the one that is measured.

    Attributes:
        main: the first process of the measured program, once it was seen.
        marker: what that program left behind, once it has ended.
    """

    def __init__(self, neighbours: Neighbours, is_waiting_for_all: bool) -> None:
        self._neighbours, self._is_waiting_for_all = neighbours, is_waiting_for_all
        self._others: Sequence[Process] = ()
        self.main: Process | None = None
        self.marker = ""
        self.is_main_alive = False

    def look(self) -> bool:
        """Whether all that is waited for has ended."""
        if self.main is None and not self._find():
            return bool(self.marker)
        self.is_main_alive = self.main is not None and self._neighbours.is_alive(self.main)
        self._others = [one for one in self._others if self._neighbours.is_alive(one)]
        if self.is_main_alive:
            return False
        self.marker = self._neighbours.read_marker(self.main)
        return not self._others

    def waits_for(self, path: str, seconds: float) -> str:
        """What is waited for that may never come; empty while a program is measured.

        Args:
            path: the file or the folder that the program writes.
            seconds: for how long it was waited.

        Raises:
            KatibError: it will not come any more.
        """
        if self.main is None:
            if _is_written(path) and seconds >= GONE_SECONDS:
                raise KatibError(self.failure(os.path.dirname(path)))
            if seconds >= LOOK_SECONDS:
                raise KatibError(
                    "unable to find main pid from the process list: no container of this pod has "
                    "a process that can be seen, and none left a marker. They must share their "
                    "process ids (shareProcessNamespace: true)"
                )
            return "The program has not started yet"
        if self.is_main_alive or not self._others:
            return ""
        pids = ", ".join(str(one.pid) for one in self._others)
        return (
            f"The program has ended; the processes {pids} of other containers are waited for. "
            "Where they never end, set waitAllProcesses: false for this collector in Katib's "
            "configuration"
        )

    def failure(self, folder: str) -> str:
        """Why a program did not end well, as its marker says."""
        file = f"{folder}/{self.main.pid if self.main else '*'}.pid"
        if not self.marker:
            return f"training container is failed. Unable to read file {file}"
        return f"unable to find marker: {COMPLETED} in file: {file}, which says {self.marker}"

    def _find(self) -> bool:
        found = self._neighbours.find_mains()
        if found:
            self.main, *others = found
            self._others = others if self._is_waiting_for_all else ()
        else:
            # It may have ended before anybody looked.
            self.marker = self._neighbours.read_marker()
        return bool(found)


def _is_written(path: str) -> bool:
    """Whether a program has been there: a file exists, or one in a folder that is not our own."""
    if not os.path.isdir(path):
        return os.path.exists(path)
    return any(not name.startswith(".") for name in os.listdir(path))
