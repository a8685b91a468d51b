"""What stands around the tabs of an experiment: its name, how it stands, and what can be done."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from nicegui import ui
from starlette.requests import Request

from katib.web import looks
from katib.web.pages.actions import Actions
from katib.web.pages.experiment.details import Details
from katib.web.pages.experiment.document import Document
from katib.web.pages.experiment.events import Events
from katib.web.pages.experiment.overview import Overview
from katib.web.pages.experiment.plots import Plots
from katib.web.pages.experiment.subject import Subject, Tab
from katib.web.pages.experiment.trials import Trials
from katib.web.rights import Deed
from katib.web.shell import follow, frame, permitted
from katib.web.site import Site
from katib.web.watched import Scope

_TABS: Mapping[str, Callable[[Subject], Tab]] = {
    "overview": Overview,
    "plots": Plots,
    "trials": Trials,
    "details": Details,
    "yaml": Document,
    "events": Events,
}


def register(site: Site) -> None:
    """Make the page known."""

    @ui.page("/experiment/{namespace}/{name}")
    async def experiment(
        request: Request, namespace: str, name: str, tab: str = "overview"
    ) -> None:
        with frame(site, request, name, trail=[("Experiments", "/")]) as visitor:
            deed = Deed("get", "experiments", namespace, name)
            if await permitted(site, visitor, deed):
                subject = Subject(site, visitor, namespace, name)
                await _Page(subject).build(tab if tab in _TABS else "overview")


class _Page:
    """One visitor's page."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._built: dict[str, Tab] = {}
        self._now = ""
        self._actions = Actions(
            subject.site, subject.visitor, lambda: ui.navigate.to(subject.site.url("/"))
        )

    async def build(self, tab: str) -> None:
        subject = self._subject
        with ui.row().classes("items-center w-full gap-2"):
            self._icon = ui.icon("help", size="md").props("aria-hidden=true")
            ui.label(subject.name).classes("text-h5 katib-break").props("role=heading aria-level=1")
            self._status = ui.label().classes("text-subtitle1")
            ui.space()
            self._actions.build()
        self._trouble = ui.label().classes("text-negative").props("role=alert")
        self._waiting = ui.label().classes("text-warning-10").props("role=status")
        with ui.tabs(on_change=lambda event: self._turn(event.value)).props(
            "align=left no-caps dense"
        ) as tabs:
            for name in _TABS:
                ui.tab(name, label="YAML" if name == "yaml" else name.capitalize())
        self._panels = {}
        with ui.tab_panels(tabs, value=tab, animated=False).classes("w-full"):
            for name in _TABS:
                self._panels[name] = ui.tab_panel(name).classes("q-pa-none q-pt-md")
        self._now = tab
        follow(self._version, self._draw)

    def _version(self) -> object:
        subject = self._subject
        sources = subject.site.sources
        experiments = sources.find(Scope("experiments", subject.namespace))
        trials = sources.find(Scope("trials", subject.namespace, subject.name))
        return experiments.version, trials.version, self._now

    async def _turn(self, tab: str) -> None:
        self._now = tab
        address = self._subject.site.url(self._subject.address)
        ui.navigate.history.replace(f"{address}?tab={tab}")
        await self._draw()

    async def _draw(self) -> None:
        subject = self._subject
        experiment, is_known = subject.site.tables.find_experiment(subject.namespace, subject.name)
        source = subject.site.sources.find(Scope("experiments", subject.namespace))
        gone = f"There is no experiment {subject.name} in namespace {subject.namespace}."
        self._trouble.set_text(source.problem or (gone if experiment is None and is_known else ""))
        if experiment is None:
            return
        state = looks.status_of(experiment)
        icon, colour = looks.STATUSES.get(state, ("help", "grey-8"))
        self._icon.props(f"name={icon} color={colour}")
        self._status.set_text(state)
        self._waiting.set_text(looks.waiting_of(experiment))
        await self._actions.show([experiment])
        tab = self._built.get(self._now)
        if tab is None:
            tab = self._built[self._now] = _TABS[self._now](subject)
            with self._panels[self._now]:
                tab.build()
        await tab.draw()
