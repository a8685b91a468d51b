"""By which rule trials are stopped that will not be good."""

from __future__ import annotations

from typing import Any

from katib.api.values import Manifest
from katib.client.algorithms import list_stopping_algorithms, list_stopping_settings
from katib.web.pages.create.document import write
from katib.web.pages.create.form import Form
from katib.web.pages.create.sections.settings import AlgorithmName, Settings
from katib.web.pages.create.sections.surroundings import Surroundings
from katib.web.pages.create.widgets import choice, section

_PART = "earlyStopping"


class _Rule(AlgorithmName):
    """The name of the rule; without one there is no early stopping at all."""

    def write(self, document: Manifest, value: Any) -> Manifest:
        changed = AlgorithmName.write(self, document, value)
        return changed if value else write(changed, ("spec", _PART), None)


def build(form: Form, around: Surroundings) -> None:
    """Make the section."""
    with section(form, "Early stopping", f"spec.{_PART}", is_open=False):
        known = list_stopping_algorithms()
        hint = "None if not chosen"
        choice(form, "Rule", _Rule(_PART), known, hint=hint).props("clearable")
        Settings(form, _PART, list_stopping_settings)
