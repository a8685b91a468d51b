"""Experiments, or trials, side by side: what differs, and how each went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nicegui import events, ui
from starlette.requests import Request

from katib.api.values import Manifest
from katib.client.observation_log import MetricLog
from katib.client.trial_table import TrialTable
from katib.errors import KatibError
from katib.web.chart import Chart
from katib.web.charts.comparison import draw_progress, draw_trials
from katib.web.charts.reports import metrics_of
from katib.web.comparing import MOST_EXPERIMENTS, MOST_TRIALS, experiment_facts, trial_facts
from katib.web.listing import compared_columns, compared_rows, heading, side_by_side
from katib.web.query import Query
from katib.web.rights import Deed
from katib.web.shell import LONGEST_BUILD, computed, follow, frame, permitted
from katib.web.site import Site
from katib.web.watched import Scope


def register(site: Site) -> None:
    """Make the page known."""

    @ui.page("/compare", response_timeout=LONGEST_BUILD)
    async def compare(request: Request) -> None:
        query = Query(site.url("/compare"), request)
        trials = _keys(query.list("trial"), 3)[:MOST_TRIALS]
        experiments = _keys(query.list("experiment"), 2)[:MOST_EXPERIMENTS]
        title = "Compare trials" if trials else "Compare experiments"
        with frame(site, request, title, trail=[("Experiments", "/")]) as visitor:
            ui.label(title).classes("text-h5").props("role=heading aria-level=1")
            for namespace, name, *_ in dict.fromkeys((*(key[:2] for key in trials), *experiments)):
                for deed in (
                    Deed("get", "experiments", namespace, name),
                    Deed("list", "trials", namespace),
                ):
                    if not await permitted(site, visitor, deed):
                        return
            if trials:
                _Trials(site, trials, query).build()
            elif experiments:
                _Experiments(site, experiments, query).build()
            else:
                ui.label(
                    "Nothing is named to be compared: choose experiments on the page of all "
                    "experiments, or trials in the table of an experiment."
                )


def _keys(texts: Sequence[str], parts: int) -> list[tuple[str, ...]]:
    """Names with slashes between them, each once, without those that have other parts."""
    keys = dict.fromkeys(tuple(text.split("/")) for text in texts)
    return [key for key in keys if len(key) == parts and all(key)]


class _Experiments:
    """One visitor's page of experiments."""

    def __init__(self, site: Site, keys: Sequence[tuple[str, ...]], query: Query) -> None:
        self._site, self._query = site, query
        self._keys = [(namespace, name) for namespace, name in keys]
        several = len({namespace for namespace, _ in self._keys}) > 1
        self._labels = {key: f"{key[0]}/{key[1]}" if several else key[1] for key in self._keys}

    def build(self) -> None:
        by = "time" if self._query.find("by") == "time" else "trials"
        self._problem = ui.label().classes("text-negative").props("role=alert")
        heading("Best value so far")
        self._by = ui.toggle(
            {"trials": "Over trials", "time": "Over time"}, value=by, on_change=self._turn
        ).props("dense no-caps")
        self._chart = Chart("", "26rem")
        heading("Settings and results")
        self._table = side_by_side()
        follow(self._version, self._draw)

    def _version(self) -> object:
        return [self._site.tables.progress(*key) for key in self._keys]

    async def _turn(self, event: events.ValueChangeEventArguments[str]) -> None:
        self._query.put(by="" if event.value == "trials" else event.value)
        await self._draw()

    async def _draw(self) -> None:
        found: dict[tuple[str, str], Manifest] = {}
        missing = []
        for key in self._keys:
            experiment, is_known = self._site.tables.find_experiment(*key)
            if experiment is not None:
                found[key] = experiment
            elif is_known:
                missing.append(f"There is no experiment {key[1]} in namespace {key[0]}.")
        self._problem.set_text(" ".join(missing))
        tables: dict[str, TrialTable] = {}
        for key in found:
            table, _ = await computed(self._site.tables.find, *key)
            if table is not None and table.best_row is not None:
                tables[self._labels[key]] = table
        if tables:
            by_time = self._by.value == "time"
            self._chart.show(await computed(draw_progress, tables, by_time))
        else:
            self._chart.say("No trial has a value yet.")
        self._table.columns = compared_columns(
            {self._labels[key]: self._site.url(f"/experiment/{key[0]}/{key[1]}") for key in found}
        )
        self._table.rows = compared_rows([experiment_facts(one) for one in found.values()])


class _Trials:
    """One visitor's page of trials."""

    def __init__(self, site: Site, keys: Sequence[tuple[str, ...]], query: Query) -> None:
        self._site, self._query, self._keys = site, query, keys
        self._shown = ""
        self._scopes = list(dict.fromkeys(Scope("trials", one[0], one[1]) for one in keys))

    def build(self) -> None:
        self._problem = ui.label().classes("text-negative").props("role=alert")
        heading("Reports")
        self._metric = ui.select([], label="Metric", on_change=self._choose).props(
            "dense outlined options-dense"
        )
        self._metric.style("min-width: 10rem")
        self._chart = Chart("", "26rem")
        heading("Assignments and metrics")
        self._table = side_by_side()
        follow(self._version, self._draw)

    def _version(self) -> object:
        return [self._site.sources.find(scope).version for scope in self._scopes]

    async def _choose(self) -> None:
        chosen = str(self._metric.value or "")
        # What was not the visitor's choice is drawn already.
        if chosen and chosen != self._shown:
            self._shown = chosen
            self._query.put(metric=chosen)
            await self._draw()

    async def _draw(self) -> None:
        found: dict[tuple[str, ...], Manifest] = {}
        missing = []
        for namespace, experiment, name in self._keys:
            source = self._site.sources.find(Scope("trials", namespace, experiment))
            trial = source.find(namespace, name)
            if trial is not None:
                found[namespace, experiment, name] = trial
            elif source.is_known:
                missing.append(f"There is no trial {name} in namespace {namespace}.")
        self._problem.set_text(" ".join(missing))
        self._table.columns = compared_columns(
            {
                key[2]: self._site.url(f"/experiment/{key[0]}/{key[1]}/trial/{key[2]}")
                for key in found
            }
        )
        self._table.rows = compared_rows([trial_facts(one) for one in found.values()])
        try:
            await self._draw_reports(found)
        except (KatibError, RuntimeError) as error:
            self._chart.say(str(error))

    async def _draw_reports(self, found: Mapping[tuple[str, ...], Manifest]) -> None:
        logs: dict[str, Sequence[MetricLog]] = {}
        for namespace in dict.fromkeys(key[0] for key in found):
            ours = {
                key[2]: bool((one.get("status") or {}).get("completionTime"))
                for key, one in found.items()
                if key[0] == namespace
            }
            logs.update(await computed(self._site.reports.read, namespace, ours))
        metrics = list(dict.fromkeys(name for one in logs.values() for name in metrics_of(one)))
        if not metrics:
            self._chart.say("None of them has reported numbers yet.")
            return
        if self._metric.options != metrics:
            wanted = self._query.find("metric")
            self._shown = wanted if wanted in metrics else metrics[0]
            self._metric.set_options(metrics, value=self._shown)
        self._chart.show(await computed(draw_trials, logs, self._shown))
