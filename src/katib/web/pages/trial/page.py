"""What stands around the tabs of a trial: how it stands and why, and the trials beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from nicegui import ui
from starlette.requests import Request

from katib.api import names
from katib.api.values import Manifest
from katib.web import looks
from katib.web.happenings import Events
from katib.web.pages.trial.log import Log
from katib.web.pages.trial.overview import Overview
from katib.web.pages.trial.run import Document, Run
from katib.web.pages.trial.subject import Subject, Tab
from katib.web.query import Query
from katib.web.rights import Deed
from katib.web.shell import LONGEST_BUILD, computed, follow, frame, permitted
from katib.web.site import Site

_TABS: Mapping[str, tuple[str, Callable[[Subject], Tab]]] = {
    "metrics": ("Metrics", Overview),
    "log": ("Log", Log),
    "run": ("Run", Run),
    "events": ("Events", Events),
    "yaml": ("YAML", Document),
}

#: What an end means that is not the best.
_ENDS = {
    names.FAILED: "It failed",
    names.KILLED: "It was killed",
    names.EARLY_STOPPED: "It was stopped early",
    names.METRICS_UNAVAILABLE: "It ended without its objective metric",
}


def register(site: Site) -> None:
    """Make the page known."""

    @ui.page("/experiment/{namespace}/{experiment}/trial/{name}", response_timeout=LONGEST_BUILD)
    async def trial(request: Request, namespace: str, experiment: str, name: str) -> None:
        above = f"/experiment/{namespace}/{experiment}"
        trail = [("Experiments", "/"), (experiment, f"{above}?tab=trials")]
        with frame(site, request, name, trail=trail) as visitor:
            deed = Deed("get", "trials", namespace, name)
            if await permitted(site, visitor, deed):
                query = Query(site.url(f"{above}/trial/{name}"), request)
                _Page(Subject(site, visitor, namespace, experiment, name, query)).build()


def why(trial: Manifest) -> str:
    """Why a trial is as it is, in words; empty when its status says it all."""
    waiting = looks.waiting_of(trial)
    if waiting:
        return waiting
    state = looks.trial_status_of(trial)
    conditions = (trial.get("status") or {}).get("conditions") or ()
    last: Manifest = next((one for one in reversed(conditions) if one.get("type") == state), {})
    message, reason = str(last.get("message") or ""), str(last.get("reason") or "")
    if state not in _ENDS:
        return message
    told = f"{_ENDS[state]}: {message}" if message else _ENDS[state]
    return f"{told} ({reason})" if reason else told


class _Page:
    """One visitor's page."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._built: dict[str, Tab] = {}
        found = subject.query.find("tab")
        self._now = found if found in _TABS else "metrics"

    def build(self) -> None:
        with ui.row().classes("items-center gap-2 w-full"):
            self._icon = ui.icon("help", size="md").props("aria-hidden=true")
            ui.label(self._subject.name).classes("text-h5 katib-break").props(
                "role=heading aria-level=1"
            )
            self._status = ui.label().classes("text-subtitle1")
            self._star = ui.badge("best trial").props("color=amber-9 text-color=black")
            self._star.set_visibility(False)
            ui.space()
            self._beside = ui.row().classes("gap-2").props('role=navigation aria-label="Trials"')
        self._message = ui.label().classes("katib-break").props("role=status")
        with (
            ui.tabs(on_change=lambda event: self._turn(event.value))
            .props("align=left no-caps dense outside-arrows mobile-arrows")
            .classes("w-full") as tabs
        ):
            for name, (label, _) in _TABS.items():
                ui.tab(name, label=label)
        self._panels = {}
        with ui.tab_panels(tabs, value=self._now, animated=False, keep_alive=True).classes(
            "w-full"
        ):
            for name in _TABS:
                self._panels[name] = ui.tab_panel(name).classes("q-pa-none q-pt-md")
        follow(self._version, self._draw)

    def _version(self) -> object:
        subject = self._subject
        # The trials beside it are known only after the experiment is.
        beside = subject.site.tables.progress(subject.namespace, subject.experiment)
        return subject.source.version, beside

    async def _turn(self, tab: str) -> None:
        self._now = tab
        self._subject.query.put(tab="" if tab == "metrics" else tab)
        await self._draw()

    async def _draw(self) -> None:
        subject = self._subject
        trial = subject.find()
        if trial is None:
            gone = f"There is no trial {subject.name} in namespace {subject.namespace}."
            self._message.set_text(
                subject.source.problem or (gone if subject.source.is_known else "")
            )
            return
        state = looks.trial_status_of(trial)
        icon, colour = looks.STATUSES.get(state, ("help", "grey-8"))
        self._icon.props(f"name={icon} color={colour}")
        self._status.set_text(state)
        self._message.set_text(why(trial))
        await self._draw_beside()
        tab = self._built.get(self._now)
        if tab is None:
            tab = self._built[self._now] = _TABS[self._now][1](subject)
            with self._panels[self._now]:
                tab.build()
        await tab.draw()

    async def _draw_beside(self) -> None:
        subject = self._subject
        table, _ = await computed(subject.site.tables.find, subject.namespace, subject.experiment)
        if table is None or subject.name not in table.names:
            return
        row = table.names.index(subject.name)
        self._star.set_visibility(row == table.best_row)
        self._beside.clear()
        with self._beside:
            ui.label(f"{row + 1} of {len(table):,}").classes("text-caption self-center")
            for label, other in (("Previous", row - 1), ("Next", row + 1)):
                if 0 <= other < len(table):
                    ui.link(label, subject.path(table.names[other])).classes("katib-link")
