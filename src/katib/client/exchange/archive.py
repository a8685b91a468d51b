"""What is imported: trials that ended elsewhere, and what they were searched by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from katib.api import told
from katib.api.values import Manifest


@dataclass(frozen=True, slots=True)
class PastReport:
    """Values that a trial reported at once.

    Attributes:
        values: by metric, as texts.
        time: when; ``None`` when that is not known.
    """

    values: Mapping[str, str]
    time: datetime | None = None


@dataclass(frozen=True, slots=True)
class PastTrial:
    """A trial that ended elsewhere.

    Attributes:
        place: where it was found, for errors, as ``row 3``.
        parameters: by name, as texts.
        reports: what it measured, the last at the end.
        state: ``Complete``, ``Failed`` or ``Stopped``.
        message: what is known of its end.
    """

    place: str
    parameters: Mapping[str, str]
    reports: Sequence[PastReport]
    state: str = told.COMPLETE
    message: str = ""


@dataclass(frozen=True, slots=True)
class Archive:
    """Trials that are to be imported.

    Attributes:
        source: where they are from, for errors.
        trials: in their order.
        parameters: the search space, as a document has it.
        objective: the objective, as a document has it.
        notes: what was left out, for the user.
    """

    source: str
    trials: Sequence[PastTrial]
    parameters: Sequence[Manifest]
    objective: Manifest
    notes: Sequence[str] = field(default=())
