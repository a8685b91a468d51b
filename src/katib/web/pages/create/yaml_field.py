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
        self._form, self._label, self._place, self._height = form, label, place, height
        self._is_drawing = False
        self._editor: ui.codemirror | None = None
        self._box = ui.column().classes("w-full gap-1")
        self._box.set_visibility(False)
        form.follow(self._draw, self._box)

    def set_visibility(self, is_seen: bool) -> None:
        """Show it or not; an editor that nobody has seen yet is not made."""
        self._box.set_visibility(is_seen)
        if is_seen and self._editor is None:
            with self._box:
                self._editor = ui.codemirror("", language="YAML", on_change=self._typed)
                self._editor.classes("w-full katib-editor").style(f"height: {self._height}")
                self._editor.props(f'aria-label="{self._label}"')
                self._problem = ui.label().classes("text-negative katib-trouble")
                self._problem.props("role=alert").set_visibility(False)
            self._draw()

    def _draw(self) -> None:
        found = self._place.read(self._form.draft.document)
        if self._editor is None or found == self._parsed(self._editor):
            return
        self._is_drawing = True
        try:
            shown = dump_yaml(found, is_sorted=False) if isinstance(found, dict) else ""
            self._editor.set_value(shown)
            self._tell("")
        finally:
            self._is_drawing = False

    def _typed(self) -> None:
        if self._is_drawing or self._editor is None:
            return
        text, problem = self._editor.value or "", ""
        try:
            found = parse(text) if text.strip() else None
        except ManifestError as error:
            problem = str(error)
        else:
            self._form.draft.put(self._place, found)
        self._tell(problem)

    def _tell(self, problem: str) -> None:
        self._problem.set_text(problem)
        self._problem.set_visibility(bool(problem))

    @staticmethod
    def _parsed(editor: ui.codemirror) -> Any:
        text = editor.value or ""
        try:
            return parse(text) if text.strip() else None
        except ManifestError:
            # Nothing is like it: the document is shown when it changes next.
            return object()
