"""How metrics are collected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nicegui import ui
from nicegui.element import Element

from katib.api.values import Manifest
from katib.web.pages.create.document import read, write
from katib.web.pages.create.form import Form
from katib.web.pages.create.places import At
from katib.web.pages.create.sections.surroundings import Surroundings
from katib.web.pages.create.texts import LINES, WHOLE
from katib.web.pages.create.widgets import Rows, area, button, choice, entry, section
from katib.web.pages.create.yaml_field import YamlField

_PATH = ("spec", "metricsCollectorSpec")
_SOURCE = (*_PATH, "source")
_FILE, _HTTP = (*_SOURCE, "fileSystemPath"), (*_SOURCE, "httpGet")
_CUSTOM = (*_PATH, "collector", "customCollector")
_KINDS: Mapping[str, str] = {
    "StdOut": "What the program prints",
    "File": "A file",
    "TensorFlowEvent": "TensorFlow events",
    "PrometheusMetric": "Prometheus",
    "Push": "The program reports them itself",
    "Custom": "A container of your own",
}
_SOURCES: Mapping[str, Manifest] = {
    "File": {
        "source": {
            "fileSystemPath": {
                "path": "/var/log/katib/metrics.log",
                "kind": "File",
                "format": "TEXT",
            }
        }
    },
    "TensorFlowEvent": {
        "source": {"fileSystemPath": {"path": "/var/log/katib/tfevent/", "kind": "Directory"}}
    },
    "PrometheusMetric": {
        "source": {"httpGet": {"port": 8080, "path": "/metrics", "scheme": "HTTP"}}
    },
    "Custom": {
        "collector": {
            "customCollector": {
                "name": "metrics-collector",
                "image": "<collector-image>",
                "resources": {},
            }
        }
    },
}


@dataclass(frozen=True, slots=True)
class Kind:
    """The kind of the collector; each has fields of its own, and those of before are kept aside."""

    _aside: dict[str, Any] = field(default_factory=dict, compare=False)

    def read(self, document: Manifest) -> Any:
        """See :class:`~katib.web.pages.create.places.Place`."""
        return read(document, (*_PATH, "collector", "kind"))

    def write(self, document: Manifest, value: Any) -> Manifest:
        """See :class:`~katib.web.pages.create.places.Place`."""
        before = self.read(document)
        if value == before:
            return document
        self._aside[str(before)] = read(document, _PATH)
        known = self._aside.get(str(value)) or _SOURCES.get(str(value)) or {}
        collector = {"kind": value, **(known.get("collector") or {})} if value else {}
        found = {**known, "collector": {**collector, "kind": value}} if value else None
        return write(document, _PATH, found)

    def path(self, document: Manifest) -> str:
        """See :class:`~katib.web.pages.create.places.Place`."""
        return At((*_PATH, "collector", "kind")).path(document)


def build(form: Form, around: Surroundings) -> None:
    """Make the section."""
    with section(form, "Metrics collector", "spec.metricsCollectorSpec", is_open=False):
        kind = Kind()
        hint = "What the program prints, if not chosen"
        choice(form, "Collector", kind, _KINDS, hint=hint).props("clearable")
        place = At((*_FILE, "path"))
        path = entry(form, "Path", place, hint="Of the file or folder")
        what = choice(form, "What it is", At((*_FILE, "kind")), ["File", "Directory"])
        format = choice(form, "Format", At((*_FILE, "format")), ["TEXT", "JSON"])
        endpoint = _build_endpoint(form)
        custom = YamlField(form, "Container of the collector as YAML", At(_CUSTOM), "14rem")
        place = At((*_SOURCE, "filter", "metricsFormat"))
        hint = "A regular expression with two groups, for name and value; a line for each"
        filters = area(form, "Filters", place, LINES, hint=hint)
    shown: Mapping[Element | YamlField, tuple[str, ...]] = {
        path: ("File", "TensorFlowEvent", "Custom"),
        what: ("Custom",),
        format: ("File",),
        endpoint: ("PrometheusMetric",),
        custom: ("Custom",),
        filters: ("StdOut", "File", "Custom"),
    }

    def draw() -> None:
        found = kind.read(form.draft.document) or "StdOut"
        for element, kinds in shown.items():
            element.set_visibility(found in kinds)

    form.follow(draw)


def _build_endpoint(form: Form) -> Element:
    with ui.row().classes("w-full gap-3 items-start") as box:
        entry(form, "Port", At((*_HTTP, "port")), WHOLE)
        entry(form, "HTTP path", At((*_HTTP, "path")))
        choice(form, "Scheme", At((*_HTTP, "scheme")), ["HTTP", "HTTPS"])
        hint = "The program's own if empty"
        entry(form, "Host", At((*_HTTP, "host")), hint=hint)
        way = (*_HTTP, "httpHeaders")

        def build(index: int) -> None:
            entry(form, "Header", At((*way, index, "name")))
            entry(form, "Value", At((*way, index, "value")))
            button("delete", f"Delete header {index + 1}", lambda: rows.remove(index))

        rows = Rows(form, way, build, "Header")
        ui.button("Add header", icon="add", on_click=lambda: rows.add({"name": ""})).props(
            "flat dense no-caps"
        )
    return box
