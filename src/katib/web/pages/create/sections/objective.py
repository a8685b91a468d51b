"""What is optimised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nicegui import ui

from katib.api import names
from katib.api.values import Manifest
from katib.web.pages.create.document import read, read_list, write
from katib.web.pages.create.form import Form
from katib.web.pages.create.places import At, Named
from katib.web.pages.create.sections.surroundings import Surroundings
from katib.web.pages.create.texts import LIST, NUMBER
from katib.web.pages.create.widgets import choice, entry, section

_PATH = ("spec", "objective")
_STRATEGIES = (*_PATH, "metricStrategies")
_TYPES: Mapping[str, str] = {names.MINIMIZE: "Minimize", names.MAXIMIZE: "Maximize"}
_VALUES: Mapping[str, str] = {
    names.MIN: "Smallest value",
    names.MAX: "Largest value",
    names.LATEST: "Latest value",
}
_NON_FINITE: Mapping[str, str] = {
    names.FAIL: "The trial fails",
    names.IGNORE: "They are ignored",
    names.PENALISE: "They count as the worst",
}
#: What counts unless it is said.
_USUAL: Mapping[str, str] = {names.MINIMIZE: names.MIN, names.MAXIMIZE: names.MAX}


@dataclass(frozen=True, slots=True)
class Type(At):
    """The type; the strategies that came with the other one turn with it."""

    def write(self, document: Manifest, value: Any) -> Manifest:
        """See :class:`~katib.web.pages.create.places.Place`."""
        before, after = _USUAL.get(str(self.read(document))), _USUAL.get(str(value))
        turned = At.write(self, document, value)
        if before is None or after is None:
            return turned
        strategies = [
            {**one, "value": after} if isinstance(one, dict) and one.get("value") == before else one
            for one in read_list(document, _STRATEGIES)
        ]
        return write(turned, _STRATEGIES, strategies or None)


def metric_names(document: Manifest) -> Sequence[str]:
    """All metrics of a document, and those that only a strategy names."""
    objective = read(document, (*_PATH, "objectiveMetricName"))
    more = read_list(document, (*_PATH, "additionalMetricNames"))
    named = [one.get("name") for one in read_list(document, _STRATEGIES) if isinstance(one, dict)]
    found = (one for one in (objective, *more, *named) if isinstance(one, str) and one)
    return list(dict.fromkeys(found))


def build(form: Form, around: Surroundings) -> None:
    """Make the section."""
    with section(form, "Objective", "spec.objective"):
        choice(form, "Type", Type((*_PATH, "type")), _TYPES)
        hint = "As the program prints it: name=value"
        entry(form, "Metric", At((*_PATH, "objectiveMetricName")), hint=hint)
        hint = "The experiment ends when a trial reaches it"
        entry(form, "Goal", At((*_PATH, "goal")), NUMBER, hint=hint)
        place = At((*_PATH, "additionalMetricNames"))
        entry(form, "Additional metrics", place, LIST, hint="With commas between them")
        place = At((*_PATH, "nonFinite"))
        hint = "Of the objective; the trial fails if not chosen"
        choice(form, "Values that are no numbers", place, _NON_FINITE, hint=hint)
        _Strategies(form)


class _Strategies:
    """Which of a metric's values counts: a field for each metric."""

    def __init__(self, form: Form) -> None:
        self._form, self._shown = form, list[str]()
        with ui.expansion("Metric strategies").classes("w-full").props("dense"):
            self._box = ui.row().classes("w-full gap-3 items-start")
        form.follow(self._draw, self._box)

    def _draw(self) -> None:
        wanted = list(metric_names(self._form.draft.document))
        if wanted == self._shown:
            return
        self._shown = wanted
        self._box.clear()
        with self._box:
            for name in wanted:
                place = Named(_STRATEGIES, name)
                choice(self._form, name, place, _VALUES).props("clearable")
