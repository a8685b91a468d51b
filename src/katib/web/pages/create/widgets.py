"""The widgets of the form: fields that show a place of the document, sections, and rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

from nicegui import ui
from nicegui.element import Element
from nicegui.elements.mixins.value_element import ValueElement

from katib.web.pages.create.document import Path, format_path, read_list, write
from katib.web.pages.create.form import Form
from katib.web.pages.create.places import Place
from katib.web.pages.create.texts import CHOICE, FLAG, TEXT, Spelling

W = TypeVar("W", bound=ValueElement[Any])

_FIELD = "dense outlined hide-bottom-space"


def entry(
    form: Form,
    label: str,
    place: Place,
    spelling: Spelling = TEXT,
    *,
    hint: str = "",
) -> ui.input:
    """A field of one line.

    Args:
        form: it belongs to.
        label: of it.
        place: what it shows.
        spelling: of its values.
        hint: stands below it.
    """
    made = ui.input(label).classes("katib-field").props(_FIELD)
    return _bound(form, made, place, spelling, hint)


def area(
    form: Form,
    label: str,
    place: Place,
    spelling: Spelling = TEXT,
    *,
    hint: str = "",
) -> ui.textarea:
    """A field of several lines; see :func:`entry`."""
    made = ui.textarea(label).classes("katib-wide")
    made.props(f"{_FIELD} autogrow spellcheck=false input-class=katib-mono")
    return _bound(form, made, place, spelling, hint)


def choice(
    form: Form,
    label: str,
    place: Place,
    options: Sequence[str] | Mapping[str, str],
    *,
    hint: str = "",
) -> ui.select:
    """A field to choose in.

    Args:
        form: it belongs to.
        label: of it.
        place: what it shows.
        options: what can be chosen, or what can be with the words for it.
        hint: stands below it.
    """
    listed = dict(options) if isinstance(options, Mapping) else list(options)
    made = ui.select(listed, label=label).classes("katib-field")
    made.props(f"{_FIELD} options-dense")
    return _bound(form, made, place, CHOICE, hint)


def flag(form: Form, label: str, place: Place) -> ui.checkbox:
    """A box to tick."""
    made = ui.checkbox(label)
    form.bind(made, place, FLAG)
    return made


def _bound(form: Form, made: W, place: Place, spelling: Spelling, hint: str) -> W:
    if hint:
        made.props["hint"] = hint
    form.bind(made, place, spelling)
    return made


def trouble(form: Form, path: Callable[[], str]) -> ui.label:
    """A line for problems with what has no field of its own there."""
    made = ui.label().classes("text-negative katib-trouble w-full").props("role=alert")

    def show(told: Sequence[str]) -> None:
        made.set_text("\n".join(told))
        # Not by its visibility, which says whether problems can be told here.
        made.classes(add="" if told else "hidden", remove="hidden" if told else "")

    show(())
    form.anchor(path, made, show)
    return made


@contextmanager
def section(form: Form, title: str, *paths: str, is_open: bool = True) -> Iterator[ui.expansion]:
    """A part of the form under a heading, which says how many problems there are inside.

    Args:
        form: it belongs to.
        title: the heading.
        paths: the fields that the part is about, with all that lies below them.
        is_open: whether it is, at first.
    """
    made = ui.expansion(title, value=is_open).classes("w-full katib-section")
    made.props(f'header-class=katib-heading dense role=group aria-label="{title}"')
    with made, ui.row().classes("w-full gap-3 items-start"):
        for path in paths:
            trouble(form, partial(str, path))
        yield made

    def tell(count: int) -> None:
        words = "1 problem" if count == 1 else f"{count} problems"
        made.set_text(f"{title}: {words}" if count else title)
        made.props["header-class"] = "katib-heading" + (" katib-wrong" if count else "")

    form.count(paths, tell)


class Rows:
    """As many rows as a list of the document has entries.

    Args:
        form: they belong to.
        way: to the list.
        build: makes the row of a place of the list, into the open container.
        noun: what an entry is; its row is known by it and a number.
    """

    def __init__(self, form: Form, way: Path, build: Callable[[int], None], noun: str) -> None:
        self._form, self._way, self._build, self._noun = form, way, build, noun
        self._rows: list[Element] = []
        self._box = ui.column().classes("w-full gap-2")
        form.follow(self._draw, self._box)

    def add(self, value: Any, at: int | None = None) -> None:
        """Put an entry in, at the end if no place is given."""
        listed = [*read_list(self._form.draft.document, self._way)]
        listed.insert(len(listed) if at is None else at, value)
        self._form.draft.replace(write(self._form.draft.document, self._way, listed))

    def remove(self, index: int) -> None:
        """Take an entry out; without entries there is no list."""
        listed = [*read_list(self._form.draft.document, self._way)]
        del listed[index : index + 1]
        # The row whose button this was may be gone before all have heard of it.
        with self._box:
            self._form.draft.replace(write(self._form.draft.document, self._way, listed or None))

    def _draw(self) -> None:
        wanted = len(read_list(self._form.draft.document, self._way))
        while len(self._rows) > wanted:
            self._rows.pop().delete()
        while len(self._rows) < wanted:
            index = len(self._rows)
            with self._box, ui.row().classes("w-full katib-row items-start") as row:
                row.props(f'role=group aria-label="{self._noun} {index + 1}"')
                self._build(index)
                path = format_path((*self._way, index))
                trouble(self._form, partial(str, path))
            self._rows.append(row)


def button(icon: str, label: str, deed: Callable[[], object]) -> ui.button:
    """A small button that is known by its picture, and by its label to those who do not see."""
    made = ui.button(icon=icon, on_click=deed).props(f'flat dense round aria-label="{label}"')
    with made:
        ui.tooltip(label)
    return made
