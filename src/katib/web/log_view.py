"""A log on a page: it grows, follows its end, and is searched in the browser."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Sequence

from nicegui import events, ui
from nicegui.element import Element

#: Colours and movements of a terminal's cursor, which a page has not.
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")

_STYLE = """
.katib-log { overflow: auto; height: 32rem; max-height: 70vh; padding: .5rem; font-size: .8rem;
  white-space: pre-wrap; overflow-wrap: anywhere; border: 1px solid rgba(128, 128, 128, .4);
  border-radius: 4px; }
.katib-hit { background: rgba(250, 204, 21, .25); }
.katib-now { background: rgba(250, 204, 21, .7); color: #000; }
"""


class LogView(Element, component="log_view.js"):
    """Lines of a log; they are kept here, too, for when the browser shows them anew.

    Args:
        label: what it is, for those who do not see it.
        most: how many lines are kept at most; the oldest go.
        on_found: called with the place of the line that is found, from 0 on, and their number.
        on_follows: called when the end is followed no longer, or again.
    """

    def __init__(
        self,
        label: str,
        most: int,
        on_found: Callable[[int, int], None],
        on_follows: Callable[[bool], None],
    ) -> None:
        super().__init__()
        ui.add_css(_STYLE)
        self._props["label"], self._props["most"] = label, most
        self._lines: deque[str] = deque(maxlen=most)
        self._is_shown = False
        self.on("ready", self._show)
        self.on("found", lambda event: on_found(*_numbers(event)))
        self.on("follows", lambda event: on_follows(bool(event.args["follows"])))

    def push(self, lines: Sequence[str]) -> None:
        """More lines."""
        plain = [plain_line(line) for line in lines]
        self._lines.extend(plain)
        if self._is_shown:
            self.run_method("add", plain[-(self._lines.maxlen or 0) :])

    def search(self, text: str) -> None:
        """Mark the lines with this text, and go to the first; an empty text marks none."""
        self.run_method("find", text)

    def step(self, by: int) -> None:
        """Go to the next line that is found, or with -1 to the one before."""
        self.run_method("step", by)

    def follow(self, is_followed: bool) -> None:
        """Whether the end is to be seen as it grows."""
        self.run_method("follow", is_followed)

    def _show(self) -> None:
        self._is_shown = True
        self.run_method("replace", list(self._lines))


def _numbers(event: events.GenericEventArguments) -> tuple[int, int]:
    return int(event.args["at"]), int(event.args["count"])


def plain_line(line: str) -> str:
    """A line without what only a terminal knows; of one that was written over, the last."""
    return _ESCAPES.sub("", line).rstrip("\r").rpartition("\r")[2]
