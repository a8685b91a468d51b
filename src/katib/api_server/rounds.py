"""When watchers look at what is new: by turns, so that many of them do not hold up the engine."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

#: How long after one round the next begins at the earliest, in seconds. What happens meanwhile is
#: sent in one piece.
INTERVAL = 0.05

#: How much of a processor's time goes into telling watchers while the engine writes.
SHARE = 0.1

#: How many watchers have their turn before other requests are answered.
AT_ONCE = 8


class Numbered(Protocol):
    """What watchers follow: a row whose end moves on."""

    @property
    def end(self) -> int:
        """The number that the next one will get."""
        ...

    def is_late(self, position: int) -> bool:
        """Whether who stands there is about to lose its place."""
        ...


@dataclass(slots=True, eq=False)
class Place:
    """How far one watcher has got.

    Attributes:
        followed: what it watches.
        position: the number of the first that it has not seen.
        is_waiting: whether it would use a turn. One whose client is slow is still busy with its
            last one.
    """

    followed: Numbered
    position: int = 0
    is_waiting: bool = False
    turn: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def lag(self) -> int:
        """How many it has not seen yet."""
        return self.followed.end - self.position


class Rounds:
    """Gives a turn to each watcher that has something to see, again and again.

    The first change after a pause is seen at once. Then rounds follow at an interval, and as long
    as there is news they take a share of a processor's time only: threads that encrypt for many
    would else keep those from it that run the experiments. When nothing happens any more, or a
    watcher is about to lose its place, they take what they need.

    Everything but :meth:`hear` and :meth:`close` is for the event loop only.

    Args:
        spent: how much time of a processor the event loop's thread has taken, in seconds.

    Attributes:
        number: of the newest round.
        is_closed: whether nobody waits any longer.
    """

    def __init__(self, spent: Callable[[], float] = time.thread_time) -> None:
        self._spent = spent
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_called = self.is_closed = False
        self._places: set[Place] = set()
        self._turns: deque[Place] = deque()
        self._heard = self._heard_before = self._heard_now = 0
        self.number = 0
        self._begun = 0.0
        self._is_late = False

    def hear(self) -> None:
        """Something is new. From any thread."""
        self._heard += 1
        self._call()

    def close(self) -> None:
        """Nobody waits any longer. From any thread."""
        self.is_closed = True
        with self._lock:
            self._post(self._dismiss)

    @contextmanager
    def joined(self, place: Place) -> Iterator[None]:
        """While a watcher is among those who have turns."""
        loop = asyncio.get_running_loop()
        with self._lock:
            if self._loop is not loop:
                self._loop, self._is_called = loop, False
                self._turns.clear()
        self._places.add(place)
        try:
            yield
        finally:
            self._places.discard(place)

    async def wait(self, place: Place, seconds: float) -> None:
        """Wait for a turn, at most so long."""
        if self.is_closed:
            return
        place.turn.clear()
        place.is_waiting = True
        if place.lag:
            self._call()
        try:
            async with asyncio.timeout(seconds):
                await place.turn.wait()
        except TimeoutError:
            return
        finally:
            place.is_waiting = False

    def _call(self) -> None:
        with self._lock:
            if not self._is_called:
                self._is_called = self._post(self._begin)

    def _post(self, act: Callable[[], None]) -> bool:
        """Let the event loop do something; whether there is one."""
        if self._loop is None:
            return False
        try:
            self._loop.call_soon_threadsafe(act)
        except RuntimeError:
            # The loop has ended, and its watchers with it.
            self._loop = None
        return self._loop is not None

    def _begin(self) -> None:
        self.number += 1
        self._begun = self._now()
        self._heard_before, self._heard_now = self._heard_now, self._heard
        waiting = self._waiting()
        self._is_late = any(place.followed.is_late(place.position) for place in waiting)
        self._turns.extend(waiting)
        self._go_on()

    def _go_on(self) -> None:
        for _ in range(min(AT_ONCE, len(self._turns))):
            self._turns.popleft().turn.set()
        # Comes behind what they do with it.
        self._later(0.0, self._rest, self._spent())

    def _rest(self, before: float) -> None:
        used = self._spent() - before
        is_news = self._heard != self._heard_before
        pause = used / SHARE - used if is_news and not self._is_late else 0.0
        if self._turns:
            self._later(pause, self._go_on)
        else:
            self._later(max(pause, self._begun + INTERVAL - self._now()), self._end)

    def _end(self) -> None:
        with self._lock:
            self._is_called = False
        # Whoever changed something before this line has called nobody.
        if self._waiting():
            self._call()

    def _waiting(self) -> list[Place]:
        return [place for place in self._places if place.is_waiting and place.lag]

    def _dismiss(self) -> None:
        for place in self._places:
            place.turn.set()

    def _now(self) -> float:
        assert self._loop is not None
        return self._loop.time()

    def _later(self, seconds: float, act: Callable[..., None], *given: float) -> None:
        assert self._loop is not None
        if seconds > 0:
            self._loop.call_later(seconds, act, *given)
        else:
            self._loop.call_soon(act, *given)
