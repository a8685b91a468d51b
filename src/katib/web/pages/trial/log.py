"""What a trial's program prints, as it prints it."""

from __future__ import annotations

from nicegui import ui

from katib.client.job_logs import read_lines
from katib.web.log_tail import MOST_LINES, LogTail
from katib.web.log_view import LogView
from katib.web.pages.trial.subject import Subject
from katib.web.rights import Deed
from katib.web.shell import LOOK_EVERY, computed

#: A log that is downloaded has at most so many bytes: it is all in memory for a moment.
MOST_BYTES = 64 * 1024 * 1024


class Log:
    """The tab of the log."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._tail: LogTail | None = None

    def build(self) -> None:
        """Make what does not change."""
        with ui.row().classes("items-center gap-2 w-full"):
            self._follow = ui.switch("Follow", value=True)
            self._search = ui.input("Search").props("dense outlined clearable debounce=200")
            before = _icon("keyboard_arrow_up", "Previous match")
            after = _icon("keyboard_arrow_down", "Next match")
            self._found = ui.label().classes("text-caption").props("role=status")
            ui.space()
            ui.button("Download", icon="download", on_click=self._download).props(
                "outline dense no-caps"
            )
        self._problem = ui.label().props("role=status")
        view = LogView(f"Log of {self._subject.name}", MOST_LINES, self._tell, self._hold)
        self._view = view.classes("w-full")
        self._follow.on_value_change(lambda event: view.follow(bool(event.value)))
        self._search.on_value_change(lambda event: view.search(event.value or ""))
        self._search.on("keydown.enter", lambda: view.step(1))
        before.on_click(lambda: view.step(-1))
        after.on_click(lambda: view.step(1))
        self._timer = ui.timer(LOOK_EVERY, self._take)
        ui.context.client.on_disconnect(self._close)

    async def draw(self) -> None:
        """Nothing: the log follows itself."""

    def _hold(self, is_followed: bool) -> None:
        self._follow.set_value(is_followed)

    def _tell(self, at: int, count: int) -> None:
        if not self._search.value:
            self._found.set_text("")
        else:
            self._found.set_text(f"{at + 1} of {count} lines" if count else "Not found")

    async def _take(self) -> None:
        if self._tail is None:
            if not await self._may():
                self._timer.cancel()
                return
            subject = self._subject
            self._tail = LogTail(subject.site.backend, subject.namespace, subject.name)
        # First: what came before it was over is taken below.
        is_over = self._tail.is_over
        lines = self._tail.take()
        if lines:
            self._view.push(lines)
        if is_over:
            self._problem.set_text(self._tail.problem)
            self._timer.cancel()

    async def _may(self) -> bool:
        subject = self._subject
        deed = Deed("get", "pods/log", subject.namespace)
        may = await computed(subject.site.may, subject.visitor, deed)
        if not may:
            self._problem.set_text("You may not read the logs of this namespace.")
        return may

    async def _download(self) -> None:
        if not await self._may():
            return
        try:
            text = await computed(self._read)
        except RuntimeError as error:
            ui.notify(str(error), type="negative")
            return
        ui.download.content(text, f"{self._subject.name}.log", "text/plain; charset=utf-8")

    def _read(self) -> bytes:
        subject = self._subject
        text = bytearray()
        for line in read_lines(subject.site.backend, subject.namespace, subject.name, False):
            text += line.encode() + b"\n"
            if len(text) > MOST_BYTES:
                text += f"[cut off after {MOST_BYTES} bytes]\n".encode()
                break
        return bytes(text)

    def _close(self) -> None:
        if self._tail is not None:
            self._tail.close()


def _icon(icon: str, label: str) -> ui.button:
    return ui.button(icon=icon).props(f'flat dense round aria-label="{label}"')
