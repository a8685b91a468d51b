"""Name and namespace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from katib.api.values import Manifest
from katib.web.pages.create.form import Form
from katib.web.pages.create.places import At
from katib.web.pages.create.sections.surroundings import Surroundings
from katib.web.pages.create.widgets import choice, entry, section


@dataclass(frozen=True, slots=True)
class _Namespace(At):
    """Where the experiment goes, also when the document does not say."""

    otherwise: str = ""

    def read(self, document: Manifest) -> Any:
        return At.read(self, document) or self.otherwise


def build(form: Form, around: Surroundings) -> None:
    """Make the section."""
    with section(form, "Metadata", "metadata", "apiVersion", "kind"):
        entry(form, "Name", At(("metadata", "name")), hint="Lower case letters, digits and hyphens")
        place = _Namespace(("metadata", "namespace"), form.namespace)
        choice(form, "Namespace", place, around.namespaces)
