"""What neural architectures are searched: the outline of the network, and its operations."""

from __future__ import annotations

from nicegui import ui

from katib.web.pages.create.document import read
from katib.web.pages.create.form import Form
from katib.web.pages.create.places import At
from katib.web.pages.create.sections.parameters import ParameterTable
from katib.web.pages.create.sections.surroundings import Surroundings
from katib.web.pages.create.texts import WHOLE, WHOLES
from katib.web.pages.create.widgets import Rows, button, entry, section

_PATH = ("spec", "nasConfig")
_GRAPH, _OPERATIONS = (*_PATH, "graphConfig"), (*_PATH, "operations")


def build(form: Form, around: Surroundings) -> None:
    """Make the sections of the graph and of the operations."""
    with section(form, "Neural architecture graph", "spec.nasConfig.graphConfig") as graph:
        entry(form, "Number of layers", At((*_GRAPH, "numLayers")), WHOLE)
        hint = "Height, width, channels, with commas between them"
        entry(form, "Input sizes", At((*_GRAPH, "inputSizes")), WHOLES, hint=hint)
        entry(form, "Output sizes", At((*_GRAPH, "outputSizes")), WHOLES, hint="How many classes")
    with section(form, "Neural architecture operations", "spec.nasConfig") as operations:
        _Operations(form)

    def draw() -> None:
        is_nas = read(form.draft.document, _PATH) is not None
        graph.set_visibility(is_nas)
        operations.set_visibility(is_nas)

    form.follow(draw)


class _Operations:
    """The list of operations, each with a table of parameters."""

    def __init__(self, form: Form) -> None:
        self._form = form
        self._rows = Rows(form, _OPERATIONS, self._build, "Operation")
        ui.button("Add operation", icon="add", on_click=self._add).props("flat dense no-caps")

    def _add(self) -> None:
        self._rows.add({"operationType": "convolution"})

    def _build(self, index: int) -> None:
        way = (*_OPERATIONS, index)
        entry(self._form, "Operation type", At((*way, "operationType")))
        button("delete", f"Delete operation {index + 1}", lambda: self._rows.remove(index))
        with ui.column().classes("w-full q-pl-md"):
            ParameterTable(self._form, (*way, "parameters"))
