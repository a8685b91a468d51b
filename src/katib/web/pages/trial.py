"""One trial: what it was given, what it reported, what it wrote, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nicegui import ui
from starlette.requests import Request

from katib.api.codec import dump_yaml
from katib.api.values import Manifest
from katib.client.observation_log import read_entries
from katib.client.requests import path_of
from katib.errors import KatibError
from katib.web import looks
from katib.web.charts.reports import draw_reports
from katib.web.charts.styling import Options
from katib.web.log_tail import MOST_LINES, LogTail
from katib.web.rights import Deed, Visitor
from katib.web.shell import LOOK_EVERY, computed, follow, frame, permitted
from katib.web.site import Site
from katib.web.watched import Scope

#: How often a running trial's reports are asked for, in seconds.
REPORTS_EVERY = 2.0

#: How long the observation log may take, in seconds.
_PATIENCE = 20.0

_METRICS = (("name", "Metric"), ("latest", "Latest"), ("min", "Least"), ("max", "Largest"))


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
        self._namespace = scope.namespace or ""
        self._is_over = False
        self._tail: LogTail | None = None

    def build(self) -> None:
        with ui.row().classes("items-center gap-2"):
            self._icon = ui.icon("help", size="md").props("aria-hidden=true")
            ui.label(self._name).classes("text-h5").props("role=heading aria-level=1")
            self._status = ui.label().classes("text-subtitle1")
        self._message = ui.label().props("role=status")
        self._assigned = ui.row().classes("gap-1")
        with ui.tabs().props("align=left no-caps dense") as tabs:
            ui.tab("metrics", label="Metrics")
            ui.tab("log", label="Log")
            ui.tab("yaml", label="YAML")
        with ui.tab_panels(tabs, value="metrics", animated=False).classes("w-full"):
            with ui.tab_panel("metrics").classes("q-pa-none q-pt-md"):
                self._build_metrics()
            with ui.tab_panel("log").classes("q-pa-none q-pt-md"):
                self._build_log()
            with ui.tab_panel("yaml").classes("q-pa-none q-pt-md"):
                self._yaml = ui.code("", language="yaml").classes("w-full")
        follow(self._version, self._draw)
        ui.timer(REPORTS_EVERY, self._draw_reports, immediate=False)

    def _build_metrics(self) -> None:
        columns = [
            {"name": name, "label": label, "field": name, "align": "left"}
            for name, label in _METRICS
        ]
        self._metrics = ui.table(columns=columns, rows=[], row_key="name")
        self._metrics.props('flat bordered dense hide-pagination no-data-label="No metrics yet."')
        self._by = ui.toggle(
            {"number": "By report", "time": "By time"}, value="number", on_change=self._draw_reports
        ).props("dense no-caps")
        self._reports = ui.echart({}).classes("w-full").style("height: 24rem")
        self._problem = ui.label().classes("text-negative").props("role=alert")

    def _build_log(self) -> None:
        self._log_problem = ui.label().props("role=status")
        self._log = ui.log(max_lines=MOST_LINES).classes("w-full katib-mono")
        self._log.style("height: 32rem").props('aria-label="Log of the trial" tabindex=0')
        self._log_timer = ui.timer(LOOK_EVERY, self._draw_log)
        ui.context.client.on_disconnect(self._close)

    def _version(self) -> object:
        return self._site.sources.find(self._scope).version

    async def _draw(self) -> None:
        trials = self._site.sources.find(self._scope)
        found = trials.find(self._namespace, self._name)
        if found is None:
            gone = f"There is no trial {self._name} in namespace {self._namespace}."
            self._message.set_text(trials.problem or (gone if trials.is_known else ""))
            return
        self._draw_state(found)
        try:
            path = path_of("trials", self._namespace, self._name)
            whole = await computed(self._site.backend.ask, "GET", path)
        except KatibError as error:
            self._message.set_text(str(error))
            return
        whole["metadata"].pop("managedFields", None)
        self._yaml.set_content(dump_yaml(whole))
        await self._draw_reports()

    def _draw_state(self, trial: Manifest) -> None:
        status, spec = trial.get("status") or {}, trial.get("spec") or {}
        conditions: Sequence[Manifest] = status.get("conditions") or ()
        last: Mapping[str, str] = next(
            (one for one in reversed(conditions) if one.get("status") == "True"), {}
        )
        state = last.get("type") or "Pending"
        icon, colour = looks.STATUSES.get(state, ("help", "grey-8"))
        self._is_over = bool(status.get("completionTime"))
        self._icon.props(f"name={icon} color={colour}")
        self._status.set_text(state)
        self._message.set_text(looks.waiting_of(trial) or last.get("message") or "")
        self._assigned.clear()
        with self._assigned:
            for one in spec.get("parameterAssignments") or ():
                ui.badge(f"{one['name']}: {looks.number(one['value'])}").props("outline").classes(
                    "katib-mono q-pa-xs"
                )
        self._metrics.rows = list((status.get("observation") or {}).get("metrics") or ())

    async def _draw_reports(self) -> None:
        try:
            options = await computed(self._read_reports, self._by.value == "time")
        except (KatibError, RuntimeError) as error:
            self._problem.set_text(str(error))
            return
        self._problem.set_text("")
        if options != self._reports.options:
            self._reports.options.clear()
            self._reports.options.update(options)
            self._reports.update()

    def _read_reports(self, by_time: bool) -> Options:
        backend = self._site.backend
        entries = read_entries(backend, self._namespace, self._name, None, _PATIENCE)
        return draw_reports(entries, by_time)

    async def _draw_log(self) -> None:
        if self._tail is None:
            deed = Deed("get", "pods/log", self._namespace)
            if not await computed(self._site.may, self._visitor, deed):
                self._log_problem.set_text("You may not read the logs of this namespace.")
                self._log_timer.cancel()
                return
            self._tail = LogTail(self._site.backend, self._namespace, self._name)
        # First: what came before it was over is taken below.
        is_over = self._tail.is_over
        lines = self._tail.take()
        if lines:
            self._log.push("\n".join(lines))
        if is_over:
            self._log_problem.set_text(self._tail.problem)
            self._log_timer.cancel()

    def _close(self) -> None:
        if self._tail is not None:
            self._tail.close()
