"""How an experiment goes: its best trial, its counts, its conditions."""

from __future__ import annotations

from collections.abc import Sequence

from nicegui import ui

from katib.api.values import Manifest
from katib.web import looks
from katib.web.pages.experiment.subject import Subject

_COUNTS = (
    ("trials", "Trials"),
    ("trialsRunning", "Running"),
    ("trialsPending", "Pending"),
    ("trialsSucceeded", "Succeeded"),
    ("trialsEarlyStopped", "Stopped early"),
    ("trialsFailed", "Failed"),
    ("trialsMetricsUnavailable", "Without metrics"),
)

_SIGNS = {"minimize": "≤", "maximize": "≥"}


class Overview:
    """The first tab."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject

    def build(self) -> None:
        """Make what does not change."""
        with ui.element("div").classes("row q-col-gutter-md w-full"):
            with ui.element("div").classes("col-12 col-md-6"):
                self._best = ui.card().props("flat bordered").classes("w-full")
            with ui.element("div").classes("col-12 col-md-6"):
                self._counts = ui.card().props("flat bordered").classes("w-full")
        ui.label("Conditions").classes("text-subtitle1").props("role=heading aria-level=2")
        columns = [
            {"name": name, "label": label, "field": name, "align": "left"}
            for name, label in (
                ("type", "Type"),
                ("status", "Status"),
                ("reason", "Reason"),
                ("message", "Message"),
                ("time", "Since"),
            )
        ]
        self._conditions = ui.table(columns=columns, rows=[], row_key="type").classes("w-full")
        self._conditions.props("flat bordered dense wrap-cells hide-pagination")

    async def draw(self) -> None:
        """Draw how it stands."""
        experiment = self._subject.find()
        if experiment is None:
            return
        self._best.clear()
        with self._best:
            self._draw_best(experiment)
        self._counts.clear()
        with self._counts:
            _draw_counts(experiment)
        conditions: Sequence[Manifest] = (experiment.get("status") or {}).get("conditions") or ()
        self._conditions.rows = [
            {
                "type": one.get("type"),
                "status": one.get("status"),
                "reason": one.get("reason") or "",
                "message": one.get("message") or "",
                "time": one.get("lastTransitionTime") or "",
            }
            for one in conditions
        ]

    def _draw_best(self, experiment: Manifest) -> None:
        ui.label("Best trial").classes("text-subtitle1").props("role=heading aria-level=2")
        optimal = (experiment.get("status") or {}).get("currentOptimalTrial") or {}
        name = optimal.get("bestTrialName")
        if not name:
            ui.label("No optimal trial yet.")
            return
        subject = self._subject
        ui.link(name, subject.site.url(f"{subject.address}/trial/{name}")).classes("katib-link")
        metrics = (optimal.get("observation") or {}).get("metrics") or ()
        _draw_pairs([(one["name"], looks.number(one.get("latest", ""))) for one in metrics])
        assigned = optimal.get("parameterAssignments") or ()
        _draw_pairs([(one["name"], looks.number(one.get("value", ""))) for one in assigned])
        objective = (experiment.get("spec") or {}).get("objective") or {}
        if objective.get("goal") is not None:
            sign = _SIGNS.get(objective.get("type", ""), "")
            metric = objective.get("objectiveMetricName")
            ui.label(f"Goal: {metric} {sign} {looks.number(objective['goal'])}")


def _draw_pairs(pairs: Sequence[tuple[str, str]]) -> None:
    with ui.row().classes("gap-1"):
        for name, value in pairs:
            ui.badge(f"{name}: {value}").props("outline color=primary").classes(
                "katib-mono q-pa-xs"
            )


def _draw_counts(experiment: Manifest) -> None:
    ui.label("Trials").classes("text-subtitle1").props("role=heading aria-level=2")
    status, spec = experiment.get("status") or {}, experiment.get("spec") or {}
    with ui.row().classes("gap-4"):
        for field, label in _COUNTS:
            count = int(status.get(field) or 0)
            if count or field in ("trials", "trialsRunning", "trialsSucceeded", "trialsFailed"):
                with ui.column().classes("gap-0"):
                    ui.label(str(count)).classes("text-h6")
                    ui.label(label).classes("text-caption")
    limits = (
        ("at most", spec.get("maxTrialCount")),
        ("at once", spec.get("parallelTrialCount")),
        ("may fail", spec.get("maxFailedTrialCount")),
    )
    ui.label(", ".join(f"{value} {word}" for word, value in limits if value is not None))
