"""How a trial's run is made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nicegui import ui
from nicegui.element import Element

from katib.web.pages.create.document import read, write
from katib.web.pages.create.form import Form
from katib.web.pages.create.places import At
from katib.web.pages.create.sections import config_maps
from katib.web.pages.create.sections.command import IMAGE, TRIAL_SPEC, Command, find_command
from katib.web.pages.create.sections.config_maps import ConfigMaps
from katib.web.pages.create.sections.surroundings import Surroundings
from katib.web.pages.create.sections.trial_parameters import Deriving, TrialParameters, text_of
from katib.web.pages.create.texts import PAIRS
from katib.web.pages.create.widgets import area, entry, flag, section, trouble
from katib.web.pages.create.yaml_field import YamlField

_PATH = ("spec", "trialTemplate")
_COMMAND, _YAML, _CONFIG_MAP = "Command line", "YAML", "ConfigMap"


def build(form: Form, around: Surroundings) -> None:
    """Make the section."""
    with section(form, "Trial template", "spec.trialTemplate"):
        source = _Source(form, around)
        TrialParameters(form, source.find_text)
        place = At((*_PATH, "primaryContainerName"))
        hint = "Whose end and whose metrics count"
        entry(form, "Primary container", place, hint=hint)
        _build_more(form)


def _build_more(form: Form) -> None:
    with (
        ui.expansion("Pods and conditions").classes("w-full").props("dense"),
        ui.row().classes("w-full gap-3 items-start"),
    ):
        place = At((*_PATH, "primaryPodLabels"))
        hint = "Of the pod with the primary container; a line name=value for each"
        area(form, "Pod labels", place, PAIRS, hint=hint)
        for field, label in (("success", "Success"), ("failure", "Failure")):
            place = At((*_PATH, f"{field}Condition"))
            hint = "Those of a Job and of the kinds of Kubeflow are known"
            area(form, f"{label} condition", place, hint=hint)
        flag(form, "Retain the runs of trials", At((*_PATH, "retain")))


class _Source:
    """Where the template comes from: three views, of which one is seen."""

    def __init__(self, form: Form, around: Surroundings) -> None:
        self._form, self._aside = form, dict[str, Any]()
        self._was = _find_source(form)
        self._toggle = ui.radio([_COMMAND, _YAML, _CONFIG_MAP], value=self._was)
        self._toggle.classes("w-full").props('inline dense aria-label="Source of the template"')
        removed: dict[str, Any] = {}
        with ui.row().classes("w-full gap-3 items-start") as command:
            place = Deriving(Command(), removed)
            hint = "${trialParameters.NAME} stands for a value"
            area(form, "Command", place, hint=hint)
            hint = "Not used on this machine" if around.is_one_machine else "Of the container"
            entry(form, "Image", At(IMAGE), hint=hint)
        label = "Manifest of a trial's run as YAML"
        manifest = YamlField(form, label, Deriving(At(TRIAL_SPEC), removed))
        with ui.column().classes("w-full gap-1") as kept:
            self._maps = ConfigMaps(form, around)
        self._views: Mapping[str, Element | YamlField] = {
            _COMMAND: command,
            _YAML: manifest,
            _CONFIG_MAP: kept,
        }
        trouble(form, lambda: "spec.trialTemplate.trialSpec")
        form.follow(self._draw, self._toggle)
        self._toggle.on_value_change(lambda event: self._turn(event.value))

    def find_text(self) -> str:
        """The template's text, wherever it is kept."""
        return text_of(self._form.draft.document) or self._maps.find_text()

    def _draw(self) -> None:
        """Follow what others have made of the template; not what is typed in one of the views."""
        found, view = _find_source(self._form), self._toggle.value
        has_left = self._was == _COMMAND and found == _YAML and view == _COMMAND
        if (_CONFIG_MAP in (found, self._was) and found != self._was) or has_left:
            self._toggle.set_value(found)
        self._was = found
        self._show()

    def _turn(self, wanted: str) -> None:
        draft, found = self._form.draft, _find_source(self._form)
        if wanted == _CONFIG_MAP and found != _CONFIG_MAP:
            self._aside[_YAML] = read(draft.document, TRIAL_SPEC)
            self._maps.choose()
        elif wanted != _CONFIG_MAP and found == _CONFIG_MAP and self._aside.get(_YAML):
            without = write(draft.document, config_maps.WAY, None)
            draft.replace(write(without, TRIAL_SPEC, self._aside[_YAML]))
        self._toggle.set_value(wanted)
        self._show()

    def _show(self) -> None:
        for name, view in self._views.items():
            view.set_visibility(name == self._toggle.value)


def _find_source(form: Form) -> str:
    document = form.draft.document
    if read(document, config_maps.WAY) is not None:
        return _CONFIG_MAP
    return _YAML if find_command(document) is None else _COMMAND
