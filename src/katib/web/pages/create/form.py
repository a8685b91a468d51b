"""Widgets that show places of the document, and the problems that are shown at them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from nicegui import ui
from nicegui.element import Element
from nicegui.elements.mixins.validation_element import ValidationElement
from nicegui.elements.mixins.value_element import ValueElement

from katib.client.backend import Cause
from katib.web.pages.create.draft import Draft
from katib.web.pages.create.places import Place
from katib.web.pages.create.texts import Spelling


@dataclass(frozen=True, slots=True)
class Anchor:
    """Where problems with a field, or with what lies below it, are shown.

    Attributes:
        path: of the field; asked anew each time, since places of lists move.
        element: what shows it; problems go elsewhere while it cannot be seen.
        show: is told all problems, none too.
    """

    path: Callable[[], str]
    element: Element
    show: Callable[[Sequence[str]], None]


class Form:
    """What ties the widgets of a page to its draft.

    Args:
        draft: the document.
        namespace: where the experiment goes when the document does not say.
    """

    def __init__(self, draft: Draft, namespace: str) -> None:
        self.draft, self.namespace = draft, namespace
        self._drawers: list[tuple[Element | None, Callable[[], None]]] = []
        self._anchors: list[Anchor] = []
        self._counters: list[tuple[Sequence[str], Callable[[int], None]]] = []
        self._is_drawing = False
        draft.listen(self.draw)

    def follow(self, draw: Callable[[], None], owner: Element | None = None) -> None:
        """Call it now and after every change; until the element is deleted, if one is given."""
        self._drawers.append((owner, draw))
        draw()

    def bind(self, element: ValueElement[Any], place: Place, spelling: Spelling) -> None:
        """Let a widget show a place, and write what is typed there.

        What is typed stays as it is while it means what the document says.
        """

        def draw() -> None:
            found = place.read(self.draft.document)
            if spelling.parse(element.value) != found:
                shown = spelling.show(found)
                if isinstance(element, ui.select):
                    _offer(element, shown)
                element.set_value(shown)

        def typed(value: Any) -> None:
            if not self._is_drawing:
                self.draft.put(place, spelling.parse(value))

        self.follow(draw, element)
        element.on_value_change(lambda event: typed(event.value))
        if isinstance(element, ValidationElement):
            element.without_auto_validation()
            self.anchor(
                lambda: place.path(self.draft.document), element, lambda told: _mark(element, told)
            )

    def anchor(
        self, path: Callable[[], str], element: Element, show: Callable[[Sequence[str]], None]
    ) -> None:
        """Show problems with a field there."""
        self._anchors.append(Anchor(path, element, show))

    def count(self, paths: Sequence[str], show: Callable[[int], None]) -> None:
        """Tell how many problems there are with fields there, or with what lies below them."""
        self._counters.append((paths, show))

    def draw(self) -> None:
        """Show the document as it is now."""
        if self._is_drawing:
            return
        self._is_drawing = True
        try:
            # Drawing makes rows, and takes others away.
            for owner, draw in list(self._drawers):
                if owner is None or not owner.is_deleted:
                    draw()
            self._forget()
        finally:
            self._is_drawing = False

    def show(self, problems: Sequence[Cause]) -> None:
        """Show each problem at the nearest field that is seen."""
        self._forget()
        places = [(one.path(), one) for one in self._anchors if _is_seen(one.element)]
        told: dict[int, list[str]] = {}
        for problem in problems:
            fitting = [place for place in places if _holds(place[0], problem.field)]
            if fitting:
                # Of two that are as near, the latter: a field comes after its section.
                path, anchor = max(reversed(fitting), key=lambda place: len(place[0]))
                rest = problem.field[len(path) :].lstrip(".")
                text = f"{rest}: {problem.message}" if rest else problem.message
                told.setdefault(id(anchor), []).append(text)
        for anchor in self._anchors:
            anchor.show(told.get(id(anchor), ()))
        for paths, tell in self._counters:
            tell(sum(any(_holds(path, one.field) for path in paths) for one in problems))

    def rest(self, problems: Sequence[Cause]) -> Sequence[str]:
        """The problems that belong to no field."""
        places = [one.path() for one in self._anchors if _is_seen(one.element)]
        return [
            f"{one.field}: {one.message}" if one.field else one.message
            for one in problems
            if not any(_holds(path, one.field) for path in places)
        ]

    def _forget(self) -> None:
        """What was deleted is not drawn again."""
        self._drawers = [one for one in self._drawers if one[0] is None or not one[0].is_deleted]
        self._anchors = [one for one in self._anchors if not one.element.is_deleted]


def _holds(path: str, field: str) -> bool:
    return field.startswith(path) and (
        not path or field[len(path) : len(path) + 1] in ("", ".", "[")
    )


def _is_seen(element: Element) -> bool:
    return all(one.visible for one in (element, *element.ancestors()))


def _mark(element: ValidationElement[Any], told: Sequence[str]) -> None:
    element.error = "; ".join(told) or None


def _offer(element: ui.select, value: Any) -> None:
    """Have a value among those to choose from; a document may have others than we offer."""
    options = element.options
    if value and value not in options:
        more = [*options, value] if isinstance(options, list) else {**options, value: str(value)}
        element.set_options(more)
