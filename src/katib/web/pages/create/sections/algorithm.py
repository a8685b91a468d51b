"""The search algorithm, and its settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nicegui import ui

from katib.api.values import Manifest
from katib.client.algorithms import list_algorithm_settings, list_algorithms
from katib.web.pages.create.document import read, write
from katib.web.pages.create.form import Form
from katib.web.pages.create.sections.settings import AlgorithmName, Settings
from katib.web.pages.create.sections.surroundings import Surroundings
from katib.web.pages.create.starting import (
    NAS_CONFIG,
    NAS_TEMPLATE,
    PARAMETERS,
    TEMPLATE,
)
from katib.web.pages.create.widgets import choice, section

_TUNING, _NAS = "Hyperparameter tuning", "Neural architecture search"


def build(form: Form, around: Surroundings, foreign: Sequence[str]) -> None:
    """Make the section.

    Args:
        form: it belongs to.
        around: it.
        foreign: algorithms that only the server knows.
    """
    with section(form, "Search algorithm", "spec.algorithm"):
        _Kind(form)
        known = sorted({*list_algorithms(), *foreign})
        hint = "One of those that the server knows"
        place = AlgorithmName("algorithm")
        choice(form, "Algorithm", place, known, hint=hint)
        Settings(form, "algorithm", list_algorithm_settings)


class _Kind:
    """Whether parameters are searched or an architecture; what was there is kept aside.

    Trials are told other things then: their template turns, too.
    """

    def __init__(self, form: Form) -> None:
        self._form = form
        self._aside: dict[str, Manifest] = {}
        self._toggle = ui.radio([_TUNING, _NAS]).props("inline dense")
        self._toggle.classes("w-full").props('aria-label="What is searched"')
        form.follow(self._draw, self._toggle)
        self._toggle.on_value_change(lambda event: self._turn(event.value))

    def _draw(self) -> None:
        self._toggle.set_value(_NAS if is_nas(self._form.draft.document) else _TUNING)

    def _turn(self, wanted: str) -> None:
        draft = self._form.draft
        if (wanted == _NAS) == is_nas(draft.document):
            return
        fields = ("algorithm", "parameters", "nasConfig", "trialTemplate")
        present = _NAS if is_nas(draft.document) else _TUNING
        self._aside[present] = {field: read(draft.document, ("spec", field)) for field in fields}
        document, fresh = draft.document, self._aside.get(wanted) or _fresh(wanted)
        for field in fields:
            document = write(document, ("spec", field), fresh.get(field))
        draft.replace(document)


def is_nas(document: Any) -> bool:
    """Whether an architecture is searched."""
    return read(document, ("spec", "nasConfig")) is not None


def _fresh(wanted: str) -> Manifest:
    if wanted == _NAS:
        algorithm, template = {"algorithmName": "enas"}, NAS_TEMPLATE
        return {"algorithm": algorithm, "nasConfig": NAS_CONFIG, "trialTemplate": template}
    algorithm, template = {"algorithmName": "random"}, TEMPLATE
    return {"algorithm": algorithm, "parameters": PARAMETERS, "trialTemplate": template}
