"""A trial's log as it grows, for one page."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator

from katib.client.backend import Backend
from katib.client.job_logs import read_lines

#: How many lines wait for the page at most; the oldest go.
MOST_LINES = 5000


class LogTail:
    """Reads a log in a thread of its own until the program ends, or nobody looks.

    Args:
        backend: asked.
        namespace: of the trial.
        trial: its name.

    Attributes:
        problem: why there is no more; empty while there may be, and at the log's end.
        is_over: whether all is read.
    """

    def __init__(self, backend: Backend, namespace: str, trial: str) -> None:
        self._lines: deque[str] = deque(maxlen=MOST_LINES)
        self._is_ended = threading.Event()
        self.problem, self.is_over = "", False
        lines = read_lines(backend, namespace, trial, True)
        threading.Thread(target=self._read, args=(lines,), name="log", daemon=True).start()

    def take(self) -> list[str]:
        """The lines since the last look."""
        taken = []
        while self._lines:
            taken.append(self._lines.popleft())
        return taken

    def close(self) -> None:
        """Read no further; the thread ends with the next line."""
        self._is_ended.set()

    def _read(self, lines: Iterator[str]) -> None:
        try:
            for line in lines:
                if self._is_ended.is_set():
                    return
                self._lines.append(line)
        except Exception as error:
            self.problem = str(error)
        finally:
            self.is_over = True
