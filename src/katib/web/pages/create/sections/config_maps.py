"""Trial templates that are kept in ConfigMaps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import yaml
from nicegui import background_tasks, ui

from katib.admission.defaulting import conditions_of
from katib.api.values import Manifest
from katib.client.requests import core_path
from katib.errors import KatibError
from katib.web.pages.create.document import Path, read, write
from katib.web.pages.create.form import Form
from katib.web.pages.create.places import At
from katib.web.pages.create.sections.surroundings import Surroundings
from katib.web.pages.create.widgets import choice
from katib.web.rights import Deed
from katib.web.shell import computed

_TEMPLATE: Path = ("spec", "trialTemplate")
WAY: Path = (*_TEMPLATE, "configMap")

#: What tells ConfigMaps with trial templates from others.
LABEL = "katib.kubeflow.org/component=trial-templates"

#: Namespace and name → the template of each path.
Templates = Mapping[tuple[str, str], Mapping[str, str]]


def find_templates(around: Surroundings) -> Templates:
    """The ConfigMaps with templates that the visitor may see.

    Raises:
        KatibError: nobody answers.
    """
    found: dict[tuple[str, str], Mapping[str, str]] = {}
    for namespace in around.namespaces:
        if not around.site.may(around.visitor, Deed("list", "configmaps", namespace)):
            continue
        path = core_path("configmaps", namespace, query={"labelSelector": LABEL})
        for one in around.site.backend.ask("GET", path).get("items") or ():
            found[namespace, one["metadata"]["name"]] = one.get("data") or {}
    return found


class ConfigMaps:
    """The choice of a template.

    Args:
        form: it belongs to.
        around: it.
    """

    def __init__(self, form: Form, around: Surroundings) -> None:
        self._form, self._around = form, around
        self._templates: Templates = {}
        self._problem = ui.label().classes("w-full").props("role=status")
        with ui.row().classes("w-full gap-3 items-start"):
            self._namespace = choice(form, "Namespace of the ConfigMap", At((*WAY, _FIELDS[0])), [])
            self._name = choice(form, "ConfigMap", At((*WAY, _FIELDS[1])), [])
            self._path = choice(form, "Path of the template", At((*WAY, _FIELDS[2])), [])
        self._text = ui.code("", language="yaml").classes("w-full")
        form.follow(self._draw, self._text)
        background_tasks.create(self._load(), name="trial templates")

    def choose(self) -> bool:
        """Use the first template there is, in place of what is there; whether there is one."""
        for (namespace, name), data in self._templates.items():
            for path, text in data.items():
                values = dict(zip(_FIELDS, (namespace, name, path), strict=True))
                changed = write(self._form.draft.document, WAY, values)
                changed = write(changed, (*_TEMPLATE, "trialSpec"), None)
                self._form.draft.replace(_with_conditions(changed, text))
                return True
        return False

    def find_text(self) -> str:
        """The text of the template that the document names; empty when it is not known."""
        place = read(self._form.draft.document, WAY)
        if not isinstance(place, dict):
            return ""
        namespace, name, path = (str(place.get(field) or "") for field in _FIELDS)
        return str(self._templates.get((namespace, name), {}).get(path) or "")

    async def _load(self) -> None:
        try:
            self._templates = await computed(find_templates, self._around)
        except KatibError as error:
            problem = str(error)
        else:
            problem = (
                "" if self._templates else f"You can read no ConfigMap with the label {LABEL}."
            )
        if not self._text.is_deleted:
            self._problem.set_text(problem)
            self._form.draw()

    def _draw(self) -> None:
        document: Manifest = self._form.draft.document
        namespace, name = (str(read(document, (*WAY, one)) or "") for one in _FIELDS[:2])
        _offer(self._namespace, list(dict.fromkeys(where for where, _ in self._templates)))
        _offer(self._name, [one for where, one in self._templates if where == namespace])
        _offer(self._path, list(self._templates.get((namespace, name), {})))
        self._text.set_content(self.find_text())


def _with_conditions(document: Manifest, text: str) -> Manifest:
    """The document with what ends a run of this template, if that is known and not yet said.

    The engine takes it from no ConfigMap, whose text may change later.
    """
    try:
        template = yaml.safe_load(text)
    except yaml.YAMLError:
        return document
    found = conditions_of(str(template.get("kind"))) if isinstance(template, dict) else None
    for field, condition in zip(
        ("successCondition", "failureCondition"), found or (), strict=False
    ):
        if not read(document, (*_TEMPLATE, field)):
            document = write(document, (*_TEMPLATE, field), condition)
    return document


_FIELDS = ("configMapNamespace", "configMapName", "templatePath")


def _offer(element: ui.select, options: Sequence[str]) -> None:
    present = [element.value] if element.value and element.value not in options else []
    if [*options, *present] != element.options:
        element.set_options([*options, *present])
