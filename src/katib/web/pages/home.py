"""All experiments: how they stand, and what can be done with several at once."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from nicegui import ui
from starlette.requests import Request

from katib.api.codec import parse_time
from katib.api.values import Manifest
from katib.errors import KatibError
from katib.web import looks
from katib.web.dashboard import ALONE, follow_dashboard
from katib.web.namespaces import list_namespaces
from katib.web.pages.actions import Actions
from katib.web.rights import Visitor
from katib.web.shell import ASK_EVERY, LONGEST_BUILD, computed, follow, frame
from katib.web.site import Site
from katib.web.watched import Scope, Watched

ALL = "All namespaces"

_COLUMNS: Sequence[Mapping[str, Any]] = (
    {"name": "status", "label": "Status", "field": "status", "sortable": True, "align": "left"},
    {"name": "name", "label": "Name", "field": "name", "sortable": True, "align": "left"},
    {
        "name": "namespace",
        "label": "Namespace",
        "field": "namespace",
        "sortable": True,
        "align": "left",
    },
    {
        "name": "algorithm",
        "label": "Algorithm",
        "field": "algorithm",
        "sortable": True,
        "align": "left",
    },
    {
        "name": "progress",
        "label": "Trials",
        "field": "completed",
        "sortable": True,
        "align": "left",
    },
    {"name": "best", "label": "Best value", "field": "best", "sortable": True, "align": "right"},
    {"name": "age", "label": "Age", "field": "seconds", "sortable": True, "align": "right"},
)

_STATUS = """
<q-td :props="props"><q-icon :name="props.row.icon" :color="props.row.colour" size="sm"
aria-hidden="true"></q-icon> {{ props.row.status }}
<q-tooltip v-if="props.row.waiting">{{ props.row.waiting }}</q-tooltip></q-td>
"""
_NAME = """
<q-td :props="props"><a class="katib-link" :href="props.row.address">{{ props.row.name }}</a></q-td>
"""
_PROGRESS = """
<q-td :props="props"><div class="column" style="min-width: 9rem">
<span>{{ props.row.counts }}</span>
<q-linear-progress v-if="props.row.share !== null" :value="props.row.share" size="4px"
:color="props.row.colour" :aria-label="props.row.counts"></q-linear-progress></div></q-td>
"""
_BEST = """
<q-td :props="props">{{ props.row.bestText }}<span class="text-caption text-grey-8"
v-if="props.row.metric">&nbsp;{{ props.row.metric }}</span></q-td>
"""
_AGE = '<q-td :props="props">{{ props.row.age }}</q-td>'


def register(site: Site) -> None:
    """Make the page known."""

    @ui.page("/", response_timeout=LONGEST_BUILD)
    async def home(request: Request, namespace: str = "", ns: str = "") -> None:
        with frame(site, request, "Experiments") as visitor:
            follow_dashboard(site)
            # Kubeflow's dashboard calls it ``ns``.
            await _Home(site, visitor, namespace or ns).build()


class _Home:
    """One visitor's page."""

    def __init__(self, site: Site, visitor: Visitor, namespace: str) -> None:
        self._site, self._visitor, self._wanted = site, visitor, namespace
        self._found: dict[str, Manifest] = {}
        self._namespaces: list[str] = []

    async def build(self) -> None:
        self._namespaces = await computed(list_namespaces, self._site, self._visitor)
        ui.timer(ASK_EVERY, self._ask_again)
        if not self._namespaces:
            ui.label("You may look into no namespace; ask whoever administers the cluster.")
            return
        with ui.row().classes("items-center w-full gap-2"):
            ui.label("Experiments").classes("text-h5").props("role=heading aria-level=1")
            ui.space()
            self._search = ui.input(placeholder="Filter").props(
                'dense outlined clearable aria-label="Filter experiments"'
            )
            if len(self._namespaces) > 1:
                self._choose_namespace()
        self._trouble = ui.label().classes("text-negative").props("role=alert")
        with ui.row() as self._bar:
            self._actions = Actions(
                self._site, self._visitor, self._forget_chosen, has_compare=True
            )
            self._actions.build()
        self._bar.set_visibility(False)
        self._make_table()
        follow(self._version, self._draw)

    async def _ask_again(self) -> None:
        """Show the namespaces that the visitor may look into now, and no others."""
        with suppress(KatibError):  # Nobody answers, which takes no right away.
            found = await computed(list_namespaces, self._site, self._visitor)
            if found != self._namespaces:
                ui.navigate.reload()

    def _choose_namespace(self) -> None:
        shown = self._wanted if self._wanted in self._namespaces else ALL
        ui.select(
            [ALL, *self._namespaces], value=shown, on_change=lambda event: self._go(event.value)
        ).classes(ALONE).props('dense outlined options-dense aria-label="Namespace"')

    def _go(self, namespace: str) -> None:
        query = "" if namespace == ALL else f"?namespace={namespace}"
        ui.navigate.to(f"/{query}")

    def _make_table(self) -> None:
        hidden = {"namespace"} if len(self._shown) < 2 else set()
        columns = [dict(one) for one in _COLUMNS if one["name"] not in hidden]
        self._table = ui.table(
            columns=columns,
            rows=[],
            row_key="key",
            selection="multiple",
            pagination={"rowsPerPage": 25, "sortBy": "age", "descending": False},
            on_select=self._show_actions,
        ).classes("w-full")
        self._table.props('flat bordered binary-state-sort no-data-label="No experiments yet."')
        for slot, template in (
            ("status", _STATUS),
            ("name", _NAME),
            ("progress", _PROGRESS),
            ("best", _BEST),
            ("age", _AGE),
        ):
            self._table.add_slot(f"body-cell-{slot}", template)
        self._search.bind_value_to(self._table, "filter")

    @property
    def _shown(self) -> Sequence[str]:
        return [self._wanted] if self._wanted in self._namespaces else self._namespaces

    def _sources(self) -> list[Watched]:
        return [self._site.sources.find(Scope("experiments", one)) for one in self._shown]

    def _version(self) -> object:
        # Ages change by themselves, and seldom matter to the second.
        minute = datetime.now(UTC).minute
        return (*(one.version for one in self._sources()), minute)

    async def _draw(self) -> None:
        sources, now = self._sources(), datetime.now(UTC)
        problems = {one.problem for one in sources if one.problem}
        self._trouble.set_text("; ".join(sorted(problems)))
        found = [one for source in sources for one in source.list()]
        rows = [_row(self._site, one, now) for one in found]
        self._found = {row["key"]: one for row, one in zip(rows, found, strict=True)}
        self._table.rows = sorted(rows, key=lambda row: row["seconds"])
        # What is gone is chosen no longer.
        self._table.selected = [row for row in self._table.selected if row["key"] in self._found]
        await self._show_actions()

    async def _show_actions(self) -> None:
        """What can be done to the chosen experiments, as they are now."""
        keys = {row["key"] for row in self._table.selected}
        self._bar.set_visibility(bool(keys))
        await self._actions.show([self._found[key] for key in sorted(keys & self._found.keys())])

    def _forget_chosen(self) -> None:
        self._table.selected = []
        self._bar.set_visibility(False)


def _row(site: Site, experiment: Manifest, now: datetime) -> dict[str, Any]:
    metadata, spec = experiment["metadata"], experiment.get("spec") or {}
    status = experiment.get("status") or {}
    namespace, name = metadata.get("namespace") or "", metadata["name"]
    state = looks.status_of(experiment)
    icon, colour = looks.STATUSES.get(state, ("help", "grey-8"))
    best, text = looks.best_value(experiment)
    created = metadata.get("creationTimestamp")
    seconds = (now - parse_time(created)).total_seconds() if created else 0.0
    completed, counts = _counts(status, spec.get("maxTrialCount"))
    budget = spec.get("maxTrialCount")
    return {
        "key": f"{namespace}/{name}",
        "name": name,
        "namespace": namespace,
        "address": site.url(f"/experiment/{namespace}/{name}"),
        "status": state,
        "icon": icon,
        "colour": colour,
        "waiting": looks.waiting_of(experiment),
        "algorithm": (spec.get("algorithm") or {}).get("algorithmName") or "",
        "completed": completed,
        "counts": counts,
        "share": min(1.0, completed / budget) if budget else None,
        "best": None if math.isnan(best) else best,
        "bestText": text,
        "metric": (spec.get("objective") or {}).get("objectiveMetricName") if text else "",
        "seconds": seconds,
        "age": looks.length(seconds),
    }


def _counts(status: Manifest, budget: int | None) -> tuple[int, str]:
    """How many trials have ended, and all counts in words."""
    named = (
        ("trialsSucceeded", "succeeded"),
        ("trialsEarlyStopped", "stopped early"),
        ("trialsFailed", "failed"),
        ("trialMetricsUnavailable", "without metrics"),
        ("trialsKilled", "killed"),
    )
    found = [(int(status.get(field) or 0), word) for field, word in named]
    completed = sum(count for count, _ in found)
    running = int(status.get("trialsRunning") or 0)
    parts = [f"{completed} of {budget}" if budget else f"{completed} ended"]
    parts += [f"{running} running"] if running else []
    parts += [f"{count} {word}" for count, word in found[1:] if count]
    return completed, ", ".join(parts)
