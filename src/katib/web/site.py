"""What all pages share."""

from __future__ import annotations

from dataclasses import dataclass

from katib.client.backend import Backend
from katib.web.guarding import Door
from katib.web.reports import Reports
from katib.web.rights import Deed, ForbiddenError, Rights, Visitor
from katib.web.tables import Tables
from katib.web.watched import Sources


@dataclass(frozen=True, slots=True)
class Site:
    """What all pages share.

    Attributes:
        backend: the API server, asked with the UI's own account: rights are checked before.
        rights: who may do what.
        sources: copies of what is shown.
        tables: the trials of experiments as columns, made from the copies.
        reports: what trials have reported.
        door: who is let in, and where the UI is.
        namespaces: those that may be shown; empty for all that there are.
    """

    backend: Backend
    rights: Rights
    sources: Sources
    tables: Tables
    reports: Reports
    door: Door
    namespaces: tuple[str, ...] = ()

    def may(self, visitor: Visitor, deed: Deed) -> bool:
        """Whether the visitor may do it.

        Raises:
            KatibError: nobody answers.
        """
        try:
            self.rights.check(visitor, deed)
        except ForbiddenError:
            return False
        return True

    def url(self, path: str) -> str:
        """The address of a page in what we write ourselves: templates, and the history.

        NiceGUI's links, and where it is told to go, take the path: it puts the prefix before.

        Args:
            path: of the page, with a slash before.
        """
        return f"{self.door.prefix}{path}"
