"""The search space: a table of parameters, which operations of architectures have, too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from nicegui import ui
from nicegui.element import Element

from katib.api import names
from katib.api.values import Manifest
from katib.web.pages.create.document import Path, read, read_list, read_map, write
from katib.web.pages.create.form import Form
from katib.web.pages.create.places import At
from katib.web.pages.create.sections.surroundings import Surroundings
from katib.web.pages.create.texts import LIST
from katib.web.pages.create.widgets import Rows, button, choice, entry, section

_TYPES: Mapping[str, str] = {
    names.DOUBLE: "Double",
    names.INT: "Integer",
    names.DISCRETE: "Discrete",
    names.CATEGORICAL: "Categorical",
}
_DISTRIBUTIONS: Mapping[str, str] = {
    "uniform": "Uniform",
    "logUniform": "Log uniform",
    "normal": "Normal",
    "logNormal": "Log normal",
}
_RANGES = (names.DOUBLE, names.INT)
_LISTS = (names.DISCRETE, names.CATEGORICAL)
_NEW: Manifest = {
    "parameterType": names.INT,
    "feasibleSpace": {"min": "1", "max": "64", "step": "1"},
}


@dataclass(frozen=True, slots=True)
class Type:
    """The type of a parameter. A range is no list: each kind's space is kept aside for the other.

    Attributes:
        way: to the parameter.
    """

    way: Path
    _aside: dict[tuple[str, bool], Any] = field(default_factory=dict, compare=False)

    def read(self, document: Manifest) -> Any:
        """See :class:`~katib.web.pages.create.places.Place`."""
        return read(document, (*self.way, "parameterType"))

    def write(self, document: Manifest, value: Any) -> Manifest:
        """See :class:`~katib.web.pages.create.places.Place`."""
        before, name = self.read(document), str(read(document, (*self.way, "name")))
        changed = write(document, (*self.way, "parameterType"), value)
        if (before in _LISTS) == (value in _LISTS):
            return changed
        space = (*self.way, "feasibleSpace")
        self._aside[name, before in _LISTS] = read(document, space)
        return write(changed, space, self._aside.get((name, value in _LISTS)))

    def path(self, document: Manifest) -> str:
        """See :class:`~katib.web.pages.create.places.Place`."""
        return At((*self.way, "parameterType")).path(document)


def count_combinations(parameters: Any) -> int | None:
    """How many points a search space has; ``None`` when a range has no steps, or is wrong."""
    count = 1
    for one in parameters:
        values = _count(one)
        if values is None:
            return None
        count *= values
    return count if parameters else None


def _count(parameter: Any) -> int | None:
    if read(parameter, ("parameterType",)) in _LISTS:
        return len(read_list(parameter, ("feasibleSpace", "list"))) or None
    space = read_map(parameter, ("feasibleSpace",))
    try:
        low, high, step = (Decimal(str(space[name])) for name in ("min", "max", "step"))
    except (KeyError, InvalidOperation):
        return None
    if not (low.is_finite() and high.is_finite() and step.is_finite()) or step <= 0 or high < low:
        return None
    return int((high - low) / step) + 1


class ParameterTable:
    """The parameters that stand there in the document.

    Args:
        form: they belong to.
        way: to their list.
    """

    def __init__(self, form: Form, way: Path) -> None:
        self._form, self._way = form, way
        self._rows = Rows(form, way, self._build, "Parameter")
        ui.button("Add parameter", icon="add", on_click=self._add).props("flat dense no-caps")

    def _add(self) -> None:
        taken = {one.get("name") for one in self._listed() if isinstance(one, dict)}
        self._rows.add({"name": _fresh_name("parameter", taken), **_NEW})

    def _duplicate(self, index: int) -> None:
        taken = {one.get("name") for one in self._listed() if isinstance(one, dict)}
        found = read(self._form.draft.document, (*self._way, index))
        copy = {**found, "name": _fresh_name(str(found.get("name") or "parameter"), taken)}
        self._rows.add(copy, index + 1)

    def _listed(self) -> Any:
        return read_list(self._form.draft.document, self._way)

    def _build(self, index: int) -> None:
        form, way = self._form, (*self._way, index)
        space = (*way, "feasibleSpace")
        entry(form, "Name", At((*way, "name")))
        kind = Type(way)
        choice(form, "Type", kind, _TYPES)
        ranges: list[Element] = [
            entry(form, "Min", At((*space, "min"))),
            entry(form, "Max", At((*space, "max"))),
            entry(form, "Step", At((*space, "step"))),
            choice(form, "Distribution", At((*space, "distribution")), _DISTRIBUTIONS),
        ]
        choices = entry(form, "Values", At((*space, "list")), LIST, hint="With commas between them")
        button("content_copy", f"Duplicate parameter {index + 1}", lambda: self._duplicate(index))
        button("delete", f"Delete parameter {index + 1}", lambda: self._rows.remove(index))

        def draw() -> None:
            type = kind.read(form.draft.document)
            choices.set_visibility(type not in _RANGES)
            for one in ranges:
                one.set_visibility(type not in _LISTS)

        form.follow(draw, choices)


def _fresh_name(name: str, taken: Any) -> str:
    stem, number = name, 2
    while name in taken:
        name, number = f"{stem}-{number}", number + 1
    return name


def build(form: Form, around: Surroundings) -> None:
    """Make the section."""
    with section(form, "Parameters", "spec.parameters") as part:
        ParameterTable(form, ("spec", "parameters"))
        told = ui.label().classes("w-full").props("role=status")

    def draw() -> None:
        document = form.draft.document
        part.set_visibility(read(document, ("spec", "nasConfig")) is None)
        count = count_combinations(read_list(document, ("spec", "parameters")))
        words = "1 combination" if count == 1 else f"{count:,} combinations" if count else ""
        told.set_text(words)

    form.follow(draw)
