"""What a user would ask about, told as it happens."""

from __future__ import annotations

from typing import Protocol

from katib.api.values import Resource


class EventRecorder(Protocol):
    """Writes Kubernetes events about resources. Never raises and never waits."""

    def record(self, resource: Resource, reason: str, message: str, warning: bool = False) -> None:
        """One event about ``resource``; an equal one is counted up instead of written again."""
        ...
