"""What a function that is called reports: kept, and judged while it runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from katib.api.values import Key, Unstructured
from katib.ports.observation_log import MetricEntry


class CallReports(Protocol):
    """The metrics of one call. One thread at a time uses it."""

    @property
    def trial(self) -> Key:
        """Whose metrics they are."""
        ...

    def take(self, entries: Sequence[MetricEntry]) -> str:
        """Keep what was reported, and judge it.

        Returns:
            Why the call is to be stopped now, before its time; empty while it may go on.

        Raises:
            StoreUnavailableError: no more is taken now; nothing of this was. To be called again.
        """
        ...

    def conclude(self) -> str:
        """All is reported; what the user should know of it, empty when all is well."""
        ...

    def note_stop(self, reason: str) -> None:
        """The call was stopped for this reason: so is its trial."""
        ...


class CallReporters(Protocol):
    """Opens the reports of calls."""

    def attach_call(self, call: Unstructured) -> CallReports | None:
        """The reports of a call that is about to begin; what an earlier one left is forgotten.

        Returns:
            ``None`` for a call that belongs to no trial.

        Raises:
            StoreUnavailableError: it cannot be forgotten now; to be called again.
        """
        ...
