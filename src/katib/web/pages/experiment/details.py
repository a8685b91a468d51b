"""What an experiment is made of: objective, algorithm, parameters, template."""

from __future__ import annotations

from collections.abc import Sequence

from nicegui import ui

from katib.api.codec import dump_yaml
from katib.api.values import Manifest
from katib.web.comparing import describe_space
from katib.web.pages.experiment.subject import Subject


class Details:
    """The tab of the specification."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._drawn: Manifest | None = None

    def build(self) -> None:
        """Make what does not change."""
        self._content = ui.column().classes("w-full gap-3")

    async def draw(self) -> None:
        """Draw the specification, when it has changed."""
        experiment = self._subject.find()
        if experiment is None or experiment.get("spec") == self._drawn:
            return
        self._drawn = experiment.get("spec") or {}
        self._content.clear()
        with self._content:
            _draw(self._drawn)


def _draw(spec: Manifest) -> None:
    objective, algorithm = spec.get("objective") or {}, spec.get("algorithm") or {}
    stopping = spec.get("earlyStopping") or {}
    collector = ((spec.get("metricsCollectorSpec") or {}).get("collector") or {}).get("kind")
    more = ", ".join(objective.get("additionalMetricNames") or ()) or "No additional metrics"
    _draw_list(
        "Objective",
        [
            ("Metric", objective.get("objectiveMetricName", "")),
            ("Type", objective.get("type", "")),
            ("Goal", str(objective.get("goal", "none"))),
            ("Additional metrics", more),
        ],
    )
    _draw_list("Algorithm", [("Name", algorithm.get("algorithmName", "")), *_settings(algorithm)])
    if stopping:
        named = ("Name", stopping.get("algorithmName", ""))
        _draw_list("Early stopping", [named, *_settings(stopping)])
    _draw_list("Metrics collector", [("Kind", collector or "StdOut")])
    _draw_list(
        "Parameters",
        [(one.get("name", ""), describe_space(one)) for one in spec.get("parameters") or ()],
    )
    if spec.get("nasConfig"):
        _draw_yaml("Architecture space", spec["nasConfig"])
    _draw_yaml("Trial template", spec.get("trialTemplate") or {})


def _settings(algorithm: Manifest) -> list[tuple[str, str]]:
    return [
        (str(one.get("name")), str(one.get("value")))
        for one in algorithm.get("algorithmSettings") or ()
    ]


def _draw_list(title: str, pairs: Sequence[tuple[str, str]]) -> None:
    if not pairs:
        return
    with ui.card().props("flat bordered").classes("w-full gap-1"):
        ui.label(title).classes("text-subtitle1").props("role=heading aria-level=2")
        for name, value in pairs:
            with ui.row().classes("gap-2"):
                ui.label(name).classes("text-weight-medium")
                ui.label(value).classes("katib-mono")


def _draw_yaml(title: str, document: Manifest) -> None:
    with ui.card().props("flat bordered").classes("w-full"):
        ui.label(title).classes("text-subtitle1").props("role=heading aria-level=2")
        ui.code(dump_yaml(document), language="yaml").classes("w-full")
