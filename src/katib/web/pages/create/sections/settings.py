"""The settings of an algorithm: a field for each that it knows, and one for all others."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from nicegui import background_tasks, ui

from katib.api.values import Manifest
from katib.client.algorithms import Setting
from katib.web.pages.create.document import format_path, read, read_list, write
from katib.web.pages.create.form import Form
from katib.web.pages.create.places import Named
from katib.web.pages.create.texts import PAIRS
from katib.web.pages.create.widgets import area, choice, entry
from katib.web.shell import computed


@dataclass(frozen=True, slots=True)
class AlgorithmName:
    """The name of an algorithm. Another one has other settings; those of before are kept aside.

    Attributes:
        part: ``algorithm`` or ``earlyStopping``.
    """

    part: str
    _aside: dict[str, Any] = field(default_factory=dict, compare=False)

    def read(self, document: Manifest) -> Any:
        """See :class:`~katib.web.pages.create.places.Place`."""
        return read(document, ("spec", self.part, "algorithmName"))

    def write(self, document: Manifest, value: Any) -> Manifest:
        """See :class:`~katib.web.pages.create.places.Place`."""
        before, settings = self.read(document), ("spec", self.part, "algorithmSettings")
        if value == before:
            return document
        self._aside[str(before)] = read(document, settings)
        changed = write(document, ("spec", self.part, "algorithmName"), value)
        return write(changed, settings, self._aside.get(str(value)) if value else None)

    def path(self, document: Manifest) -> str:
        """See :class:`~katib.web.pages.create.places.Place`."""
        return f"spec.{self.part}.algorithmName"


@dataclass(frozen=True, slots=True)
class Others:
    """The settings that have no field of their own, as a map.

    Attributes:
        part: ``algorithm`` or ``earlyStopping``.
        known: those that have one.
    """

    part: str
    known: Collection[str]

    def read(self, document: Manifest) -> Any:
        """See :class:`~katib.web.pages.create.places.Place`."""
        found = {
            str(one.get("name")): one.get("value")
            for one in read_list(document, self._way)
            if not self._is_known(one) and isinstance(one, dict)
        }
        return found or None

    def write(self, document: Manifest, value: Any) -> Manifest:
        """See :class:`~katib.web.pages.create.places.Place`."""
        kept = [one for one in read_list(document, self._way) if self._is_known(one)]
        others = [{"name": name, "value": text} for name, text in (value or {}).items()]
        return write(document, self._way, [*kept, *others] or None)

    def path(self, document: Manifest) -> str:
        """See :class:`~katib.web.pages.create.places.Place`."""
        return format_path(self._way)

    @property
    def _way(self) -> tuple[str, ...]:
        return ("spec", self.part, "algorithmSettings")

    def _is_known(self, one: Any) -> bool:
        return str(read(one, ("name",))) in self.known


class Settings:
    """The fields of the settings of one algorithm, made anew when another one is chosen.

    Args:
        form: they belong to.
        part: ``algorithm`` or ``earlyStopping``.
        list_settings: those that an algorithm knows; it may take a moment.
    """

    def __init__(
        self, form: Form, part: str, list_settings: Callable[[str], Sequence[Setting]]
    ) -> None:
        self._form, self._part, self._list = form, part, list_settings
        self._name: object = None
        self._box = ui.row().classes("w-full gap-3 items-start")
        form.follow(self._draw, self._box)

    def _draw(self) -> None:
        name = read(self._form.draft.document, ("spec", self._part, "algorithmName"))
        if name == self._name:
            return
        self._name = name
        background_tasks.create(self._build(str(name or "")), name="settings of an algorithm")

    async def _build(self, name: str) -> None:
        settings = await computed(self._list, name)
        if name != str(self._name or "") or self._box.is_deleted:
            return
        self._box.clear()
        with self._box:
            for setting in settings:
                self._add(setting)
            known = {one.name for one in settings}
            if name:
                self._add_others(known)

    def _add(self, setting: Setting) -> None:
        place = Named(("spec", self._part, "algorithmSettings"), setting.name)
        must = setting.default == "must be given"
        hint = f"{setting.values}; {'must be given' if must else f'default {setting.default}'}"
        if setting.choices:
            made = choice(self._form, setting.name, place, setting.choices, hint=hint)
            made.props("clearable")
            return
        entry(self._form, setting.name, place, hint=hint).props["placeholder"] = setting.default

    def _add_others(self, known: Collection[str]) -> None:
        place = Others(self._part, known)
        hint = "A line name=value for each"
        made = area(self._form, "Other settings", place, PAIRS, hint=hint)

        def draw() -> None:
            made.set_visibility(not known or place.read(self._form.draft.document) is not None)

        self._form.follow(draw, made)
