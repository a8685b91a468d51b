"""One trial: what it was given, what it reported, what it wrote, and how it ended."""

from __future__ import annotations

from collections.abc import Sequence

from nicegui import ui
from starlette.requests import Request

from katib.api.codec import dump_yaml
from katib.api.values import Manifest
from katib.client.requests import path_of
from katib.errors import KatibError
from katib.web import looks
from katib.web.rights import Deed, Visitor
from katib.web.shell import computed, follow, frame, permitted
from katib.web.site import Site
from katib.web.watched import Scope


def register(site: Site) -> None:
    """Make the page known."""

    @ui.page("/experiment/{namespace}/{experiment}/trial/{name}")
    async def trial(request: Request, namespace: str, experiment: str, name: str) -> None:
        trail = [("Experiments", "/"), (experiment, f"/experiment/{namespace}/{experiment}")]
        with frame(site, request, name, trail=trail) as visitor:
            deed = Deed("get", "trials", namespace, name)
            if await permitted(site, visitor, deed):
                _Page(site, visitor, Scope("trials", namespace, experiment), name).build()


class _Page:
    """One visitor's page."""

    def __init__(self, site: Site, visitor: Visitor, scope: Scope, name: str) -> None:
        self._site, self._visitor, self._scope, self._name = site, visitor, scope, name

    def build(self) -> None:
        with ui.row().classes("items-center gap-2"):
            self._icon = ui.icon("help", size="md").props("aria-hidden=true")
            ui.label(self._name).classes("text-h5").props("role=heading aria-level=1")
            self._status = ui.label().classes("text-subtitle1")
        self._message = ui.label().props("role=status")
        self._assigned = ui.row().classes("gap-1")
        columns = [
            {"name": name, "label": label, "field": name, "align": "left"}
            for name, label in (
                ("name", "Metric"),
                ("latest", "Latest"),
                ("min", "Least"),
                ("max", "Largest"),
            )
        ]
        self._metrics = ui.table(columns=columns, rows=[], row_key="name")
        self._metrics.props('flat bordered dense hide-pagination no-data-label="No metrics yet."')
        ui.label("Manifest").classes("text-subtitle1").props("role=heading aria-level=2")
        self._yaml = ui.code("", language="yaml").classes("w-full")
        follow(self._version, self._draw)

    def _version(self) -> object:
        return self._site.sources.find(self._scope).version

    async def _draw(self) -> None:
        namespace = self._scope.namespace or ""
        trials = self._site.sources.find(self._scope)
        found = trials.find(namespace, self._name)
        if found is None:
            gone = f"There is no trial {self._name} in namespace {namespace}."
            self._message.set_text(trials.problem or (gone if trials.is_known else ""))
            return
        conditions: Sequence[Manifest] = (found.get("status") or {}).get("conditions") or ()
        last = next((one for one in reversed(conditions) if one.get("status") == "True"), {})
        state = str(last.get("type") or "Pending")
        icon, colour = looks.STATUSES.get(state, ("help", "grey-8"))
        self._icon.props(f"name={icon} color={colour}")
        self._status.set_text(state)
        self._message.set_text(looks.waiting_of(found) or str(last.get("message") or ""))
        self._assigned.clear()
        with self._assigned:
            for one in (found.get("spec") or {}).get("parameterAssignments") or ():
                ui.badge(f"{one['name']}: {looks.number(one['value'])}").props("outline")
        observed = ((found.get("status") or {}).get("observation") or {}).get("metrics") or ()
        self._metrics.rows = list(observed)
        try:
            whole = await computed(
                self._site.backend.ask, "GET", path_of("trials", namespace, self._name)
            )
        except KatibError as error:
            self._message.set_text(str(error))
            return
        whole["metadata"].pop("managedFields", None)
        self._yaml.set_content(dump_yaml(whole))
