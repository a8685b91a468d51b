"""The queue of keys that want a look: each at most once, some of them later, in fair turns."""

from __future__ import annotations

import heapq
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)

#: How many other items may overtake one that is patient.
MOST_BEFORE = 16


def _never(item: object) -> bool:
    return False


class WorkQueue(Generic[T]):
    """Hands out items. An item is never handed out twice at once.

    Args:
        monotonic: seconds, as :meth:`katib.ports.clock.Clock.monotonic`.
        turn: an item → whose it is. Owners are served in turns, the items of each in their order.
        is_patient: whether an item lets others overtake, though not many: it has less to do when
            they are done.
    """

    def __init__(
        self,
        monotonic: Callable[[], float],
        turn: Callable[[T], Hashable] = lambda item: None,
        is_patient: Callable[[T], bool] = _never,
    ) -> None:
        self._monotonic, self._turn, self._is_patient = monotonic, turn, is_patient
        self._changed = threading.Condition()
        #: By owner, whose turn is next first; an owner who waits for nothing is not here.
        self._ready: OrderedDict[Hashable, deque[T]] = OrderedDict()
        self._patient: OrderedDict[Hashable, deque[T]] = OrderedDict()
        self._overtaken = 0
        self._waiting: set[T] = set()
        self._running: set[T] = set()
        self._again: set[T] = set()
        self._later: list[tuple[float, int, T]] = []
        self._wanted: dict[T, int] = {}
        self._count = 0
        self._is_closed = False

    def add(self, item: T) -> None:
        """Hand the item out soon; once more after the present run when it is running."""
        with self._changed:
            if item in self._running:
                self._again.add(item)
            elif item not in self._waiting:
                self._line_up(item)
                self._changed.notify()

    def add_after(self, item: T, seconds: float) -> None:
        """Hand the item out when the seconds have passed; an earlier such wish is void."""
        with self._changed:
            self._count += 1
            self._wanted[item] = self._count
            heapq.heappush(self._later, (self._monotonic() + seconds, self._count, item))
            self._changed.notify()

    def forget_later(self, item: T) -> None:
        """An earlier :meth:`add_after` is void."""
        with self._changed:
            self._wanted.pop(item, None)

    def take(self, timeout_seconds: float | None = None) -> T | None:
        """The next item, waiting for one; ``None`` after the timeout or when the queue is closed.

        :meth:`done` must be called for the item afterwards.
        """
        deadline = None if timeout_seconds is None else self._monotonic() + timeout_seconds
        with self._changed:
            while not self._is_closed:
                now = self._monotonic()
                self._release_due(now)
                if self._ready or self._patient:
                    item = self._next()
                    self._waiting.discard(item)
                    self._running.add(item)
                    return item
                if deadline is not None and now >= deadline:
                    return None
                moments = [moment for moment in (deadline, self._next_moment()) if moment]
                self._changed.wait(min(moments) - now if moments else None)
            return None

    def done(self, item: T) -> None:
        """The item's run is over."""
        with self._changed:
            self._running.discard(item)
            if item in self._again:
                self._again.discard(item)
                self._line_up(item)
                self._changed.notify()

    @property
    def is_calm(self) -> bool:
        """Whether there is nothing to be handed out at once, or only what is patient."""
        return not self._ready

    def close(self) -> None:
        """Nothing is handed out from now on; who waits is woken."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def _release_due(self, now: float) -> None:
        while self._later and self._later[0][0] <= now:
            _, count, item = heapq.heappop(self._later)
            if self._wanted.get(item) != count:
                continue
            del self._wanted[item]
            if item in self._running:
                self._again.add(item)
            elif item not in self._waiting:
                self._line_up(item)

    def _line_up(self, item: T) -> None:
        self._waiting.add(item)
        line = self._patient if self._is_patient(item) else self._ready
        line.setdefault(self._turn(item), deque()).append(item)

    def _next(self) -> T:
        """The first item of who is next, who then is the last."""
        line = self._ready
        if self._patient:
            is_time = not line or self._overtaken >= MOST_BEFORE
            self._overtaken = 0 if is_time else self._overtaken + 1
            line = self._patient if is_time else line
        owner, items = line.popitem(last=False)
        item = items.popleft()
        if items:
            line[owner] = items
        return item

    def _next_moment(self) -> float | None:
        return self._later[0][0] if self._later else None
