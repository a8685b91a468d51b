"""The population of an experiment with population based training."""

from __future__ import annotations

import msgspec
from nicegui import ui

from katib.client.analysis.lineage import Descent, descent_of
from katib.errors import KatibError
from katib.web import looks
from katib.web.chart import Chart
from katib.web.charts.lineage import draw_lineage
from katib.web.pages.experiment.subject import Subject
from katib.web.shell import computed

_COLUMNS = (
    ("generation", "Generation"),
    ("trial", "Trial"),
    ("value", "Objective"),
    ("assigned", "Assignments"),
)
_TRIAL = """
<q-td :props="props">
<a class="katib-link" :href="props.row.address">{{ props.row.trial }}</a></q-td>
"""


class Population:
    """The tab of the population."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject

    def build(self) -> None:
        """Make what does not change."""
        self._chart = Chart("Lineage", "28rem", self._subject.open_trial)
        ui.label("Ancestors of the best trial").classes("text-subtitle1").props(
            "role=heading aria-level=2"
        )
        columns = [
            {"name": name, "label": label, "field": name, "align": "left"}
            for name, label in _COLUMNS
        ]
        self._table = ui.table(columns=columns, rows=[], row_key="trial").classes("w-full")
        self._table.props(
            'flat bordered dense wrap-cells hide-pagination no-data-label="No trial has a value."'
        )
        self._table.add_slot("body-cell-trial", _TRIAL)

    async def draw(self) -> None:
        """Draw the population as it is now."""
        experiment = self._subject.find()
        if experiment is None:
            return
        try:
            found = await computed(descent_of, experiment, self._subject.trials())
        except (KatibError, msgspec.ValidationError) as error:
            self._chart.say(str(error))
            return
        if not any(one.value is not None for one in found.lives):
            self._chart.say("No trial of the population has a value yet.")
            return
        self._chart.show(await computed(draw_lineage, found))
        self._table.pagination = {"rowsPerPage": 0}
        self._table.rows = self._rows(found)

    def _rows(self, found: Descent) -> list[dict[str, object]]:
        return [
            {
                "generation": one.generation,
                "trial": one.trial,
                "address": self._subject.trial_url(one.trial),
                "value": "" if one.value is None else looks.number(one.value),
                "assigned": ", ".join(
                    f"{name} = {looks.number(value)}" for name, value in one.assignments.items()
                ),
            }
            for one in found.ancestry
        ]
