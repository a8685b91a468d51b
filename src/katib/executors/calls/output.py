"""Where what functions print goes.

A worker prints into a file of its own. When there is something in it, the file becomes the log of
the trial that is running, by a new name and nothing else; and the worker gets another one for the
next call. So silence costs nothing, and what C code prints, or a process that a function started,
is found where it belongs.
"""

from __future__ import annotations

import os
import shutil
from itertools import count
from pathlib import Path

#: How much of an output a message shows: lines and bytes.
TAIL_LINES, TAIL_BYTES = 10, 2048


class Outputs:
    """The files of all workers' outputs.

    Args:
        trials: the folder of all trials' files.
    """

    def __init__(self, trials: Path) -> None:
        # Beside the logs, so that a file can become one; no namespace begins with a dot.
        self._folder, self._numbers = trials / ".calls", count()

    def clear(self) -> None:
        """Forget what an earlier engine's workers left."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def make(self) -> Path:
        """A name for a new output, in a folder that is there."""
        self._folder.mkdir(parents=True, exist_ok=True)
        return self._folder / f"{os.getpid()}-{next(self._numbers)}"


def become_log(output: Path, log: Path) -> bool:
    """Give an output its place as a trial's log, if there is anything in it; whether there was.

    Raises:
        OSError: the disk refuses.
    """
    try:
        if output.stat().st_size == 0:
            return False
    except FileNotFoundError:
        return False
    log.parent.mkdir(parents=True, exist_ok=True)
    output.rename(log)
    return True


def read_tail(path: Path) -> str:
    """The last lines of a file; empty when there is none."""
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-TAIL_LINES:])
