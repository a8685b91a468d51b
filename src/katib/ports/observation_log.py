"""Where metrics are kept: the time series of every trial."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Protocol

import msgspec

from katib.api.values import Key

#: The time of an entry that carried none, as Katib writes it: the first second of year 1.
NO_TIME = datetime(1, 1, 1, tzinfo=UTC)


class MetricEntry(msgspec.Struct, frozen=True):
    """One value of one metric, as it was reported.

    Attributes:
        time: aware, UTC. :data:`NO_TIME` when the program printed none.
        name: the metric.
        value: the text, whatever it is: a number, ``nan``, ``unavailable``.
    """

    time: datetime
    name: str
    value: str


class ObservationLog(Protocol):
    """Keeps observation logs by trial. All methods may be called from any thread."""

    def report(self, trial: Key, entries: Sequence[MetricEntry]) -> None:
        """Append entries, all or none, in this order. Nothing is looked at twice or dropped."""
        ...

    def read(self, trial: Key, metric: str | None = None) -> Sequence[MetricEntry]:
        """The trial's entries by time, then by arrival; of one metric when it is named.

        An unknown trial has none.
        """
        ...

    def delete(self, trial: Key) -> None:
        """Forget the trial's entries; not an error when there are none."""
        ...

    def flush(self) -> None:
        """Return when every report so far is safe from a crash of this process.

        Raises:
            StoreUnavailableError: the disk or the server refuses; a later flush tries again.
        """
        ...

    def delay(self, trial: Key) -> str:
        """Why what the trial reports cannot be stored now, in words; empty while it can."""
        ...

    def close(self) -> None:
        """Flush and release. The log is not used afterwards."""
        ...
