"""What all tabs of a trial's page look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from katib.api.values import Manifest
from katib.client.requests import path_of
from katib.web.query import Query
from katib.web.rights import Visitor
from katib.web.site import Site
from katib.web.watched import Scope, Watched


@dataclass(frozen=True, slots=True)
class Subject:
    """The trial of a page, and who looks at it.

    Attributes:
        site: what pages share.
        visitor: who looks.
        namespace: of the trial.
        experiment: whose trial it is.
        name: of the trial.
        query: what the page's address says of what is looked at.
    """

    site: Site
    visitor: Visitor
    namespace: str
    experiment: str
    name: str
    query: Query

    @property
    def source(self) -> Watched:
        """The copy of the experiment's trials."""
        return self.site.sources.find(Scope("trials", self.namespace, self.experiment))

    def find(self) -> Manifest | None:
        """The trial, without what makes trials large; ``None`` when it is gone or not known yet."""
        return self.source.find(self.namespace, self.name)

    def read(self) -> Manifest:
        """The whole trial, as the server has it.

        Raises:
            KatibError: the server says why not, or does not answer.
        """
        whole = self.site.backend.ask("GET", path_of("trials", self.namespace, self.name))
        whole["metadata"].pop("managedFields", None)
        return whole

    def path(self, trial: str) -> str:
        """The path of another trial's page, without the site's prefix."""
        return f"/experiment/{self.namespace}/{self.experiment}/trial/{trial}"


class Tab(Protocol):
    """A tab of the page."""

    def build(self) -> None:
        """Make what does not change, into the open panel."""
        ...

    async def draw(self) -> None:
        """Draw what has changed."""
        ...
