"""Shows how far a search is: a bar in a terminal, a line that changes in a notebook, lines else."""

from __future__ import annotations

import html
import sys
import time
from collections.abc import Callable
from typing import IO, Any, Protocol

from katib.client.tuning.following import Standing

#: How often a line is printed where nothing can be changed that was printed, in seconds.
LINE_EVERY = 10.0

#: How often a notebook is told, in seconds.
_NOTEBOOK_EVERY = 0.25


class Progress(Protocol):
    """Shows how an experiment stands."""

    def show(self, standing: Standing) -> None:
        """Show this, or leave it when something newer will come soon."""
        ...

    def close(self, last: str) -> None:
        """Show the end.

        Args:
            last: a sentence about it.
        """
        ...


class SilentProgress:
    """Shows nothing."""

    def show(self, standing: Standing) -> None:
        """See :class:`Progress`."""

    def close(self, last: str) -> None:
        """See :class:`Progress`."""


class LineProgress:
    """Prints a line now and then.

    Args:
        stream: takes the lines.
        monotonic: tells how much time is over, in seconds.
    """

    def __init__(self, stream: IO[str], monotonic: Callable[[], float] = time.monotonic) -> None:
        self._stream, self._monotonic = stream, monotonic
        self._next = monotonic() + LINE_EVERY

    def show(self, standing: Standing) -> None:
        """See :class:`Progress`."""
        if self._monotonic() >= self._next:
            self._next = self._monotonic() + LINE_EVERY
            print(worded(standing), file=self._stream, flush=True)

    def close(self, last: str) -> None:
        """See :class:`Progress`."""
        print(last, file=self._stream, flush=True)


class TerminalProgress:
    """Draws a bar, and takes it away at the end.

    Args:
        stream: the terminal.
    """

    def __init__(self, stream: IO[str]) -> None:
        # Only those load it who look at it.
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

        self._console = Console(file=stream)
        columns = (SpinnerColumn(), BarColumn(), TextColumn("{task.description}", markup=False))
        self._bar = Progress(*columns, console=self._console, transient=True)
        self._task: Any = None

    def show(self, standing: Standing) -> None:
        """See :class:`Progress`."""
        if self._task is None:
            self._bar.start()
            self._task = self._bar.add_task("", total=standing.total)
        self._bar.update(
            self._task,
            completed=standing.done,
            total=standing.total,
            description=worded(standing),
        )

    def close(self, last: str) -> None:
        """See :class:`Progress`."""
        self._bar.stop()
        self._console.print(last, markup=False, highlight=False)


class NotebookProgress:
    """Shows one line under a notebook's cell, and changes it.

    Args:
        display: ``IPython.display.display``.
        monotonic: tells how much time is over, in seconds.
    """

    def __init__(
        self, display: Callable[..., Any], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._display, self._monotonic = display, monotonic
        self._handle: Any = None
        self._next = 0.0

    def show(self, standing: Standing) -> None:
        """See :class:`Progress`."""
        if self._monotonic() < self._next:
            return
        self._next = self._monotonic() + _NOTEBOOK_EVERY
        most = standing.total or standing.done or 1
        bar = f'<progress value="{standing.done}" max="{most}" style="width:20em"></progress>'
        self._draw(f"{bar} {html.escape(worded(standing))}", worded(standing))

    def close(self, last: str) -> None:
        """See :class:`Progress`."""
        self._draw(html.escape(last), last)

    def _draw(self, markup: str, text: str) -> None:
        shown = {"text/html": f"<div>{markup}</div>", "text/plain": text}
        if self._handle is None:
            self._handle = self._display(shown, raw=True, display_id=True)
        else:
            self._handle.update(shown, raw=True)


def choose_progress(is_wanted: bool) -> Progress:
    """What shows the progress where this program runs."""
    if not is_wanted:
        return SilentProgress()
    if "ipykernel" in sys.modules:
        from importlib import import_module

        return NotebookProgress(import_module("IPython.display").display)
    return TerminalProgress(sys.stderr) if sys.stderr.isatty() else LineProgress(sys.stderr)


def worded(standing: Standing) -> str:
    """How an experiment stands, in one line."""
    total = "" if standing.total is None else f"/{standing.total}"
    parts = [f"{standing.name}: {standing.done}{total} trials"]
    if standing.best:
        parts.append(f"best {short(standing.best)}")
    for count, what in ((standing.failed, "failed"), (standing.stopped, "stopped early")):
        if count:
            parts.append(f"{count} {what}")
    if standing.new:
        parts.append(_rate(standing.rate))
    if standing.seconds_left:
        parts.append(f"{duration(standing.seconds_left)} left")
    if standing.waits:
        parts.append(f"waits: {standing.waits}")
    return ", ".join(parts)


def short(value: str) -> str:
    """A number with as many digits as a line has room for."""
    try:
        return f"{float(value):.6g}"
    except ValueError:
        return value


def duration(seconds: float) -> str:
    """A time in words."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def _rate(rate: float) -> str:
    return f"{rate:.3g} trials/s" if rate >= 1 else f"{rate * 60:.2g} trials/min"
