"""A controller's heart: make what is into what should be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from katib.api.values import Key, Kind, Unstructured
from katib.ports.resource_store import Event


@dataclass(frozen=True, slots=True)
class Result:
    """What the loop does next with the key.

    Attributes:
        retry_after_seconds: look again after so long, also when nothing happens; ``None``: only
            when something happens.
    """

    retry_after_seconds: float | None = None


DONE = Result()

#: Named among a reconciler's kinds: it hears of changes of every kind, also of those that nobody
#: knew of when it was made. None of their resources is told at start.
EVERY_KIND: Kind[Any] = Kind("", "", "", Unstructured)


def always(key: Key) -> bool:
    """Every resource is wanted."""
    return True


class Reconciler(Protocol):
    """Reads the present state of one resource, compares, acts.

    It is given a key and never an event, so it must be right whatever happened and however often it
    is called. The loop never runs it twice at once for one key. An exception makes the loop try
    again with growing pauses.
    """

    @property
    def name(self) -> str:
        """As in events and logs, ``trial-controller``."""
        ...

    @property
    def kinds(self) -> Sequence[Kind[Any]]:
        """The kinds whose changes it must hear of. At start every resource of them is ADDED.

        The first is the one that its keys name.
        """
        ...

    def keys(self, event: Event) -> Iterable[Key]:
        """The keys to reconcile because of a change. Quick, without input or output."""
        ...

    def reconcile(self, key: Key) -> Result:
        """Bring the resource of that key one step, or all steps, towards what it should be."""
        ...
