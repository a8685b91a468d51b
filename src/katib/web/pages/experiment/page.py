"""What stands around the tabs of an experiment: its name, how it stands, and what can be done."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from nicegui import ui
from starlette.requests import Request

from katib.api.values import Manifest
from katib.web import looks
from katib.web.chart_view import preload
from katib.web.happenings import Events
from katib.web.pages.actions import Actions
from katib.web.pages.experiment.details import Details
from katib.web.pages.experiment.document import Document
from katib.web.pages.experiment.networks import Networks
from katib.web.pages.experiment.overview import Overview
from katib.web.pages.experiment.plots import Plots
from katib.web.pages.experiment.population import Population
from katib.web.pages.experiment.subject import Subject, Tab
from katib.web.pages.experiment.trials import Trials
from katib.web.query import Query
from katib.web.rights import Deed, Visitor
from katib.web.shell import LONGEST_BUILD, follow, frame, permitted
from katib.web.site import Site
from katib.web.watched import Scope

_TABS: Mapping[str, tuple[str, Callable[[Subject], Tab]]] = {
    "overview": ("Overview", Overview),
    "plots": ("Plots", Plots),
    "trials": ("Trials", Trials),
    "networks": ("Architecture", Networks),
    "population": ("Population", Population),
    "details": ("Details", Details),
    "yaml": ("YAML", Document),
    "events": ("Events", Events),
}


def register(site: Site) -> None:
    """Make the page known."""

    @ui.page("/experiment/{namespace}/{name}", response_timeout=LONGEST_BUILD)
    async def experiment(request: Request, namespace: str, name: str) -> None:
        preload()
        with frame(site, request, name, trail=[("Experiments", "/")]) as visitor:
            seen = (
                Deed("get", "experiments", namespace, name),
                Deed("list", "trials", namespace),
            )
            if all([await permitted(site, visitor, deed) for deed in seen]):
                address = site.url(f"/experiment/{namespace}/{name}")
                _Page(site, visitor, (namespace, name), Query(address, request)).build()


def tabs_of(experiment: Manifest) -> list[str]:
    """The tabs that an experiment has: some are of one kind of search only."""
    spec = experiment.get("spec") or {}
    has = {
        "networks": bool(spec.get("nasConfig")),
        "population": (spec.get("algorithm") or {}).get("algorithmName") == "pbt",
    }
    return [name for name in _TABS if has.get(name, True)]


class _Page:
    """One visitor's page."""

    def __init__(self, site: Site, visitor: Visitor, key: tuple[str, str], query: Query) -> None:
        self._subject = Subject(site, visitor, *key, query, self._open)
        self._built: dict[str, Tab] = {}
        self._panels: dict[str, ui.tab_panel] = {}
        self._now = query.find("tab") or "overview"
        self._actions = Actions(site, visitor, lambda: ui.navigate.to("/"))

    def build(self) -> None:
        with ui.row().classes("items-center w-full gap-2"):
            self._icon = ui.icon("help", size="md").props("aria-hidden=true")
            ui.label(self._subject.name).classes("text-h5 katib-break").props(
                "role=heading aria-level=1"
            )
            self._status = ui.label().classes("text-subtitle1")
            ui.space()
            self._actions.build()
        self._trouble = ui.label().classes("text-negative").props("role=alert")
        self._waiting = ui.label().classes("text-warning-10").props("role=status")
        self._area = ui.column().classes("w-full gap-0")
        experiment = self._subject.find()
        if experiment is not None:
            # What is known already comes with the page.
            self._build_tab(experiment)
        follow(self._version, self._draw)

    def _version(self) -> object:
        subject = self._subject
        return subject.site.tables.progress(subject.namespace, subject.name), self._now

    def _build_tabs(self, experiment: Manifest) -> None:
        names = tabs_of(experiment)
        if self._now not in names:
            self._now = "overview"
        with self._area:
            with (
                ui.tabs(on_change=lambda event: self._turn(event.value))
                .props("align=left no-caps dense outside-arrows mobile-arrows")
                .classes("w-full") as self._tabs
            ):
                for name in names:
                    ui.tab(name, label=_TABS[name][0])
            with ui.tab_panels(self._tabs, value=self._now, animated=False).classes("w-full"):
                for name in names:
                    self._panels[name] = ui.tab_panel(name).classes("q-pa-none q-pt-md")

    def _open(self, tab: str) -> None:
        self._tabs.set_value(tab)

    async def _turn(self, tab: str) -> None:
        self._now = tab
        self._subject.query.put(tab="" if tab == "overview" else tab)
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
        await self._build_tab(experiment).draw()

    def _build_tab(self, experiment: Manifest) -> Tab:
        """The tab that is looked at, which is made when it is looked at first."""
        if not self._panels:
            self._build_tabs(experiment)
        tab = self._built.get(self._now)
        if tab is None:
            tab = self._built[self._now] = _TABS[self._now][1](self._subject)
            with self._panels[self._now]:
                tab.build()
        return tab
