"""What all tabs of an experiment's page look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from katib.api.values import Manifest
from katib.client.trial_table import TrialTable
from katib.web.acting import Acting
from katib.web.rights import Visitor
from katib.web.site import Site


@dataclass(frozen=True, slots=True)
class Subject:
    """The experiment of a page, and who looks at it.

    Attributes:
        site: what pages share.
        visitor: who looks.
        namespace: of the experiment.
        name: of it.
    """

    site: Site
    visitor: Visitor
    namespace: str
    name: str

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


class Tab(Protocol):
    """A tab of the page."""

    def build(self) -> None:
        """Make what does not change, into the open panel."""
        ...

    async def draw(self) -> None:
        """Draw what has changed."""
        ...
