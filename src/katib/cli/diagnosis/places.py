"""Where an experiment is looked at: a home, or a cluster. What they differ in, for a diagnosis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from katib.api.trial import Trial
from katib.api.values import Manifest, Resource
from katib.apps.home import Home
from katib.cli.logs import find_logs
from katib.errors import StoreUnavailableError
from katib.stores.events import list_events

#: How much of a log is searched, in bytes.
TAIL_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Words:
    """What to do at a place, as fixes say it.

    Attributes:
        afresh: to begin an experiment again.
        again: to go on with one that has more budget.
        absent: that no engine works, and so nothing happens.
        revive: what to do then.
        reopen: the same, for a search that a program asks for each trial; of ``{name}``.
        also_revive: the same, behind another fix.
        engine_log: where the engine says what it does.
        output: where the output of the trial ``{trial}`` is.
    """

    afresh: str
    again: str
    absent: str
    revive: str
    reopen: str
    also_revive: str
    engine_log: str
    output: str


class Place(Protocol):
    """Answers what resources do not tell."""

    @property
    def words(self) -> Words:
        """What to do here."""
        ...

    def engine(self) -> str | None:
        """The engine, in words; ``None`` when none works."""
        ...

    def events(self, resource: Resource) -> Sequence[Manifest]:
        """What was told of a resource, the oldest first: ``type``, ``reason``, ``message``."""
        ...

    def log_of(self, trial: Trial) -> str:
        """Where the newest log of a trial is; empty when there is none."""
        ...

    def log_tail(self, trial: Trial) -> str:
        """The end of that log."""
        ...


class HomePlace:
    """A home, on one machine.

    Args:
        home: where everything is.
    """

    def __init__(self, home: Home) -> None:
        self._home = home

    @property
    def words(self) -> Words:
        return Words(
            afresh="start it afresh with: katib run FILE --replace",
            again="start it again with: katib run FILE",
            absent="no engine is running in this home, so nothing happens",
            revive="start the same katib run command again; the experiment goes on",
            reopen='open the study again with katib.Study(name="{name}"), or start: katib up',
            also_revive="and start the same katib run command again, since no engine is running",
            engine_log=str(self._home.log),
            output="katib logs {trial}",
        )

    def engine(self) -> str | None:
        try:
            return self._home.holder()
        except StoreUnavailableError:
            return "one that cannot be seen, since this home may not be written"

    def events(self, resource: Resource) -> Sequence[Manifest]:
        return [event.body for event in list_events(self._home.resources, resource)]

    def log_of(self, trial: Trial) -> str:
        found = find_logs(self._home, trial)
        return str(found[-1]) if found else ""

    def log_tail(self, trial: Trial) -> str:
        path = self.log_of(trial)
        if not path:
            return ""
        with open(path, "rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - TAIL_BYTES))
            return file.read().decode(errors="replace")
