"""How many trials there are, and what becomes of the search when they have ended."""

from __future__ import annotations

from collections.abc import Mapping

from katib.api import names
from katib.web.pages.create.form import Form
from katib.web.pages.create.places import At
from katib.web.pages.create.sections.surroundings import Surroundings
from katib.web.pages.create.texts import WHOLE
from katib.web.pages.create.widgets import choice, entry, section

_POLICIES: Mapping[str, str] = {
    names.NEVER: "Never",
    names.LONG_RUNNING: "Long running",
    names.FROM_VOLUME: "From volume",
}

_COUNTS = (
    ("parallelTrialCount", "Parallel trials", "At the same time; 3 if empty"),
    ("maxTrialCount", "Max trials", "In all; no limit if empty"),
    ("maxFailedTrialCount", "Max failed trials", "More of them, and the experiment has failed"),
)


def build(form: Form, around: Surroundings) -> None:
    """Make the section."""
    fields = [f"spec.{field}" for field, _, _ in _COUNTS]
    with section(form, "Trial thresholds", *fields, "spec.resumePolicy"):
        for field, label, hint in _COUNTS:
            entry(form, label, At(("spec", field)), WHOLE, hint=hint)
        place = At(("spec", "resumePolicy"))
        hint = "Whether more trials can be asked for later"
        choice(form, "Resume policy", place, _POLICIES, hint=hint)
