"""The thread that hears what workers say, and notices their end."""

from __future__ import annotations

import os
import selectors
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from katib.executors.calls.messages import FromWorker
from katib.executors.calls.outcome import NOT_UNDERSTOOD
from katib.executors.calls.seat import SILENT_SECONDS, Seat
from katib.executors.calls.worker import NotUnderstoodError
from katib.ports.clock import Clock

#: How often workers are looked at, in seconds: their time, their memory, what they print.
LOOK_EVERY = 0.1


@dataclass(frozen=True, slots=True)
class Ears:
    """Who is told, by the listener's thread.

    Attributes:
        hear: a worker has said something.
        finish: a worker has ended, or is no use any more.
        look: it is time to look at all workers; with the monotonic time.
    """

    hear: Callable[[Seat, FromWorker], None]
    finish: Callable[[Seat], None]
    look: Callable[[float], None]


class Listener:
    """Waits for all workers at once; costs nothing while there is none.

    Args:
        ears: who is told.
        clock: for how often workers are looked at.
    """

    def __init__(self, ears: Ears, clock: Clock) -> None:
        self._ears, self._clock = ears, clock
        self._selector = selectors.DefaultSelector()
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_write, False)
        self._selector.register(self._wake_read, selectors.EVENT_READ)
        # Held by who reads what workers say.
        self._hearing = threading.Lock()
        self._lock = threading.Lock()
        # New ones, and those that did not take all that they were told.
        self._news: list[Seat] = []
        self._seats: set[Seat] = set()
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="calls", daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def note(self, seat: Seat) -> None:
        """Listen to a new worker, or write to one that takes more as soon as it does."""
        with self._lock:
            self._news.append(seat)
        self._wake()

    def gather(self) -> None:
        """Hear what has been said already, in the caller's thread: it need not be woken then."""
        if not self._seats or not self._hearing.acquire(blocking=False):
            return
        try:
            for key, _ in self._selector.select(0):
                seat: Seat | None = key.data
                if seat is not None and key.fd == seat.worker.said and seat in self._seats:
                    self._read(seat)
        finally:
            self._hearing.release()

    def close(self) -> None:
        """Stop; called when there is no worker any more."""
        self._is_closed = True
        if self._thread.ident is not None:
            self._wake()
            self._thread.join()
        self._selector.close()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _wake(self) -> None:
        with suppress(BlockingIOError):
            os.write(self._wake_write, b"x")

    def _run(self) -> None:
        looked_at = self._clock.monotonic()
        while not self._is_closed:
            self._selector.select(LOOK_EVERY if self._seats else None)
            with self._hearing:
                # Some of it may have been heard by who gathers.
                for key, _ in self._selector.select(0):
                    seat: Seat | None = key.data
                    if seat is None:
                        os.read(self._wake_read, 1 << 12)
                    elif seat in self._seats:
                        self._heed(seat, key.fd)
                self._take_news()
            now = self._clock.monotonic()
            if now - looked_at >= LOOK_EVERY:
                looked_at = now
                self._look(now)

    def _take_news(self) -> None:
        with self._lock:
            news, self._news = self._news, []
        for seat in news:
            if not seat.is_watched:
                self._watch(seat)
            elif seat in self._seats and not seat.worker.push():
                with suppress(KeyError):
                    self._selector.register(seat.worker.told, selectors.EVENT_WRITE, seat)

    def _watch(self, seat: Seat) -> None:
        seat.is_watched = True
        self._seats.add(seat)
        for descriptor in (seat.worker.said, seat.handle):
            if descriptor is not None:
                self._selector.register(descriptor, selectors.EVENT_READ, seat)

    def _heed(self, seat: Seat, descriptor: int) -> None:
        if descriptor == seat.worker.told:
            if seat.worker.push():
                self._selector.unregister(descriptor)
            return
        if descriptor == seat.handle:
            # What it said before it ended may still be in the pipe.
            while seat.silent_since is None and self._read(seat):
                pass
            self._finish(seat)
            return
        self._read(seat)

    def _read(self, seat: Seat) -> bool:
        """Hear what there is; whether there was anything."""
        try:
            messages = seat.worker.read()
        except NotUnderstoodError as error:
            why = f"what the worker wrote into the engine's pipe is no message: {error}"
            self._silence(seat)
            seat.end(self._clock.monotonic(), (NOT_UNDERSTOOD, why))
            return False
        if messages is None:
            self._silence(seat)
            return False
        for message in messages:
            self._ears.hear(seat, message)
        return bool(messages)

    def _silence(self, seat: Seat) -> None:
        seat.silent_since = self._clock.monotonic()
        self._selector.unregister(seat.worker.said)

    def _look(self, now: float) -> None:
        with self._hearing:
            for seat in tuple(self._seats):
                since = seat.silent_since
                has_closed = since is not None and now >= since + SILENT_SECONDS
                if has_closed or (seat.handle is None and seat.worker.has_ended):
                    self._finish(seat)
        self._ears.look(now)

    def _finish(self, seat: Seat) -> None:
        self._seats.discard(seat)
        descriptors = (seat.worker.said, seat.worker.told, seat.handle)
        for descriptor in descriptors:
            if descriptor is not None:
                with suppress(KeyError):
                    self._selector.unregister(descriptor)
        if seat.handle is not None:
            os.close(seat.handle)
        self._ears.finish(seat)
