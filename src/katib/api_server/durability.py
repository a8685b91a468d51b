"""Writes are acknowledged when they are on disk; requests that wait share one flush."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import anyio.to_thread

from katib.api_server.statuses import unavailable
from katib.errors import StoreUnavailableError


class Durability:
    """Flushes a store for all who wait.

    Args:
        flush: returns when every write so far is safe.
    """

    def __init__(self, flush: Callable[[], None]) -> None:
        self._flush = flush
        self._next: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None

    async def settle(self) -> None:
        """Return when every write so far is safe from a crash.

        Raises:
            StatusError: 503, the disk refuses.
        """
        loop = asyncio.get_running_loop()
        # A flush that runs already may have begun before our write: wait for the one behind it.
        if self._next is None or self._next.get_loop() is not loop:
            self._next = loop.create_future()
        waited = self._next
        if self._task is None or self._task.done() or self._task.get_loop() is not loop:
            self._task = loop.create_task(self._work())
        try:
            await asyncio.shield(waited)
        except StoreUnavailableError as error:
            raise unavailable(str(error)) from error

    async def _work(self) -> None:
        while self._next is not None:
            waited, self._next = self._next, None
            try:
                await anyio.to_thread.run_sync(self._flush)
            except Exception as error:
                waited.set_exception(error)
                waited.exception()
            except asyncio.CancelledError:
                waited.cancel()
                raise
            else:
                waited.set_result(None)
