"""What can be wrong with what goes in and out."""

from __future__ import annotations

from collections.abc import Sequence

from katib.errors import KatibError

#: How many problems of one file are told.
MOST_PROBLEMS = 20


class ExportError(KatibError, ValueError):
    """Trials cannot be exported so; the text says why."""


class ImportRefusedError(KatibError, ValueError):
    """What is to be imported is not legal; all that is wrong is told, with its place.

    Nothing of it was imported.
    """

    def __init__(self, source: str, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        shown = "; ".join(self.problems[:MOST_PROBLEMS])
        more = len(self.problems) - MOST_PROBLEMS
        super().__init__(f"{source}: {shown}" + (f"; and {more} more" if more > 0 else ""))
