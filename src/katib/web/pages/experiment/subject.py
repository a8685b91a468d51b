"""What all tabs of an experiment's page look at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from nicegui import ui

from katib.api.values import Manifest
from katib.client.trial_table import TrialTable
from katib.web.acting import Acting
from katib.web.query import Query
from katib.web.rights import Visitor
from katib.web.site import Site
from katib.web.watched import Scope


@dataclass(frozen=True, slots=True)
class Subject:
    """The experiment of a page, and who looks at it.

    Attributes:
        site: what pages share.
        visitor: who looks.
        namespace: of the experiment.
        name: of it.
        query: what the page's address says of what is looked at.
        turn: opens a tab by its name.
    """

    site: Site
    visitor: Visitor
    namespace: str
    name: str
    query: Query
    turn: Callable[[str], None]

    @property
    def acting(self) -> Acting:
        """What the visitor may do."""
        return Acting(self.site, self.visitor)

    @property
    def address(self) -> str:
        """The page's path, without the site's prefix."""
        return f"/experiment/{self.namespace}/{self.name}"

    def find(self) -> Manifest | None:
        """The experiment; ``None`` when it is gone, or not known yet."""
        return self.site.tables.find_experiment(self.namespace, self.name)[0]

    def table(self) -> TrialTable | None:
        """Its trials; ``None`` while they are not known. May take a moment."""
        return self.site.tables.find(self.namespace, self.name)[0]

    def important(self, table: TrialTable, most: int) -> list[str]:
        """The parameters that matter most, in the document's order. May take a moment."""
        if len(table.parameters) <= most:
            return list(table.parameters)
        best = set(list(self.site.tables.importances(table).parameters)[:most])
        return [name for name in table.parameters if name in best]

    def trials(self) -> Sequence[Manifest]:
        """Its trials as the server has them, but for what makes them large; in no order."""
        return self.site.sources.find(Scope("trials", self.namespace, self.name)).list()

    def find_trial(self, name: str) -> Manifest | None:
        """One of its trials, likewise."""
        trials = self.site.sources.find(Scope("trials", self.namespace, self.name))
        return trials.find(self.namespace, name)

    def trial_url(self, trial: str) -> str:
        """The address of a trial's page for a browser."""
        return self.site.url(self.trial_path(trial))

    def trial_path(self, trial: str) -> str:
        """The path of a trial's page, without the site's prefix."""
        return f"{self.address}/trial/{trial}"

    def open_trial(self, names: Sequence[str]) -> None:
        """Go to the page of the first of these that is a trial of the experiment."""
        for name in names:
            if self.find_trial(name) is not None:
                ui.navigate.to(self.trial_path(name))
                return


class Tab(Protocol):
    """A tab of the page."""

    def build(self) -> None:
        """Make what does not change, into the open panel."""
        ...

    async def draw(self) -> None:
        """Draw what has changed."""
        ...
