"""What sections must know besides the document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from katib.web.rights import Visitor
from katib.web.site import Site


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What sections must know besides the document.

    Attributes:
        site: what pages share.
        visitor: who looks.
        namespaces: where the visitor may look, by name.
    """

    site: Site
    visitor: Visitor
    namespaces: Sequence[str]

    @property
    def is_one_machine(self) -> bool:
        """Whether trials are programs of one machine, which need no image."""
        return self.site.backend.home is not None
