"""What all panels have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from nicegui import events, ui

from katib.client.trial_table import TrialTable
from katib.web.chart import Chart
from katib.web.pages.experiment.subject import Subject

#: More parameters than this are not shown unless they are chosen.
MOST_PARAMETERS = 12


class Panel(ABC):
    """One picture of an experiment.

    Args:
        subject: the experiment.
    """

    def __init__(self, subject: Subject) -> None:
        self._subject = subject

    @abstractmethod
    def build(self) -> None:
        """Make what does not change."""

    def can_draw(self, table: TrialTable) -> bool:
        """Whether there is anything to see."""
        return table.best_row is not None

    @abstractmethod
    async def draw(self, table: TrialTable) -> None:
        """Draw it anew."""

    def _chosen(self, table: TrialTable) -> list[str]:
        """The parameters that the visitor has chosen, else the most important."""
        wanted = self._subject.query.list("parameters")
        chosen = [one for one in table.parameters if one in wanted]
        return chosen or self._subject.important(table, MOST_PARAMETERS)

    def _chart(self, title: str, height: str = "22rem") -> Chart:
        return Chart(title, height, self._subject.open_trial)


def choice(label: str, choose: events.Handler[events.ValueChangeEventArguments[Any]]) -> ui.select:
    """A choice of one name out of several, which are told later."""
    found = ui.select([], label=label, on_change=choose).props("dense outlined options-dense")
    return found.style("min-width: 9rem")
