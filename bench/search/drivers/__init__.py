"""Each library behind the same two methods.

A module has ``make(space, option, seed, trials) -> Driver``, and is imported in its library's
environment only. Defaults are the library's own: nothing is tuned for anybody.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from bench.search.space import Config


class Driver(Protocol):
    """One search."""

    def ask(self, count: int) -> list[Config]:
        """The next configurations, all of them pending until they are told.

        Fewer than asked for means "not now", none at all that the search has ended.
        """
        ...

    def tell(self, configs: Sequence[Config], losses: Sequence[float]) -> None:
        """Results, to be made small; also of configurations that were never asked for."""
        ...
