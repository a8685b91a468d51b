"""What happened: the events of an experiment and of its trials."""

from __future__ import annotations

from katib.web.happenings import EventTable
from katib.web.pages.experiment.subject import Subject


class Events:
    """The tab of the events."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject

    def build(self) -> None:
        """Make what does not change."""
        subject = self._subject
        self._events = EventTable(subject.site, subject.visitor, subject.namespace, self._is_ours)

    async def draw(self) -> None:
        """Ask for the events anew."""
        await self._events.draw()

    def _is_ours(self, name: str) -> bool:
        ours = self._subject.name
        return name == ours or name.startswith(f"{ours}-")
