"""Pictures of two things that the visitor chooses: two parameters, or two metrics."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar

from nicegui import ui

from katib.client.trial_table import TrialTable
from katib.web.charts.contour import draw_contour
from katib.web.charts.pareto import draw_pareto
from katib.web.charts.styling import Options
from katib.web.listing import heading
from katib.web.pages.experiment.panels.panel import Panel, choice
from katib.web.pages.experiment.subject import Subject
from katib.web.shell import computed


class _Pair(Panel):
    """A picture of two names.

    Attributes:
        title: above it.
        keys: what the names are called in the page's address.
        few: what is said when there are fewer than two.
        same: what is said when both are the same.
    """

    title: ClassVar[str]
    keys: ClassVar[tuple[str, str]]
    few: ClassVar[str]
    same: ClassVar[str]

    def __init__(self, subject: Subject) -> None:
        super().__init__(subject)
        self._table: TrialTable | None = None
        self._pair = ("", "")

    @abstractmethod
    def names_of(self, table: TrialTable) -> tuple[list[str], Sequence[str]]:
        """What can be chosen, and the two that are shown to whoever has not chosen."""

    @staticmethod
    @abstractmethod
    def drawing() -> Callable[[TrialTable, str, str], Options]:
        """What draws it."""

    def build(self) -> None:
        """See :class:`Panel`."""
        heading(self.title)
        with ui.row().classes("gap-2") as self._choices:
            self._x = choice("Across", self._choose)
            self._y = choice("Upwards", self._choose)
        self._picture = self._chart("", "26rem")

    async def draw(self, table: TrialTable) -> None:
        """See :class:`Panel`."""
        self._table = table
        names, default = await computed(self.names_of, table)
        self._choices.set_visibility(len(names) > 1)
        if len(names) < 2:
            self._picture.say(self.few)
            return
        if self._x.options != names:
            wanted = [self._subject.query.find(key) for key in self.keys]
            x, y = (
                value if value in names else other
                for value, other in zip(wanted, default, strict=False)
            )
            self._pair = x, y
            self._x.set_options(names, value=x)
            self._y.set_options(names, value=y)
        await self._draw()

    async def _choose(self) -> None:
        pair = str(self._x.value or ""), str(self._y.value or "")
        # What was not the visitor's choice is drawn already.
        if pair != self._pair and all(pair):
            self._pair = pair
            self._subject.query.put(**dict(zip(self.keys, pair, strict=True)))
            await self._draw()

    async def _draw(self) -> None:
        x, y = self._pair
        if x == y:
            self._picture.say(self.same)
        elif self._table is not None:
            self._picture.show(await computed(self.drawing(), self._table, x, y))


class ContourPanel(_Pair):
    """The objective over two parameters."""

    title, keys = "Contour", ("x", "y")
    few = "A map needs two parameters."
    same = "Choose two parameters: a map needs both."

    def names_of(self, table: TrialTable) -> tuple[list[str], Sequence[str]]:
        """All parameters, and the two that matter most."""
        return list(table.parameters), self._subject.important(table, 2)

    @staticmethod
    def drawing() -> Callable[[TrialTable, str, str], Options]:
        """See :class:`_Pair`."""
        return draw_contour


class ParetoPanel(_Pair):
    """Trials by two metrics, and those that no other beats."""

    title, keys = "Pareto front", ("front-x", "front-y")
    few = "A front needs two metrics: name additionalMetricNames."
    same = "Choose two metrics: a front needs both."

    def names_of(self, table: TrialTable) -> tuple[list[str], Sequence[str]]:
        """All metrics, the objective first."""
        return list(table.metrics), list(table.metrics)[:2]

    @staticmethod
    def drawing() -> Callable[[TrialTable, str, str], Options]:
        """See :class:`_Pair`."""
        return draw_pareto
