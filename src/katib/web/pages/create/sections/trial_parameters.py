"""The trial parameters: what each placeholder of the template stands for."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from nicegui import ui

from katib.api.values import Manifest
from katib.web.pages.create.document import Path, read, read_list, write
from katib.web.pages.create.form import Form
from katib.web.pages.create.places import Named, Place
from katib.web.pages.create.widgets import button, choice, entry, trouble

WAY: Path = ("spec", "trialTemplate", "trialParameters")
_PLACEHOLDER = re.compile(r"\$\{trialParameters\.([^}]+)\}")

#: What a trial parameter may stand for besides a parameter.
_METADATA = (
    "${trialSpec.Name}",
    "${trialSpec.Namespace}",
    "${trialSpec.Kind}",
    "${trialSpec.APIVersion}",
)

#: What trials of an architecture search are told.
_ARCHITECTURE = ("architecture", "nn_config")


def find_placeholders(text: str) -> Sequence[str]:
    """The names in a template's placeholders, in order, each once."""
    return list(dict.fromkeys(_PLACEHOLDER.findall(text)))


def text_of(document: Manifest) -> str:
    """The text of a template that stands in the document itself."""
    spec = read(document, ("spec", "trialTemplate", "trialSpec"))
    return "" if spec is None else json.dumps(spec, default=str, ensure_ascii=False)


def list_references(document: Manifest) -> Sequence[str]:
    """What a trial parameter may stand for."""
    listed = read_list(document, ("spec", "parameters"))
    found = [one["name"] for one in listed if isinstance(one, dict) and one.get("name")]
    more = _ARCHITECTURE if read(document, ("spec", "nasConfig")) is not None else ()
    return [*map(str, found), *more, *_METADATA]


def derive(document: Manifest, text: str, aside: dict[str, Any]) -> Manifest:
    """The document with a trial parameter for each placeholder of a template, and no other.

    Args:
        document: whose trial parameters are kept as they are, where there is a placeholder.
        text: of the template.
        aside: the trial parameters that were taken out; they come back with their placeholders.
    """
    declared: dict[str, Any] = {
        str(one.get("name")): one for one in read_list(document, WAY) if isinstance(one, dict)
    }
    wanted = find_placeholders(text)
    aside |= {name: one for name, one in declared.items() if name not in wanted}
    made = [declared.get(name) or aside.get(name) or _fresh(name, document) for name in wanted]
    kept = [declared[name] for name in declared if name in wanted]
    if [one["name"] for one in kept] != wanted:
        # Those that were there keep their order.
        made = kept + [one for one in made if one["name"] not in declared]
    else:
        made = kept
    return write(document, WAY, made or None)


def _fresh(name: str, document: Manifest) -> Manifest:
    plain = _plain(name)
    for one in list_references(document):
        if _plain(one) == plain:
            return {"name": name, "reference": one}
    return {"name": name}


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


@dataclass(frozen=True, slots=True)
class Deriving:
    """A place of the template: writing there also derives the trial parameters.

    Attributes:
        place: of the template.
        aside: trial parameters that were taken out.
    """

    place: Place
    aside: dict[str, Any] = field(default_factory=dict, compare=False)

    def read(self, document: Manifest) -> Any:
        """See :class:`~katib.web.pages.create.places.Place`."""
        return self.place.read(document)

    def write(self, document: Manifest, value: Any) -> Manifest:
        """See :class:`~katib.web.pages.create.places.Place`."""
        changed = self.place.write(document, value)
        if changed == document:
            return document
        return derive(changed, text_of(changed), self.aside)

    def path(self, document: Manifest) -> str:
        """See :class:`~katib.web.pages.create.places.Place`."""
        return self.place.path(document)


class TrialParameters:
    """A row for each placeholder, and for each trial parameter that the document declares.

    Args:
        form: they belong to.
        find_text: the template's text, wherever it is kept.
    """

    def __init__(self, form: Form, find_text: Callable[[], str]) -> None:
        self._form, self._find_text = form, find_text
        self._shown: tuple[Sequence[str], Sequence[str]] | None = None
        ui.label("Trial parameters").classes("text-subtitle2 w-full")
        trouble(form, lambda: "spec.trialTemplate.trialParameters")
        self._box = ui.column().classes("w-full gap-2")
        form.follow(self._draw, self._box)

    def _draw(self) -> None:
        document = self._form.draft.document
        used = find_placeholders(self._find_text())
        declared = [
            str(one.get("name")) for one in read_list(document, WAY) if isinstance(one, dict)
        ]
        names = list(dict.fromkeys((*used, *declared)))
        wanted = names, list_references(document)
        if wanted == self._shown:
            return
        self._shown = wanted
        self._box.clear()
        with self._box:
            for name in names:
                self._build(name, wanted[1], name in used)
            if not names:
                ui.label("None: the template has no ${trialParameters.NAME}")

    def _build(self, name: str, references: Sequence[str], is_used: bool) -> None:
        with ui.row().classes("w-full katib-row items-start"):
            ui.label(name).classes("katib-mono katib-name")
            place = Named(WAY, name, "reference", is_kept=True)
            choice(self._form, f"{name} refers to", place, references)
            place = Named(WAY, name, "description", is_kept=True)
            entry(self._form, f"Description of {name}", place)
            if not is_used:
                ui.label("not in the template").classes("text-caption self-center")
                button("delete", f"Delete trial parameter {name}", lambda: self._remove(name))

    def _remove(self, name: str) -> None:
        document = self._form.draft.document
        left = [
            one
            for one in read_list(document, WAY)
            if not (isinstance(one, dict) and str(one.get("name")) == name)
        ]
        self._form.draft.replace(write(document, WAY, left or None))
