"""The event loop of this process's gRPC servers.

There is one, in a thread of its own: gRPC's library has a single queue of events for a process, and
several loops would wake one another for every call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from functools import cache
from threading import Lock, Thread
from typing import Any, TypeVar

import grpc.aio

Result = TypeVar("Result")

_starting = Lock()


def run(action: Coroutine[Any, Any, Result]) -> Result:
    """Do something on the loop, which is started for it; wait for the result."""
    with _starting:
        loop = _loop()
    return asyncio.run_coroutine_threadsafe(action, loop).result()


@cache
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    Thread(target=loop.run_forever, name="grpc", daemon=True).start()
    asyncio.run_coroutine_threadsafe(_keep_queue(), loop).result()
    return loop


async def _keep_queue() -> None:
    # Otherwise the queue goes with the last server, perhaps while the loop reads an event from it.
    grpc.aio.init_grpc_aio()  # type: ignore[attr-defined]  # its stubs lack it
