"""The worker process of an algorithm: what the engine starts beside itself.

::

    python -m katib.apps.worker [MEMORY_BYTES [IDLE_SECONDS]]

It speaks with the engine over what were its standard input and output, and ends with it.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
from collections.abc import Sequence
from typing import BinaryIO

from katib.ports.suggester import Suggester
from katib.suggesters.in_process import InProcessSuggester
from katib.suggesters.worker.serving import Connection, serve

#: After so many seconds without a question a worker ends; the next one is told the history again.
IDLE_SECONDS = 600.0


def worker_command(memory_bytes: int, idle_seconds: float = IDLE_SECONDS) -> tuple[str, ...]:
    """What starts a worker.

    Args:
        memory_bytes: the most that it may allocate; 0 for as much as there is.
        idle_seconds: when it ends if nothing is asked.
    """
    # Not the folder in which the engine works: a program's own random.py may lie there.
    return (sys.executable, "-P", "-m", __name__, str(memory_bytes), str(idle_seconds))


def work(suggester: Suggester, words: Sequence[str]) -> None:
    """Be a worker that asks the suggester, until the engine ends or asks nothing any more.

    Args:
        suggester: what answers.
        words: memory and idle time, as :func:`worker_command` writes them.
    """
    memory = int(words[0]) if words else 0
    idle = float(words[1]) if len(words) > 1 else IDLE_SECONDS
    # Ctrl-C in a terminal goes to everybody; when to end is the engine's to say.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The last words of one that is killed by a fault say where it was.
    faulthandler.enable()
    if memory:
        limit_memory(memory)
    serve(suggester, Connection(*_streams()), idle)


def limit_memory(size: int) -> None:
    """Let allocations beyond so many bytes fail. Linux alone counts all that is allocated."""
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard != resource.RLIM_INFINITY:
        size = min(size, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (size, hard))


def _streams() -> tuple[BinaryIO, BinaryIO]:
    """What the engine reads and writes; what algorithms print goes to the standard error."""
    inward, outward = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    return inward, outward


if __name__ == "__main__":
    work(InProcessSuggester(), sys.argv[1:])
