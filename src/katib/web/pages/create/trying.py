"""The dialog of a trial that is tried: what it is given, what it prints, and how it ends."""

from __future__ import annotations

import asyncio

from nicegui import background_tasks, ui

from katib.api.codec import dump_yaml
from katib.api.values import Manifest
from katib.errors import KatibError
from katib.web import looks
from katib.web.acting import Acting
from katib.web.log_tail import MOST_LINES, LogTail
from katib.web.pages.create.trial_run import Sight, look, trial_document
from katib.web.rights import Deed, Visitor
from katib.web.shell import LOOK_EVERY, computed
from katib.web.site import Site

#: How long the log may go on after the trial has ended, in seconds.
_AFTERWARDS = 5.0

_METRICS = (("name", "Metric"), ("latest", "Latest"), ("min", "Least"), ("max", "Largest"))


class TrialDialog:
    """Runs one trial of a document and shows it; when it is closed, nothing is left of it.

    Args:
        site: what pages share.
        visitor: who tries.
        namespace: where, when the document does not say.
    """

    def __init__(self, site: Site, visitor: Visitor, namespace: str) -> None:
        self._site, self._visitor, self._namespace = site, visitor, namespace
        self._acting = Acting(site, visitor)
        self._tail: LogTail | None = None
        self._is_closed = False

    def open(self, document: Manifest) -> None:
        """Begin."""
        tried = trial_document(document)
        where = str(tried["metadata"].get("namespace") or self._namespace)
        self._build(tried["metadata"]["name"])
        background_tasks.create(self._run(tried, where), name="one trial")

    def _build(self, name: str) -> None:
        with (
            ui.dialog().props('persistent aria-label="One trial"') as self._dialog,
            ui.card().classes("katib-trying"),
        ):
            self._dialog.on("hide", self._close)
            with ui.row().classes("items-center w-full gap-2"):
                self._icon = ui.icon("schedule", size="md").props("aria-hidden=true")
                ui.label("One trial").classes("text-h6").props("role=heading aria-level=2")
                self._state = ui.label("Being created").props("role=status")
                ui.space()
                ui.button("Close", on_click=self._dialog.close).props("flat no-caps autofocus")
            ui.label(f"As experiment {name}, which is deleted when this is closed.").classes(
                "text-caption katib-break"
            )
            self._told = ui.label().classes("katib-trouble").props("role=status")
            self._assigned = ui.row().classes("gap-1")
            columns = [
                {"name": name, "label": label, "field": name, "align": "left"}
                for name, label in _METRICS
            ]
            self._metrics = ui.table(columns=columns, rows=[], row_key="name").classes("w-full")
            self._metrics.props(
                'flat bordered dense hide-pagination no-data-label="No metrics yet."'
            )
            ui.label("Log").classes("text-subtitle2")
            self._log = ui.log(max_lines=MOST_LINES).classes("w-full katib-mono")
            self._log.style("height: 14rem").props('aria-label="Log of the trial" tabindex=0')
            with ui.expansion("Manifest of its run").classes("w-full").props("dense"):
                self._manifest = ui.code("", language="yaml").classes("w-full")
        self._dialog.open()

    def _close(self) -> None:
        self._is_closed = True

    @property
    def _is_left(self) -> bool:
        return self._is_closed or self._dialog.is_deleted

    @background_tasks.await_on_shutdown
    async def _run(self, document: Manifest, namespace: str) -> None:
        name = document["metadata"]["name"]
        try:
            await computed(self._create, document, namespace)
        except KatibError as error:
            self._fail(str(error))
            return
        try:
            await self._follow(namespace, name)
            while not self._is_left:
                await asyncio.sleep(LOOK_EVERY)
        finally:
            if self._tail is not None:
                self._tail.close()
            await self._delete(namespace, name)
            if not self._dialog.is_deleted:
                self._dialog.delete()

    def _create(self, document: Manifest, namespace: str) -> None:
        # Who may not clear it away must not begin.
        name = document["metadata"]["name"]
        for verb, resource in (("delete", "experiments"), ("list", "trials")):
            self._site.rights.check(self._visitor, Deed(verb, resource, namespace, name))
        self._acting.create(document, namespace)

    async def _follow(self, namespace: str, name: str) -> None:
        """Show how it goes until it has ended, or nobody looks."""
        may_read = Deed("get", "pods/log", namespace)
        reads_log = await computed(self._site.may, self._visitor, may_read)
        left = _AFTERWARDS
        while not self._is_left and left > 0:
            try:
                sight = await computed(look, self._site.backend, namespace, name)
            except KatibError as error:
                self._told.set_text(str(error))
            else:
                self._show(sight)
                self._read_log(namespace, sight, reads_log)
                is_read = self._tail is None or self._tail.is_over
                left = left - LOOK_EVERY if sight.is_over else left
                if sight.is_over and is_read:
                    self._take()
                    return
            await asyncio.sleep(LOOK_EVERY)

    def _show(self, sight: Sight) -> None:
        if self._is_left:
            return
        icon, colour = looks.STATUSES.get(sight.state, ("help", "grey-8"))
        self._icon.props(f"name={icon} color={colour}")
        self._state.set_text(sight.state)
        self._told.set_text(sight.told)
        if sight.assignments and not list(self._assigned):
            with self._assigned:
                for one in sight.assignments:
                    ui.badge(f"{one['name']}: {looks.number(one['value'])}").props(
                        "outline"
                    ).classes("katib-mono q-pa-xs katib-break")
        self._metrics.rows = [dict(one) for one in sight.metrics]
        if sight.manifest:
            self._manifest.set_content(dump_yaml(sight.manifest))

    def _read_log(self, namespace: str, sight: Sight, reads_log: bool) -> None:
        self._take()
        if not reads_log or not sight.has_begun:
            return
        # Its pod may come a moment after the trial says that it runs.
        has_failed = self._tail is not None and self._tail.is_over and self._tail.problem
        if self._tail is None or (has_failed and not sight.is_over):
            self._tail = LogTail(self._site.backend, namespace, sight.trial)

    def _take(self) -> None:
        lines = self._tail.take() if self._tail is not None else ()
        if lines and not self._is_left:
            self._log.push("\n".join(lines))

    def _fail(self, problem: str) -> None:
        if not self._is_left:
            self._icon.props("name=error color=red-8")
            self._state.set_text("Not created")
            self._told.set_text(problem)

    async def _delete(self, namespace: str, name: str) -> None:
        try:
            await computed(self._acting.delete, namespace, [name])
        except KatibError as error:
            if not self._dialog.is_deleted:
                with self._dialog:
                    ui.notify(
                        f"Not deleted: {error}", type="negative", timeout=0, close_button="OK"
                    )
