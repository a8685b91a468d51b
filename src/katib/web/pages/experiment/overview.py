"""How an experiment goes: how far it is, its best trial, its counts, its conditions."""

from __future__ import annotations

from datetime import UTC, datetime

from nicegui import ui

from katib.api.codec import parse_time
from katib.api.values import Manifest
from katib.web import looks
from katib.web.charts.styling import counted
from katib.web.listing import (
    ASSIGNED,
    CONDITIONS,
    METRICS,
    assigned_rows,
    conditions_of,
    heading,
    metric_rows,
    small_table,
)
from katib.web.pages.experiment.progress import Progress, progress_of
from katib.web.pages.experiment.subject import Subject
from katib.web.shell import computed

_COUNTS = (
    ("trials", "Trials"),
    ("trialsRunning", "Running"),
    ("trialsPending", "Pending"),
    ("trialsSucceeded", "Succeeded"),
    ("trialsEarlyStopped", "Stopped early"),
    ("trialsFailed", "Failed"),
    ("trialMetricsUnavailable", "Without metrics"),
    ("trialsKilled", "Killed"),
)
_ALWAYS = ("trials", "trialsRunning", "trialsSucceeded", "trialsFailed")

_SIGNS = {"minimize": "≤", "maximize": "≥"}


class Overview:
    """The first tab."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject

    def build(self) -> None:
        """Make what does not change."""
        with ui.element("div").classes("katib-grid"):
            with ui.element("div"):
                self._progress = ui.card().props("flat bordered").classes("w-full")
            with ui.element("div"):
                self._best = ui.card().props("flat bordered").classes("w-full")
        heading("Conditions")
        self._conditions = small_table(CONDITIONS, "No conditions yet.")

    async def draw(self) -> None:
        """Draw how it stands."""
        experiment = self._subject.find()
        if experiment is None:
            return
        table = await computed(self._subject.table)
        now = datetime.now(UTC)
        progress = None if table is None else await computed(progress_of, experiment, table, now)
        self._progress.clear()
        with self._progress:
            _draw_progress(experiment, progress, now)
        self._best.clear()
        with self._best:
            self._draw_best(experiment)
        self._conditions.rows = conditions_of(experiment)

    def _draw_best(self, experiment: Manifest) -> None:
        heading("Best trial")
        optimal = (experiment.get("status") or {}).get("currentOptimalTrial") or {}
        name = optimal.get("bestTrialName")
        if not name:
            ui.label("No optimal trial yet.")
            return
        ui.link(name, self._subject.trial_path(name)).classes("katib-link")
        metrics = (optimal.get("observation") or {}).get("metrics") or ()
        small_table(METRICS).rows = metric_rows(metrics)
        assigned = optimal.get("parameterAssignments") or ()
        small_table(ASSIGNED).rows = assigned_rows(assigned)


def _draw_progress(experiment: Manifest, progress: Progress | None, now: datetime) -> None:
    heading("Progress")
    status, spec = experiment.get("status") or {}, experiment.get("spec") or {}
    if progress is not None:
        _draw_bar(progress)
    waiting = looks.waiting_of(experiment)
    decisive = looks.decisive(experiment) or {}
    message = waiting or decisive.get("message") or ""
    if message:
        ui.label(message).props("role=status")
    _draw_counts(status)
    limits = (
        ("at most", spec.get("maxTrialCount")),
        ("at once", spec.get("parallelTrialCount")),
        ("may fail", spec.get("maxFailedTrialCount")),
    )
    ui.label(", ".join(f"{value} {word}" for word, value in limits if value is not None))
    _draw_goal(experiment)
    begun, ended = status.get("startTime"), status.get("completionTime")
    if begun:
        seconds = ((parse_time(ended) if ended else now) - parse_time(begun)).total_seconds()
        ui.label(f"Started {begun}, {'took' if ended else 'for'} {looks.length(seconds)}")


def _draw_bar(progress: Progress) -> None:
    words = f"{progress.ended:,} ended"
    if progress.budget:
        words = f"{counted(progress.ended, progress.budget)} ended"
    if progress.seconds_left:
        words += f", about {looks.length(progress.seconds_left)} left at the present rate"
    ui.label(words)
    if progress.share is not None:
        ui.linear_progress(round(progress.share, 4), show_value=False).props(
            f'aria-label="{words}"'
        )


def _draw_counts(status: Manifest) -> None:
    with ui.row().classes("gap-4"):
        for field, label in _COUNTS:
            count = int(status.get(field) or 0)
            if count or field in _ALWAYS:
                with ui.column().classes("gap-0"):
                    ui.label(f"{count:,}").classes("text-h6")
                    ui.label(label).classes("text-caption")


def _draw_goal(experiment: Manifest) -> None:
    objective = (experiment.get("spec") or {}).get("objective") or {}
    metric, kind = objective.get("objectiveMetricName"), objective.get("type", "")
    if objective.get("goal") is None:
        ui.label(f"Objective: {kind} {metric}, without a goal")
        return
    best, text = looks.best_value(experiment)
    told = f"Goal: {metric} {_SIGNS.get(kind, '')} {looks.number(objective['goal'])}"
    ui.label(f"{told}; the best is {text}" if text and best == best else told)
