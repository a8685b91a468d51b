"""How a program is ended before its time: gently, then surely."""

from __future__ import annotations

import signal

from katib.collectors.neighbours import Neighbours, Process

#: How long what was asked to end may take, and its shell when it is alone, in seconds.
GRACE_SECONDS, SHELL_SECONDS = 30.0, 5.0


class Ending:
    """Ends everything that a container's first process has started, but not that one.

    It is the shell that then says that the program was stopped and ends well. Only a shell that
    goes on without any other process is ended too, at last.

    Args:
        neighbours: finds and ends processes.
        main: the container's first process.
        now: the time of the monotonic clock.
        grace_seconds: how long processes may take before they are killed.

    Raises:
        OSError: the marker cannot be written.
    """

    def __init__(
        self,
        neighbours: Neighbours,
        main: Process,
        now: float,
        grace_seconds: float = GRACE_SECONDS,
    ) -> None:
        self._neighbours, self._main = neighbours, main
        self._kill_at = now + grace_seconds
        self._sent: set[tuple[Process, signal.Signals]] = set()
        neighbours.mark_stopped(main)

    def advance(self, now: float) -> None:
        """Send the signals that are due. To be called again and again until the shell has ended.

        Raises:
            PermissionError: a process belongs to another user; the marker is taken back.
        """
        family = self._neighbours.family(self._main)
        try:
            for one in family:
                self._send(one, signal.SIGTERM if now < self._kill_at else signal.SIGKILL)
            alone = now - self._kill_at
            if not family and alone >= SHELL_SECONDS:
                is_last = alone >= 2 * SHELL_SECONDS
                self._send(self._main, signal.SIGKILL if is_last else signal.SIGTERM)
        except PermissionError:
            self._neighbours.unmark(self._main)
            raise

    def _send(self, process: Process, number: signal.Signals) -> None:
        if (process, number) not in self._sent:
            self._neighbours.end(process, number)
            self._sent.add((process, number))
