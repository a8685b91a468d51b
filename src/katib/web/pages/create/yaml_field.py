"""A part of the document as YAML."""

from __future__ import annotations

from typing import Any

from nicegui import ui

from katib.api.codec import dump_yaml
from katib.errors import ManifestError
from katib.web.pages.create.draft import parse
from katib.web.pages.create.form import Form
from katib.web.pages.create.places import Place


class YamlField:
    """An editor of a part of the document that is a map. What is no YAML changes nothing.

    Args:
        form: it belongs to.
        label: for those who do not see it.
        place: of the map.
        height: of the editor, as CSS has it.
    """

    def __init__(self, form: Form, label: str, place: Place, height: str = "20rem") -> None:
        self._form, self._place = form, place
        self._is_drawing = False
        with ui.column().classes("w-full gap-1"):
            self._editor = ui.codemirror("", language="YAML", on_change=self._typed)
            self._editor.classes("w-full katib-editor").style(f"height: {height}")
            self._editor.props(f'aria-label="{label}"')
            self._problem = ui.label().classes("text-negative katib-trouble").props("role=alert")
        form.follow(self._draw, self._editor)

    def _draw(self) -> None:
        found = self._place.read(self._form.draft.document)
        if found == self._parsed():
            return
        self._is_drawing = True
        try:
            shown = dump_yaml(found, is_sorted=False) if isinstance(found, dict) else ""
            self._editor.set_value(shown)
            self._problem.set_text("")
        finally:
            self._is_drawing = False

    def _typed(self) -> None:
        if self._is_drawing:
            return
        text, problem = self._editor.value or "", ""
        try:
            found = parse(text) if text.strip() else None
        except ManifestError as error:
            problem = str(error)
        else:
            self._form.draft.put(self._place, found)
        self._problem.set_text(problem)

    def _parsed(self) -> Any:
        text = self._editor.value or ""
        try:
            return parse(text) if text.strip() else None
        except ManifestError:
            # Nothing is like it: the document is shown when it changes next.
            return object()
